/**
 * The ranges that threads invalidate.
 *
 * @module
 */
import { claim, type World } from '../../world/index.js'
import type { Machine, MmStruct, NotifierRange, OpenRange, Task } from './records.js'

/** The thread begins to invalidate `range`: part of the step that counts it. @kernel mmu_notifier_range_init */
export function openRange(current: Task, mm: MmStruct, range: NotifierRange, w: World): void {
  const outer = current.machine.openRanges[current.thread]
  const inner = current.machine.openRanges[current.thread + current.machine.layout.threads]
  const open = inner !== undefined && outer.mm.get(w) !== 0 ? inner : outer
  claim('C32', open.mm.get(w) === 0, 'a thread opens an invalidation while another of its own is open')
  open.mm.set(w, mm.index + 1)
  open.start.set(w, range.start)
  open.end.set(w, range.end)
  open.event.set(w, range.event)
  open.blockable.set(w, range.blockable ? 1 : 0)
  open.owner.set(w, range.owner + 1)
}

/** The thread has ended its invalidation: part of the step that uncounts it. */
export function closeRange(current: Task, w: World): void {
  const open = innermostRange(current.machine, current.thread, w)
  claim('C12', open.mm.get(w) !== 0, 'the end of an invalidation is said that is not open')
  open.mm.set(w, 0)
  open.start.set(w, 0)
  open.end.set(w, 0)
  open.event.set(w, 0)
  open.blockable.set(w, 0)
  open.owner.set(w, 0)
}

/**
 * The range that `thread` has opened last and not closed: where a huge page is split in the middle of a change of its
 * page table, that of the split. The thread's own cells if it has none open.
 */
export function innermostRange({ openRanges, layout }: Machine, thread: number, w: World): OpenRange {
  const inner = openRanges[thread + layout.threads]
  return inner !== undefined && inner.mm.get(w) !== 0 ? inner : openRanges[thread]
}
