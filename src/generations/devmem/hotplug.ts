/**
 * `hmm_devmem_add` and `hmm_devmem_remove` add and remove a device memory region. It has its own
 * reference counter.
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
 * Allocates the struct, initialises the reference counter, reserves a range of physical addresses,
 * and creates the pages. If one of these fails, the previous ones are undone. Callbacks, device and
 * size are those that `devmem` was declared with.
 *
 * @returns 0; -ENOMEM without memory for the struct, the counter or the pages; -ERANGE without a
 * free range of addresses
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
    // The counter was never used and holds only its initial reference. The code in the document
    // does not exit it (X232).
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
 * Removes the region: kills the counter, waits until no page is in use, and undoes {@link
 * hmm_devmem_add}.
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

/**
 * Prevents new references, and drops the initial reference of the region.
 *
 * @kernel hmm_devmem_ref_kill mm/hmm.c
 */
export const hmm_devmem_ref_kill = procedure(function* hmm_devmem_ref_kill(devmem: HmmDevmem) {
  yield* step('percpu_ref_kill', () => {
    const { cells, lifecycle, memory, pagemap } = devmem
    cells.counter = CounterState.dying
    lifecycle.signal('KILLED')
    // Without pages the initial reference is the last one.
    if (pagemap.ref > 0) killPages(memory)
    else pagemap.release?.()
    return 0
  })
})

/**
 * Waits until the last reference of a page is dropped, and exits the counter.
 *
 * @kernel hmm_devmem_ref_exit mm/hmm.c
 */
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

/**
 * Frees the struct: when the device goes away, or when hmm_devmem_add has failed.
 *
 * @kernel devm_kfree drivers/base/devres.c
 */
export const devm_kfree = procedure(function* devm_kfree({ cells, lifecycle }: HmmDevmem) {
  yield* step('devm_kfree', () => {
    const isBare = cells.counter === CounterState.none && !cells.resource
    claim('plugging', isBare, 'the record of a region is freed, and what it leads to is not given back')
    lifecycle.signal('FREED')
    cells.allocated = false
    return 0
  })
})

/** The region is added in the initial world. Called after its pages were set up. */
export function hmmDevmemIsThere({ cells, lifecycle }: HmmDevmem): void {
  cells.allocated = true
  cells.counter = CounterState.live
  cells.resource = true
  for (const event of ['ALLOCATED', 'COUNTED', 'RESERVED', 'READY']) lifecycle.signal(event)
}

/** Overrides that make the reference driver add and remove its memory through `hmm_devmem`. */
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
