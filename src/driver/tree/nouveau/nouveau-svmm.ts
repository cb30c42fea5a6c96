/**
 * An address space of the GPU: its state, and its notifiers. An interval notifier lives as long as
 * one fault or one migration, and sets the sequence number; a classic notifier lives as long as the
 * address space, is called after it, and clears the GPU's entries.
 *
 * @see drivers/gpu/drm/nouveau/nouveau_svm.c
 * @module
 */
import { flushDevice } from '../../../device/index.js'
import {
  Errno,
  type IntervalNotifier,
  LockRank,
  mmu_interval_notifier_insert,
  mmu_interval_notifier_remove,
  mmu_interval_set_seq,
  type NotifierRange,
  NotifyEvent,
  type Task,
} from '../../../kernel/index.js'
import {
  type Layout,
  Mutex,
  Pool,
  procedure,
  type RecordOf,
  type Running,
  step,
} from '../../../world/index.js'
import type { MirrorSetting } from '../../driver.js'
import { isOwnMigration, type Mirror } from '../../mirror.js'
import { dirtyPages, unmapPages } from '../../page-table.js'

/** An address space of the GPU. @kernel struct nouveau_svmm */
export const declareSvmm = (l: Layout, { declareNotifier, threads, size }: MirrorSetting) => {
  // Any thread may migrate to VRAM.
  const inserts = (thread: number) => threads.includes(thread) || (size.deviceMemory ?? []).length > 0
  const mutex = new Mutex(l, 'mutex', { rank: LockRank.update })
  return {
    mutex,
    /** False once the address space is destroyed. @kernel nouveau_svmm.vmm */
    hasVmm: l.flag('vmm', { initial: 1, guardedBy: mutex }),
    /** The stack of each thread, with room for one notifier. */
    stacks: l.array('stack', l.threads, (stack, thread) => ({
      notifiers: new Pool(stack, 'svm_notifier', inserts(thread) ? 1 : 0, (sn) =>
        declareSvmNotifier(sn, declareNotifier(sn, [thread])),
      ),
    })),
  }
}

/** @kernel struct svm_notifier */
const declareSvmNotifier = (l: Layout, notifier: IntervalNotifier) => ({
  notifier,
  /** True for a migration to VRAM by the thread. Of its own invalidations the thread is not told. */
  isMove: l.flag('is_move'),
  /** The sequence number at the start of the migration. */
  moveSeq: l.sequence('move_seq', notifier),
})

/** An address space of the GPU. */
export type Svmm = Mirror<RecordOf<ReturnType<typeof declareSvmm>>>

/** An interval notifier, on the stack of a thread. */
export type SvmNotifier = Svmm['state']['stacks'][number]['notifiers']['objects'][number]

/** Pages from `start` to `end`, the page after the last. */
type Pages = Pick<NotifierRange, 'start' | 'end'>

/**
 * Inserts an interval notifier over `pages`, on the stack of `current`.
 *
 * @returns the notifier; `none` if the address space has no users
 */
export const nouveau_notifier_insert = procedure(
  'nouveau_range_fault (insert)',
  function* (current: Task, svmm: Svmm, pages: Pages, isMove: boolean): Running<SvmNotifier | 'none'> {
    const { notifiers } = svmm.state.stacks[current.thread]
    const sn = yield* step(
      'struct svm_notifier',
      () =>
        notifiers.allocate((made) => {
          made.isMove = isMove
        }) ?? 'none',
    )
    if (sn === 'none') return 'none'
    if (!(yield* mmu_interval_notifier_insert(sn.notifier, pages))) return sn
    yield* nouveau_notifier_end(current, svmm, sn)
    return 'none'
  },
)

/** Removes the notifier, and returns from the function whose stack it is on. */
export const nouveau_notifier_remove = procedure(
  'nouveau_range_fault (remove)',
  function* (current: Task, svmm: Svmm, sn: SvmNotifier): Running<void> {
    yield* mmu_interval_notifier_remove(sn.notifier)
    yield* nouveau_notifier_end(current, svmm, sn)
  },
)

/** The function returns: its stack is used for something else. */
export const nouveau_notifier_end = procedure(
  'nouveau_range_fault (return)',
  function* (current: Task, svmm: Svmm, sn: SvmNotifier): Running<void> {
    yield* step('return', () => {
      svmm.state.stacks[current.thread].notifiers.put(sn)
      return 0
    })
  },
)

/**
 * Clears entries of the GPU's page table, which a destroyed address space has no more. Called under
 * `svmm->mutex`.
 *
 * @kernel nouveau_svmm_invalidate (NVIF_VMM_V0_PFNCLR)
 */
export const nouveau_svmm_invalidate = procedure(function* nouveau_svmm_invalidate(
  svmm: Svmm,
  range: Pages,
): Running<void> {
  yield* step('NVIF_VMM_V0_PFNCLR', () => {
    if (!svmm.state.hasVmm) return 0
    dirtyPages(svmm, range)
    unmapPages(svmm, range)
    return 0
  })
  yield* flushDevice(svmm, range)
})

/** True if nouveau itself takes exclusive access to the pages. */
function isOwnExclusive({ exclusiveOwner }: Svmm, { event, owner }: NotifierRange): boolean {
  return event === NotifyEvent.EXCLUSIVE && owner >= 0 && owner === exclusiveOwner
}

/**
 * The interval notifier: a running fault or migration starts over. It clears no entry: the classic
 * notifier is called after it.
 */
export const nouveau_svm_range_invalidate = procedure(function* nouveau_svm_range_invalidate(
  current: Task,
  svmm: Svmm,
  range: NotifierRange,
  curSeq: number,
  notifier: IntervalNotifier,
): Running<number> {
  const { mutex } = svmm.state
  if (isOwnExclusive(svmm, range)) return 1
  const setSeq = () => {
    if (!isOwnMove(current, svmm, range, notifier)) mmu_interval_set_seq(notifier, curSeq)
    return 0
  }
  if (range.blockable) yield* mutex.critical('mmu_interval_set_seq', setSeq)
  else {
    if (!(yield* mutex.trylock())) return 0
    yield* step('mmu_interval_set_seq (trylock)', setSeq)
    yield* mutex.unlock()
  }
  return 1
})

/** True if the invalidation comes from the migration whose notifier this is. Called inside an atomic step. */
function isOwnMove(current: Task, svmm: Svmm, range: NotifierRange, notifier: IntervalNotifier): boolean {
  if (!isOwnMigration(svmm, range)) return false
  const [own] = svmm.state.stacks[current.thread].notifiers.allocated
  return own?.notifier === notifier && own.isMove
}

/** The classic notifier. It also clears the entries of pages that nouveau itself migrates. */
export const nouveau_svmm_invalidate_range_start = procedure(function* nouveau_svmm_invalidate_range_start(
  _current: Task,
  svmm: Svmm,
  range: NotifierRange,
): Running<number> {
  const { mutex } = svmm.state
  if (!range.blockable) return -Errno.EAGAIN
  yield* mutex.lock()
  yield* nouveau_svmm_invalidate(svmm, range)
  yield* mutex.unlock()
  return 0
})
