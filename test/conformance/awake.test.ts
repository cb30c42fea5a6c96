/** The comparison is awake: the recordings tell a memory management or a driver that is a little different. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { comparePrefix, parseLine } from '../../src/conformance/index.js'
import { unmapPages } from '../../src/driver/index.js'
import { dmirror_do_fault, dmirror_interval_invalidate } from '../../src/driver/recorded/index.js'
import {
  change_protection,
  Errno,
  madvise_dontneed,
  mmu_interval_set_seq,
  mprotect,
  tlb_finish_mmu,
  zap_page_range,
  zap_pte_range,
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
      dmirror_interval_invalidate,
      () =>
        function* (_current, mirror, range, curSeq) {
          yield* mirror.updateLock.critical('drop just the range', () => {
            mmu_interval_set_seq(mirror.notifier, curSeq)
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
      dmirror_interval_invalidate,
      () =>
        function* (_current, mirror, _range, curSeq) {
          yield* mirror.updateLock.critical('set the sequence', () => {
            mmu_interval_set_seq(mirror.notifier, curSeq)
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
      dmirror_do_fault,
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
  ['an mprotect that forgets the entries', override(change_protection, () => function* () {}), ['prot']],
  [
    'an madvise that does nothing',
    override(
      madvise_dontneed,
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
      zap_page_range,
      () =>
        function* (current, mm, _event, start, end) {
          const gathered = yield* zap_pte_range(current, mm, start, end)
          yield* tlb_finish_mmu(current, mm, start, end, gathered)
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
