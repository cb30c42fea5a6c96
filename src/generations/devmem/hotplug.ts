/**
 * `hmm_devmem_add` and `hmm_devmem_remove`: a region of device memory is plugged in and taken away, with a counter of the driver's own.
 *
 * @see reference A.1, B.8
 * @module
 */
import {
  Errno,
  killPages,
  memremap_pages,
  memunmap_pages,
  plugPages,
  removePages,
} from '../../kernel/index.js'
import {
  BLOCKED,
  choose,
  claim,
  type Override,
  override,
  procedure,
  type Running,
  step,
} from '../../world/index.js'
import { CounterState, type HmmDevmem } from './devmem.js'

/**
 * Allocates the struct, initialises the reference counter, finds a range of physical addresses, and creates the pages. Each
 * can fail; then the others are given back. The driver's callbacks, its device and the size are those that `devmem` was
 * declared with.
 *
 * @returns 0; -ENOMEM without memory for the struct, the counter or the pages; -ERANGE without a free range of addresses
 * @kernel hmm_devmem_add mm/hmm.c
 */
export const hmm_devmem_add = procedure(function* hmm_devmem_add(devmem: HmmDevmem): Running<number> {
  const { cells, lifecycle } = devmem
  const allocated = yield* step(
    'devm_kzalloc',
    (choice) => {
      if (choice === NO_MEMORY) return false
      cells.allocated = true
      lifecycle.signal('ALLOCATED')
      return true
    },
    ['had', 'no memory'],
  )
  if (!allocated) return -Errno.ENOMEM

  const counted = yield* step(
    'percpu_ref_init',
    (choice) => {
      if (choice === NO_MEMORY) return false
      cells.counter = CounterState.live
      lifecycle.signal('COUNTED')
      return true
    },
    ['had', 'no memory'],
  )
  if (!counted) {
    yield* devm_kfree(devmem)
    return -Errno.ENOMEM
  }

  const reserved = yield* step(
    'devm_request_free_mem_region',
    (choice) => {
      if (choice === NO_MEMORY) return false
      cells.resource = true
      lifecycle.signal('RESERVED')
      return true
    },
    ['had', 'no memory'],
  )
  if (!reserved) {
    // A counter that was never used has no reference but its own. The document's own text leaves it there (X232).
    yield* step('percpu_ref_exit', () => exitCounter(devmem))
    yield* devm_kfree(devmem)
    return -Errno.ERANGE
  }

  if (yield* choose('devm_memremap_pages', ['done', 'failed'])) {
    // devm_memremap_pages kills the counter and waits for it.
    yield* hmm_devmem_ref_kill(devmem)
    yield* hmm_devmem_ref_exit(devmem)
    yield* step('devm_release_mem_region', () => {
      cells.resource = false
      lifecycle.signal('UNRESERVED')
    })
    yield* devm_kfree(devmem)
    return -Errno.ENOMEM
  }
  yield* step('make the region known', () => {
    plugPages(devmem.memory)
    lifecycle.signal('READY')
  })
  return 0
})

const NO_MEMORY = 1

/**
 * Removes the region: kills the counter, waits until no page is in use, and undoes {@link hmm_devmem_add}.
 *
 * @kernel hmm_devmem_remove mm/hmm.c
 */
export const hmm_devmem_remove = procedure(function* hmm_devmem_remove(devmem: HmmDevmem): Running<void> {
  yield* hmm_devmem_ref_kill(devmem)
  yield* hmm_devmem_ref_exit(devmem)
  yield* step('remove the pages and their addresses', () => {
    removePages(devmem.memory)
    devmem.cells.resource = false
    devmem.lifecycle.signal('UNRESERVED')
    return 0
  })
  yield* devm_kfree(devmem)
})

/** No reference can be taken from now on, and the region's own is dropped. @kernel hmm_devmem_ref_kill mm/hmm.c */
export const hmm_devmem_ref_kill = procedure(function* hmm_devmem_ref_kill(devmem: HmmDevmem) {
  yield* step('percpu_ref_kill', () => {
    const { cells, lifecycle, memory, pagemap } = devmem
    cells.counter = CounterState.dying
    lifecycle.signal('KILLED')
    // Where there are no pages yet the counter's own reference is the last.
    if (pagemap.ref > 0) killPages(memory)
    else pagemap.release?.()
    return 0
  })
})

/** Waits for the last reference that a page holds, and exits the counter. @kernel hmm_devmem_ref_exit mm/hmm.c */
export const hmm_devmem_ref_exit = procedure(function* hmm_devmem_ref_exit(devmem: HmmDevmem) {
  yield* step('wait_for_completion', () => (devmem.cells.completion ? 0 : BLOCKED))
  yield* step('percpu_ref_exit', () => exitCounter(devmem))
})

function exitCounter({ cells, lifecycle, pagemap }: HmmDevmem): number {
  const left = pagemap.ref
  claim('C44', left === 0, `the counter of a region is given up, and there are ${left} references yet`)
  cells.counter = CounterState.none
  cells.completion = false
  lifecycle.signal('EXITED')
  return 0
}

/** Frees the struct, with the device or when adding has failed. @kernel devm_kfree drivers/base/devres.c */
export const devm_kfree = procedure(function* devm_kfree({ cells, lifecycle }: HmmDevmem) {
  yield* step('devm_kfree', () => {
    const isBare = cells.counter === CounterState.none && !cells.resource
    claim('plugging', isBare, 'the record of a region is freed, and what it leads to is not given back')
    lifecycle.signal('FREED')
    cells.allocated = false
    return 0
  })
})

/** The region as it is in a scenario that begins with it plugged in. Part of setting up the world, after its pages are there. */
export function hmmDevmemIsThere({ cells, lifecycle }: HmmDevmem): void {
  cells.allocated = true
  cells.counter = CounterState.live
  cells.resource = true
  for (const event of ['ALLOCATED', 'COUNTED', 'RESERVED', 'READY']) lifecycle.signal(event)
}

/** What a driver of today has to call to come by its memory is led to `hmm_devmem`: two texts. */
export function byWayOfHmmDevmem(devmem: HmmDevmem): Override[] {
  return [
    override(
      memremap_pages,
      (original) =>
        function* (memory, request) {
          return yield* memory === devmem.memory ? hmm_devmem_add(devmem) : original(memory, request)
        },
    ),
    override(
      memunmap_pages,
      (original) =>
        function* (memory) {
          return yield* memory === devmem.memory ? hmm_devmem_remove(devmem) : original(memory)
        },
    ),
  ]
}
