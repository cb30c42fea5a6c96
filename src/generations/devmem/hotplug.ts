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
 * Makes the record, the counter, a place among the physical addresses, and the pages. Each can fail, and then what was made before is given
 * back: by the helper, or with the device that the driver gives up (devm). The driver's callbacks, its device and the size are those
 * that `devmem` was declared with.
 *
 * @returns 0; -ENOMEM without memory for the record, the counter or the pages; -ERANGE if there is no free range of addresses
 * @kernel hmm_devmem_add
 */
export const hmm_devmem_add = procedure(function* hmm_devmem_add(devmem: HmmDevmem): Running<number> {
  if (!(yield* allocateDevmem(devmem))) return -Errno.ENOMEM
  let error = yield* initialiseCounter(devmem)
  if (!error) error = yield* reserveAndMap(devmem)
  if (error) yield* freeDevmem(devmem)
  return error
})

/** The record, zeroed. Nobody knows of it yet. @kernel devm_kzalloc */
const allocateDevmem = procedure('hmm_devmem_add (struct)', function* (devmem: HmmDevmem): Running<number> {
  const { cells, lifecycle } = devmem
  return yield* step(
    'devm_kzalloc',
    (choice) => {
      if (choice === NO_MEMORY) return 0
      cells.allocated = true
      lifecycle.signal('ALLOCATED')
      return 1
    },
    2,
  )
})

/** The counter, with one reference: that of the region. @returns 0 or -ENOMEM @kernel percpu_ref_init */
const initialiseCounter = procedure(
  'hmm_devmem_add (ref)',
  function* ({ cells, lifecycle }: HmmDevmem): Running<number> {
    return yield* step(
      'percpu_ref_init',
      (choice) => {
        if (choice === NO_MEMORY) return -Errno.ENOMEM
        cells.counter = CounterState.live
        lifecycle.signal('COUNTED')
        return 0
      },
      2,
    )
  },
)

/** The addresses and the pages; without them the counter goes too. */
const reserveAndMap = procedure('hmm_devmem_add (resource)', function* (devmem: HmmDevmem): Running<number> {
  const { cells, lifecycle } = devmem
  const none = yield* step(
    'devm_request_free_mem_region',
    (choice) => {
      if (choice === NO_MEMORY) return 1
      cells.resource = true
      lifecycle.signal('RESERVED')
      return 0
    },
    2,
  )
  if (none) {
    yield* dropCounter(devmem)
    return -Errno.ERANGE
  }
  return yield* mapOrUndo(devmem)
})

/**
 * A counter that nobody has used: it has no reference but its own. The document's own text leaves it there (X232).
 *
 * @kernel percpu_ref_exit
 */
export const dropCounter = procedure('hmm_devmem_add (no addresses)', function* (devmem: HmmDevmem) {
  yield* step('percpu_ref_exit', () => exitCounter(devmem))
})

/** The pages. If they cannot be had, devm_memremap_pages kills the counter and waits itself. @kernel devm_memremap_pages */
const mapOrUndo = procedure('hmm_devmem_add (pages)', function* (devmem: HmmDevmem): Running<number> {
  if (yield* choose('devm_memremap_pages', 2)) {
    yield* hmm_devmem_ref_kill(devmem)
    yield* hmm_devmem_ref_exit(devmem)
    yield* step('devm_release_mem_region', () => {
      devmem.cells.resource = false
      devmem.lifecycle.signal('UNRESERVED')
      return 0
    })
    return -Errno.ENOMEM
  }
  yield* step('make the region known', () => {
    plugPages(devmem.memory)
    devmem.lifecycle.signal('READY')
    return 0
  })
  return 0
})

const NO_MEMORY = 1

/**
 * Takes the region away: kills the counter, waits until nobody uses a page any more, and undoes what {@link hmm_devmem_add} did.
 *
 * @kernel hmm_devmem_remove
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
  yield* freeDevmem(devmem)
})

/** From now on nobody gets a reference, and the region's own is given back. @kernel hmm_devmem_ref_kill */
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

/** Waits for the last reference, and gives the counter up. @kernel hmm_devmem_ref_exit */
export const hmm_devmem_ref_exit = procedure(function* hmm_devmem_ref_exit(devmem: HmmDevmem) {
  yield* waitForCompletion(devmem)
  yield* step('percpu_ref_exit', () => exitCounter(devmem))
})

/** Waits until the last page has given its reference back. @kernel wait_for_completion(&devmem->completion) */
export const waitForCompletion = procedure('hmm_devmem_ref_exit (wait)', function* ({ cells }: HmmDevmem) {
  yield* step('wait_for_completion', () => (cells.completion ? 0 : BLOCKED))
})

function exitCounter({ cells, lifecycle, pagemap }: HmmDevmem): number {
  const left = pagemap.ref
  claim('C44', left === 0, `the counter of a region is given up, and there are ${left} references yet`)
  cells.counter = CounterState.none
  cells.completion = false
  lifecycle.signal('EXITED')
  return 0
}

/** The record goes, with the device or when adding has failed. @kernel devm_kfree */
const freeDevmem = procedure('hmm_devmem (free)', function* ({ cells, lifecycle }: HmmDevmem) {
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
