/**
 * A driver whose device copies pages by an engine, which ends some time after it was told to: it waits for that before the migration
 * goes on. And wrong twins of it.
 */
import {
  type Driver,
  defineDriver,
  faultArgs,
  type Mirror,
  type MirrorSetting,
  referenceDriver,
  systemFrames,
  workOf,
} from '../../src/driver/index.js'
import {
  type DeviceFault,
  flush_work,
  hasSource,
  isFreePage,
  isMigrating,
  LockRank,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
  pagesOf,
  queue_work,
  setDestination,
  type Task,
  tryLockPage,
  VM_FAULT_OOM,
} from '../../src/kernel/index.js'
import { type Layout, Mutex, procedure, type RecordOf, type Running, step } from '../../src/world/index.js'

const declareState = (l: Layout, { frames }: MirrorSetting) => ({
  /** One copy at a time. */
  copyLock: new Mutex(l, 'copy_lock', { rank: LockRank.update + 1 }),
  source: l.ref('source', frames),
  destination: l.ref('destination', frames),
})

type Copying = Mirror<RecordOf<ReturnType<typeof declareState>>>

/** The engine. */
const copy = procedure('copy engine', function* (_current: Task, { state }: Copying): Running<void> {
  yield* step('copy', () => {
    const { source, destination } = state
    if (source !== undefined && destination !== undefined) destination.contents = source.contents
    return 0
  })
})

/** Finds a destination, and tells the engine of it: 0; 1 if nothing is to be copied, or VM_FAULT_OOM. */
const beginCopy = procedure('begin the copy', function* (current: Task, mirror: Copying, page: number) {
  const { state, frames } = mirror
  const begun = yield* step('allocate', () => {
    const entry = pagesOf(current)[page]
    if (!isMigrating(entry) || !hasSource(entry)) return 1
    const frame = systemFrames(current).find((free) => isFreePage(free))
    if (frame === undefined) return VM_FAULT_OOM
    frame.refcount = 1
    tryLockPage(frame)
    setDestination(entry, frame)
    state.source = frames[entry.source]
    state.destination = frame
    return 0
  })
  if (begun === 0) yield* queue_work(workOf(mirror, 'copy'))
  return begun
})

/** The driver, or one with a flaw. */
export function copyingDriver(name: string, flaw?: 'does not wait' | 'waits too late'): Driver {
  const { invalidate, fault } = referenceDriver
  return defineDriver({
    name,
    state: declareState,
    work: { copy },
    invalidate,
    fault,
    migrateToRam: procedure(
      'copying migrate_to_ram',
      function* (current: Task, mirror: Copying, page: number, fault: DeviceFault): Running<number> {
        const args = faultArgs(current, mirror.mm, page, fault)
        yield* migrate_vma_setup(current, args)
        yield* mirror.state.copyLock.lock()
        const begun = yield* beginCopy(current, mirror, page)
        if (begun === 0 && flaw === undefined) yield* flush_work(workOf(mirror, 'copy'))
        yield* migrate_vma_pages(current, args)
        yield* migrate_vma_finalize(current, args)
        if (begun === 0 && flaw === 'waits too late') yield* flush_work(workOf(mirror, 'copy'))
        yield* mirror.state.copyLock.unlock()
        return begun === VM_FAULT_OOM ? begun : 0
      },
    ),
  })
}
