/** The comparison is awake: the recordings tell a memory management or a driver that is a little different. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { comparePrefix, parseLine } from '../../src/conformance/index.js'
import { unmapPages } from '../../src/driver/index.js'
import { dmirrorDoFault, dmirrorIntervalInvalidate } from '../../src/driver/recorded/index.js'
import {
  changeProtection,
  Errno,
  madviseDontneed,
  mmuIntervalSetSeq,
  mprotect,
  tlbFinishMmu,
  zapPageRange,
  zapPteRange,
} from '../../src/kernel/index.js'
import { type Override, override, step } from '../../src/world/index.js'

const file = fileURLToPath(new URL('../fixtures/linux-6.1-sequences.jsonl.gz', import.meta.url))
const recordings = gunzipSync(readFileSync(file))
  .toString('utf8')
  .trimEnd()
  .split('\n')
  .map((text, index) => parseLine(file, index + 1, text))

/** Each with the fields that it shows in. */
const CASES: readonly (readonly [what: string, changed: Override, fields: readonly string[]])[] = [
  [
    'a driver without the habit of dropping one entry too many',
    override(
      dmirrorIntervalInvalidate,
      () =>
        function* (_current, mirror, range, curSeq) {
          yield* mirror.updateLock.critical('drop just the range', () => {
            mmuIntervalSetSeq(mirror.notifier, curSeq)
            unmapPages(mirror, range)
            return 0
          })
          return 1
        },
    ),
    ['faults'],
  ],
  [
    'a driver that keeps its entries',
    override(
      dmirrorIntervalInvalidate,
      () =>
        function* (_current, mirror, _range, curSeq) {
          yield* mirror.updateLock.critical('set the sequence', () => {
            mmuIntervalSetSeq(mirror.notifier, curSeq)
            return 0
          })
          return 1
        },
    ),
    // It reads what is not there any more, which the oracle itself claims it does not.
    ['claim', 'faults', 'rc'],
  ],
  [
    'a driver that maps nothing',
    override(
      dmirrorDoFault,
      () =>
        function* () {
          yield* step('refuse', () => 0)
          return -Errno.EFAULT
        },
    ),
    ['rc', 'err', 'cpages', 'faults'],
  ],
  [
    'an mprotect that says EINVAL of a hole',
    override(
      mprotect,
      (original) =>
        function* (current, page, pages, flags) {
          const error = yield* original(current, page, pages, flags)
          return error === -Errno.ENOMEM ? -Errno.EINVAL : error
        },
    ),
    ['rc', 'err'],
  ],
  ['an mprotect that forgets the entries', override(changeProtection, () => function* () {}), ['prot']],
  [
    'an madvise that does nothing',
    override(
      madviseDontneed,
      () =>
        function* () {
          return 0
        },
    ),
    ['ptes', 'prot', 'vals', 'rc'],
  ],
  [
    'a kernel that zaps without telling anybody',
    override(
      zapPageRange,
      () =>
        function* (current, mm, _event, start, end) {
          const gathered = yield* zapPteRange(current, mm, start, end)
          yield* tlbFinishMmu(current, mm, start, end, gathered)
        },
    ),
    ['claim', 'faults'],
  ],
]

describe.each(CASES)('%s', (_what, changed, fields) => {
  it('is told', () => {
    const mismatches = recordings.flatMap(
      (recording) => comparePrefix(recording, { overrides: [changed] }).mismatches,
    )
    const seen = new Set(mismatches.map(({ field }) => field))
    for (const field of fields) expect(seen).toContain(field)
    expect(mismatches.length).toBeGreaterThan(0)
  })
})
