/**
 * Texts of drivers that map one page at a time under a read-write semaphore, as the example does, and let the device fault again
 * after a collision. What decides whether a walk is stale is the driver's own.
 */
import { expect, test } from 'vitest'
import type { Check, Files } from '../project.js'

/** What the drivers share. */
export const AGAIN: Files = {
  'base.js': `import { defineDriver, endOfRange, mapPage, rangeOf, dirtyPages, unmapPages, flushDevice, workOf } from 'hmm-spec/driver'
import { Errno, HMM_PFN_REQ_FAULT, HMM_PFN_REQ_WRITE, hmm_range_fault, isMappable, mmget_not_zero, mmput, mmu_interval_notifier_remove, mmu_interval_read_begin, mmu_interval_read_retry, mmu_interval_set_seq, LockRank, NotifyEvent, disable_work_sync, flush_work, queue_work } from 'hmm-spec/kernel'
import { exclusive, Mutex, procedure, RwSemaphore, shared, step } from 'hmm-spec/world'
export const walkPage = procedure('walk_page', function* (current, svm, { page, write }) {
  const { mmapLock } = svm.mm
  yield* mmapLock.lockRead()
  const error = yield* hmm_range_fault(current, rangeOf(svm, current), { start: page, end: page + 1, defaultFlags: 0, pfnFlagsMask: HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE, requests: [HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0)], owner: -1 })
  yield* mmapLock.unlockRead()
  return error
})
export const declareState = (l) => ({ notifierLock: new RwSemaphore(l, 'notifier_lock', { rank: LockRank.update }) })
export const zap = procedure('svm_zap', function* (svm, range) {
  yield* step('mark dirty and unmap', () => { dirtyPages(svm, range); unmapPages(svm, range); return 0 })
  yield* flushDevice(svm, range)
})
export const invalidate = procedure('svm_invalidate', function* (_current, svm, range, curSeq) {
  const { notifierLock } = svm.state
  if (range.blockable) yield* notifierLock.lockWrite()
  else if (!(yield* notifierLock.trylockWrite())) return 0
  yield* step('set_seq', () => { mmu_interval_set_seq(svm.notifier, curSeq); return 0 })
  yield* zap(svm, range)
  yield* notifierLock.unlockWrite()
  return 1
})
export const close = procedure('svm_fini', function* (_current, svm) {
  yield* svm.state.notifierLock.lockWrite()
  yield* zap(svm, { start: svm.notifier.start, end: svm.notifier.last + 1 })
  yield* svm.state.notifierLock.unlockWrite()
  yield* mmu_interval_notifier_remove(svm.notifier)
})
export { defineDriver, dirtyPages, disable_work_sync, endOfRange, Errno, flush_work, flushDevice, LockRank, mmget_not_zero, mmput, mmu_interval_notifier_remove, mmu_interval_read_begin, mmu_interval_read_retry, mmu_interval_set_seq, Mutex, NotifyEvent, procedure, queue_work, rangeOf, step, unmapPages, workOf }
export const pageTable = ({ notifierLock }) => ({ program: shared(notifierLock), remove: exclusive(notifierLock) })
export const mapIt = (svm, range, page) => { if (isMappable(range, page)) mapPage(svm, range, page); return 0 }
export const faultBy = (map) => procedure('svm_fault', function* (current, svm, start, _end, write) {
  if (!(yield* mmget_not_zero(svm.mm))) return -Errno.EFAULT
  const answer = yield* map(current, svm, start, write)
  yield* mmput(current, svm.mm)
  return answer
})
/** \`isStale\` is asked in a step. */
export const mapIf = (isStale) => procedure('svm_map_page', function* (current, svm, page, write) {
  const range = rangeOf(svm, current)
  yield* mmu_interval_read_begin(svm.notifier, range.notifierSeq)
  const error = yield* walkPage(current, svm, { page, write })
  if (error) return error === -Errno.EBUSY ? 'again' : error
  yield* svm.state.notifierLock.lockRead()
  const collided = (yield* mmu_interval_read_retry(svm.notifier, range.notifierSeq)) !== 0
  const stale = yield* step('is it stale?', () => isStale(collided, svm, page))
  if (!stale) yield* step('map the page', () => mapIt(svm, range, page))
  yield* svm.state.notifierLock.unlockRead()
  return stale ? 'again' : 'mapped'
})
export const driver = (more) => defineDriver({ name: 'again', state: declareState, pageTable, invalidate, close, fault: faultBy(mapIf((collided) => collided)), ...more })
export const asking = (isStale) => driver({ fault: faultBy(mapIf(isStale)) })
`,
}

/** The text of a module that has all that `base.js` gives. */
export const module = (text: string): string => `import { ${NAMES.join(', ')} } from './base.js'\n${text}`

/** A driver that asks `isStale` in a step, with `collided`, `svm` and `page`. */
export const asking = (declared: string, isStale: string): string =>
  `import { asking } from './base.js'\n${declared}\nexport default asking((collided, svm, page) => ${isStale})\n`

/** A driver whose fault maps so: the text of a generator's body. `begin` and the walk stand before it, and `range` is its range. */
export const mapping = (body: string, declared = '', more = ''): string =>
  module(`${declared}
const map = procedure(function* map_one(current, svm, page, write) {
  const range = rangeOf(svm, current)
  yield* mmu_interval_read_begin(svm.notifier, range.notifierSeq)
  const error = yield* walkPage(current, svm, { page, write })
  if (error) return error === -Errno.EBUSY ? 'again' : error
  ${body}
})
export default driver({ fault: faultBy(map)${more === '' ? '' : `, ${more}`} })
`)

/** The usual body, in which `decide` says whether the walk is stale. */
export const decided = (decide: string, declared = '', more = ''): string =>
  mapping(
    `yield* svm.state.notifierLock.lockRead()
  const collided = (yield* mmu_interval_read_retry(svm.notifier, range.notifierSeq)) !== 0
  ${decide}
  if (!stale) yield* step('map the page', () => mapIt(svm, range, page))
  yield* svm.state.notifierLock.unlockRead()
  return stale ? 'again' : 'mapped'`,
    declared,
    more,
  )

/** A fault that tries three times, with what it keeps between its tries. */
export const trying = (kept: string, isStale: string, declared = '', begins = ''): string =>
  module(`${declared}
const map = procedure(function* map_one(current, svm, page, write) {
  const range = rangeOf(svm, current)
  ${kept}
  for (let i = 0; i < 3; i++) {
    yield* mmu_interval_read_begin(svm.notifier, range.notifierSeq)
    const error = yield* walkPage(current, svm, ${begins === '' ? '{ page, write }' : begins})
    if (error) return error === -Errno.EBUSY ? 'again' : error
    yield* svm.state.notifierLock.lockRead()
    const collided = (yield* mmu_interval_read_retry(svm.notifier, range.notifierSeq)) !== 0
    const stale = ${isStale}
    if (!stale) yield* step('map the page', () => mapIt(svm, range, page))
    yield* svm.state.notifierLock.unlockRead()
    if (!stale) return 'mapped'
    yield* endOfRange(current, svm, 'again')
  }
  return 'again'
})
export default driver({ fault: faultBy(map) })
`)

/** A callback that takes the lock, and does this: `range` is what is invalidated. */
export const invalidating = (body: string, declared = '', more = ''): string =>
  module(`${declared}
const invalidate = procedure(function* svm_invalidate(current, svm, range, curSeq) {
  const { notifierLock } = svm.state
  if (range.blockable) yield* notifierLock.lockWrite()
  else if (!(yield* notifierLock.trylockWrite())) return 0
  ${body}
  yield* notifierLock.unlockWrite()
  return 1
})
export default driver({ invalidate${more === '' ? '' : `, ${more}`} })
`)

/** [what it is, its text or files, what is said of it, another scenario than the smallest that has collisions] */
export type Refused = readonly [what: string, files: string | Files, said: string, scenario?: string]

/** Tests that none of the drivers is checked. */
export function refuses(check: Check, rows: readonly Refused[]): void {
  const named = rows.map(([what, files, said, scenario = 'unmap-and-close']) => ({
    what,
    files,
    said,
    scenario,
  }))
  test.each(named)('$what', ({ files, said, scenario }) => {
    const { code, out } = check(typeof files === 'string' ? { 'driver.js': files } : files, 'driver.js', [
      scenario,
    ])
    expect(out).toContain(said)
    expect(code).toBe(2)
  })
}

const NAMES = [
  'close',
  'declareState',
  'dirtyPages',
  'disable_work_sync',
  'driver',
  'endOfRange',
  'Errno',
  'faultBy',
  'flush_work',
  'flushDevice',
  'LockRank',
  'mapIf',
  'mapIt',
  'mmget_not_zero',
  'mmput',
  'mmu_interval_notifier_remove',
  'mmu_interval_read_begin',
  'mmu_interval_read_retry',
  'mmu_interval_set_seq',
  'Mutex',
  'NotifyEvent',
  'procedure',
  'queue_work',
  'rangeOf',
  'step',
  'unmapPages',
  'walkPage',
  'workOf',
  'zap',
]
