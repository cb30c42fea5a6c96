/**
 * mlx5 with implicit on-demand paging: a region of the whole address space, with a child for each
 * part that is in use. A fault creates the child; the callback that unmaps its last page removes it
 * from the array of children, and a work item destroys it.
 *
 * A part is one page here. All children share one notifier and one `umem_mutex`; in the kernel each
 * has its own.
 *
 * @see drivers/infiniband/hw/mlx5/odp.c
 * @module
 */
import { flushDevice } from '../../device/index.js'
import {
  disable_work_sync,
  Errno,
  LockRank,
  mmu_interval_notifier_remove,
  mmu_interval_set_seq,
  type NotifierRange,
  queue_work,
  type Task,
} from '../../kernel/index.js'
import {
  BLOCKED,
  become,
  type Layout,
  List,
  Pool,
  procedure,
  type RecordOf,
  type Running,
  Spinlock,
  step,
} from '../../world/index.js'
import { defineDriver, type FaultAnswer, type MirrorSetting } from '../driver.js'
import { endOfRange } from '../fault.js'
import { type Mirror, workOf } from '../mirror.js'
import { dirtyPages, unmapPages } from '../page-table.js'
import { declareUmemOdp, ib_umem_odp_map_dma_and_lock, mmput_async, type OdpRequest } from './umem-odp.js'

const declareImplicitMr = (l: Layout, { size }: MirrorSetting) => {
  const { umemMutex } = declareUmemOdp(l)
  const childrenLock = new Spinlock(l, 'implicit_children.xa_lock', { rank: LockRank.update + 1 })
  const mkeysLock = new Spinlock(l, 'odp_mkeys.xa_lock', { rank: LockRank.update + 2 })
  // One in use, one being destroyed, and one for each fault that loses the race to create it.
  const children = new Pool(l, 'child', size.pages + l.threads, (child) => ({
    /** Its page. */
    idx: child.counter('idx', size.pages),
    /** `umem_odp->npages`. */
    npages: child.counter('npages', 1, { guardedBy: umemMutex }),
    /** `mmkey.usecount`: of the array, and of the faults that use it. */
    usecount: child.counter('usecount', l.threads + 2),
  }))
  return {
    umemMutex,
    childrenLock,
    mkeysLock,
    children,
    implicitChildren: new List(l, 'implicit_children', children, { guardedBy: childrenLock }),
    /** Of the device: a fault looks up its key here. The keys of the children. */
    odpMkeys: new List(l, 'odp_mkeys', children, { guardedBy: mkeysLock }),
    /** Children whose work item is queued: in the kernel each has its own. */
    odpDestroy: new List(l, 'odp_destroy', children),
    /** `mmkey.usecount` of the region itself: its own, that of each fault, and of each child that is being destroyed. */
    usecount: l.counter('usecount', l.threads + size.pages + 2, { initial: 1 }),
    /** True once the region has been removed from `odp_mkeys`. */
    isErased: l.flag('erased', { guardedBy: mkeysLock }),
  }
}

/** A region of the whole address space. @kernel struct mlx5_ib_mr */
export type ImplicitMr = Mirror<RecordOf<ReturnType<typeof declareImplicitMr>>>

/** A child of it. @kernel struct mlx5_ib_mr */
export type ChildMr = ImplicitMr['state']['children']['objects'][number]

/** A fault of the device. @kernel pagefault_single_data_segment */
export const mlx5_ib_eqe_pf_action = procedure(function* mlx5_ib_eqe_pf_action(
  current: Task,
  imr: ImplicitMr,
  start: number,
  end: number,
  write: boolean,
): Running<FaultAnswer> {
  const { mkeysLock } = imr.state
  const found = yield* mkeysLock.critical('find_odp_mkey', () => {
    if (imr.state.isErased) return 0
    imr.state.usecount += 1
    return 1
  })
  if (!found) return -Errno.EFAULT
  const error = yield* pagefault_implicit_mr(current, imr, start, end, write)
  yield* mlx5r_deref_odp_mkey(imr)
  return error ? error : 'mapped'
})

/** Gets the child of each page, and maps the page for it. */
export const pagefault_implicit_mr = procedure(function* pagefault_implicit_mr(
  current: Task,
  imr: ImplicitMr,
  start: number,
  end: number,
  write: boolean,
): Running<number> {
  let error = 0
  for (let page = start; page < end && !error; page++) {
    const child = yield* implicit_get_child_mr(imr, page)
    error = yield* pagefault_real_mr(current, imr, child, { start: page, end: page + 1, write })
    yield* derefChild(child)
  }
  return error
})

/**
 * Finds the child of a page or creates it; another fault may create it meanwhile. Returns with a
 * use count on it.
 */
export const implicit_get_child_mr = procedure(function* implicit_get_child_mr(
  { state }: ImplicitMr,
  page: number,
): Running<ChildMr> {
  const known = yield* state.childrenLock.critical('xa_load', () => useOf(state, page))
  if (known !== 'none') return known
  const made = yield* step('ib_umem_odp_alloc_child', () => {
    const child = state.children.allocate((fresh) => {
      fresh.idx = page
      fresh.usecount = 2
    })
    if (child === undefined)
      throw new Error(`there is no room for a child: the pool of ${state.children.name}`)
    return child
  })
  yield* state.childrenLock.lock()
  const other = yield* step('__xa_cmpxchg', () => {
    const there = useOf(state, page)
    if (there === 'none') state.implicitChildren.addTail(made)
    return there
  })
  if (other === 'none') yield* storeMkey(state, made)
  yield* state.childrenLock.unlock()
  if (other === 'none') return made
  yield* step('mlx5_ib_dereg_mr', () => {
    state.children.put(made)
    return 0
  })
  return other
})

/** Takes a use count on the child of the page. Called inside an atomic step. */
function useOf({ implicitChildren }: ImplicitMr['state'], page: number): ChildMr | 'none' {
  const child = implicitChildren.items.find(({ idx }) => idx === page)
  if (child) child.usecount += 1
  return child ?? 'none'
}

/** Stores the key of a new child in the device's array, which has a lock of its own. */
export const storeMkey = procedure(
  'implicit_get_child_mr (odp_mkeys)',
  function* ({ mkeysLock, odpMkeys }: ImplicitMr['state'], child: ChildMr): Running<void> {
    yield* mkeysLock.critical('xa_store', () => {
      odpMkeys.addTail(child)
      return 0
    })
  },
)

/** Maps a page for its child. */
export const pagefault_real_mr = procedure(function* pagefault_real_mr(
  current: Task,
  imr: ImplicitMr,
  child: ChildMr,
  request: OdpRequest,
): Running<number> {
  const error = yield* ib_umem_odp_map_dma_and_lock(current, imr, request)
  if (!error) {
    yield* step('mlx5r_umr_update_xlt', () => {
      child.npages = 1
      return 0
    })
    yield* imr.state.umemMutex.unlock()
    yield* mmput_async(current, imr)
  }
  yield* endOfRange(current, imr, error)
  return error
})

/** A fault drops its use count on the child. @kernel mlx5r_deref_odp_mkey */
export const derefChild = procedure(
  'mlx5r_deref_odp_mkey (child)',
  function* (child: ChildMr): Running<void> {
    yield* step('drop a use of the child', () => {
      child.usecount -= 1
      return 0
    })
  },
)

/** Drops a use count on the region. */
export const mlx5r_deref_odp_mkey = procedure(function* mlx5r_deref_odp_mkey({
  state,
}: ImplicitMr): Running<void> {
  yield* step('drop a use of the region', () => {
    state.usecount -= 1
    return 0
  })
})

/** The callback. */
export const mlx5_ib_invalidate_range = procedure(function* mlx5_ib_invalidate_range(
  _current: Task,
  imr: ImplicitMr,
  range: NotifierRange,
  curSeq: number,
): Running<number> {
  const { umemMutex } = imr.state
  if (!range.blockable) return 0
  yield* umemMutex.lock()
  yield* step('set_seq', () => {
    mmu_interval_set_seq(imr.notifier, curSeq)
    return 0
  })
  for (let page = range.start; page < range.end; page++) {
    const count = yield* step('look at npages', () => mappedAt(imr, page).length)
    if (count === 0) continue
    yield* zapPage(imr, page)
    for (let i = 0; i < count; i++) {
      const child = yield* step('ib_umem_odp_unmap_dma_pages', () => {
        const [mapped] = mappedAt(imr, page)
        mapped.npages = 0
        return mapped
      })
      yield* destroy_unused_implicit_child_mr(imr, child)
    }
  }
  yield* umemMutex.unlock()
  return 1
})

/**
 * The children that map the page: more than one if one of them is about to be destroyed. Called
 * inside an atomic step.
 */
function mappedAt({ state }: ImplicitMr, page: number): ChildMr[] {
  return state.children.allocated.filter(({ idx, npages }) => idx === page && npages > 0)
}

/**
 * Removes the device's mapping of the page, and marks the page dirty if the device may have written
 * to it.
 *
 * @kernel mlx5r_umr_update_xlt
 */
export const zapPage = procedure(
  'mlx5r_umr_update_xlt (zap)',
  function* (imr: ImplicitMr, page: number): Running<void> {
    const range = { start: page, end: page + 1 }
    yield* step('zap', () => {
      dirtyPages(imr, range)
      unmapPages(imr, range)
      return 0
    })
    yield* flushDevice(imr, range)
  },
)

/**
 * The child maps no page: the thread that removes it from the array queues its destruction. Called
 * under `umem_mutex`.
 */
export const destroy_unused_implicit_child_mr = procedure(function* destroy_unused_implicit_child_mr(
  imr: ImplicitMr,
  child: ChildMr,
): Running<void> {
  const { state } = imr
  const isThere = yield* step('refcount_inc_not_zero', () => {
    if (state.usecount === 0) return 0
    state.usecount += 1
    return 1
  })
  if (!isThere) return
  const mine = yield* takeOffArrays(imr, child)
  if (mine) yield* queueDestroy(imr, child)
  else yield* mlx5r_deref_odp_mkey(imr)
})

/** Removes the child from both arrays. Returns true if it was in them. */
export const takeOffArrays = procedure(
  'destroy_unused_implicit_child_mr (xa_erase)',
  function* ({ state }: ImplicitMr, child: ChildMr): Running<number> {
    yield* state.childrenLock.lock()
    const mine = yield* step('__xa_cmpxchg', () => {
      if (!state.implicitChildren.items.includes(child)) return 0
      state.implicitChildren.remove(child)
      return 1
    })
    if (mine)
      yield* state.mkeysLock.critical('xa_erase', () => {
        state.odpMkeys.remove(child)
        return 0
      })
    yield* state.childrenLock.unlock()
    return mine
  },
)

/** Freeing the child sleeps, so a work item does it. */
export const queueDestroy = procedure(
  'destroy_unused_implicit_child_mr (queue_work)',
  function* (imr: ImplicitMr, child: ChildMr): Running<void> {
    yield* step('odp_destroy.work', () => {
      imr.state.odpDestroy.addTail(child)
      return 0
    })
    yield* queue_work(workOf(imr, 'odpDestroy'))
  },
)

/** Destroys the queued children. */
export const free_implicit_child_mr_work = procedure(function* free_implicit_child_mr_work(
  current: Task,
  imr: ImplicitMr,
): Running<void> {
  const { odpDestroy, children, umemMutex } = imr.state
  const child = yield* step('the child of this item', () => {
    const { first } = odpDestroy
    if (first) odpDestroy.remove(first)
    return first ?? 'none'
  })
  if (child === 'none') return
  yield* derefChild(child)
  yield* step('mlx5r_deref_wait_odp_mkey', () => (child.usecount > 0 ? BLOCKED : 0))
  yield* umemMutex.lock()
  yield* unmapChild(imr, child)
  yield* umemMutex.unlock()
  yield* step('mlx5_ib_dereg_mr', () => {
    children.put(child)
    return 0
  })
  yield* mlx5r_deref_odp_mkey(imr)
  return yield* become(free_implicit_child_mr_work, current, imr)
})

/**
 * Unmaps the page of the child if it is still mapped. Called under `umem_mutex`.
 *
 * @kernel ib_umem_odp_release
 */
export const unmapChild = procedure(
  'ib_umem_odp_release',
  function* (imr: ImplicitMr, child: ChildMr): Running<void> {
    const mapped = yield* step('look at npages', () => (child.npages > 0 ? { page: child.idx } : 'none'))
    if (mapped === 'none') return
    yield* zapPage(imr, mapped.page)
    yield* step('ib_umem_odp_unmap_dma_pages', () => {
      child.npages = 0
      return 0
    })
  },
)

/**
 * Deregisters the region: no fault finds it any more; waits for running faults and for the children
 * being destroyed.
 */
export const mlx5_ib_dereg_mr = procedure(function* mlx5_ib_dereg_mr(
  current: Task,
  imr: ImplicitMr,
): Running<void> {
  const { mkeysLock } = imr.state
  yield* mkeysLock.critical('xa_erase', () => {
    imr.state.isErased = true
    return 0
  })
  yield* mlx5r_deref_odp_mkey(imr)
  yield* step('mlx5r_deref_wait_odp_mkey', () => (imr.state.usecount > 0 ? BLOCKED : 0))
  yield* mlx5_ib_free_odp_mr(current, imr)
  // One work item for all children; in the kernel each child has its own.
  yield* disable_work_sync(workOf(imr, 'odpDestroy'))
})

/** Frees the remaining children. Only the callback can still reach the region. */
export const mlx5_ib_free_odp_mr = procedure(function* mlx5_ib_free_odp_mr(
  _current: Task,
  imr: ImplicitMr,
): Running<void> {
  const { umemMutex } = imr.state
  yield* umemMutex.lock()
  for (let page = imr.notifier.start; page <= imr.notifier.last; page++) {
    const isMapped = yield* step('look at npages', () => (mappedAt(imr, page).length > 0 ? 1 : 0))
    if (isMapped) yield* zapPage(imr, page)
  }
  yield* umemMutex.unlock()
  yield* mmu_interval_notifier_remove(imr.notifier)
  yield* freeChildren(imr)
})

/** Frees them one by one. */
export const freeChildren = procedure(
  'mlx5_ib_free_odp_mr (children)',
  function* (imr: ImplicitMr): Running<void> {
    const { state } = imr
    yield* state.childrenLock.lock()
    const child = yield* step('xa_erase', () => {
      const { first } = state.implicitChildren
      if (first) state.implicitChildren.remove(first)
      return first ?? 'none'
    })
    if (child !== 'none')
      yield* state.mkeysLock.critical('xa_erase odp_mkeys', () => {
        state.odpMkeys.remove(child)
        return 0
      })
    yield* state.childrenLock.unlock()
    if (child === 'none') return
    yield* step('mlx5_ib_dereg_mr', () => {
      state.children.put(child)
      return 0
    })
    return yield* become(freeChildren, imr)
  },
)

/** Sets the state as a fault that mapped the page would leave it. */
function adopt(imr: ImplicitMr, page: number): void {
  const { children, implicitChildren, odpMkeys } = imr.state
  const child = children.allocate((made) => {
    made.idx = page
    made.npages = 1
    made.usecount = 1
  })
  if (child === undefined) return
  implicitChildren.addTail(child)
  odpMkeys.addTail(child)
}

/** The driver. */
export const mlx5Driver = defineDriver({
  name: 'mlx5',
  state: declareImplicitMr,
  pageTable: ({ umemMutex }) => ({ program: umemMutex, remove: umemMutex }),
  work: { odpDestroy: free_implicit_child_mr_work },
  invalidate: mlx5_ib_invalidate_range,
  fault: mlx5_ib_eqe_pf_action,
  close: mlx5_ib_dereg_mr,
  adopt,
})
