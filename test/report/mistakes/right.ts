/** The driver that the mistakes are made in: one page a fault, the mirror's mutex, one try for each fault. */
import {
  type Driver,
  dirtyPages,
  type FaultAnswer,
  flushDevice,
  type Mirror,
  mapPage,
  rangeOf,
  unmapPages,
} from 'hmm-spec/driver'
import {
  Errno,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  hmm_range_fault,
  isMappable,
  mmget_not_zero,
  mmput,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  mmu_interval_set_seq,
  type NotifierRange,
  type Task,
} from 'hmm-spec/kernel'
import { procedure, type Running, step } from 'hmm-spec/world'

export const walk = procedure(function* my_walk(current: Task, my: Mirror, page: number, write: boolean) {
  const { mmapLock } = my.mm
  yield* mmapLock.lockRead()
  const error = yield* hmm_range_fault(current, rangeOf(my, current), {
    start: page,
    end: page + 1,
    defaultFlags: HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0),
    pfnFlagsMask: 0,
    owner: -1,
  })
  yield* mmapLock.unlockRead()
  return error
})

export const program = procedure(function* my_program(
  current: Task,
  my: Mirror,
  page: number,
): Running<void> {
  yield* step('program the entry', () => {
    const range = rangeOf(my, current)
    if (isMappable(range, page)) mapPage(my, range, page)
    return 0
  })
})

export const mapOnePage = procedure(function* my_map_page(
  current: Task,
  my: Mirror,
  page: number,
  write: boolean,
): Running<FaultAnswer> {
  const { notifierSeq } = rangeOf(my, current)
  yield* mmu_interval_read_begin(my.notifier, notifierSeq)
  const error = yield* walk(current, my, page, write)
  if (error) return error === -Errno.EBUSY ? 'again' : error
  yield* my.updateLock.lock()
  const collided = yield* mmu_interval_read_retry(my.notifier, notifierSeq)
  if (!collided) yield* program(current, my, page)
  yield* my.updateLock.unlock()
  return collided ? 'again' : 'mapped'
})

type MapOnePage = typeof mapOnePage

/** Serves a fault with a text that maps one page. */
export const faultWith = (map: MapOnePage) =>
  procedure(function* my_fault(
    current: Task,
    my: Mirror,
    start: number,
    _end: number,
    write: boolean,
  ): Running<FaultAnswer> {
    if (!(yield* mmget_not_zero(my.mm))) return -Errno.EFAULT
    const answer = yield* map(current, my, start, write)
    yield* mmput(current, my.mm)
    return answer
  })

export const fault = faultWith(mapOnePage)

export const zap = procedure(function* my_zap(
  my: Mirror,
  range: Pick<NotifierRange, 'start' | 'end'>,
): Running<void> {
  yield* step('mark dirty and remove the entries', () => {
    dirtyPages(my, range)
    unmapPages(my, range)
    return 0
  })
  yield* flushDevice(my, range)
})

export const invalidate = procedure(function* my_invalidate(
  _current: Task,
  my: Mirror,
  range: NotifierRange,
  curSeq: number,
): Running<number> {
  if (range.blockable) yield* my.updateLock.lock()
  else if (!(yield* my.updateLock.trylock())) return 0
  yield* step('set_seq', () => {
    mmu_interval_set_seq(my.notifier, curSeq)
    return 0
  })
  yield* zap(my, range)
  yield* my.updateLock.unlock()
  return 1
})

export default { name: 'right', invalidate, fault } satisfies Driver
