/**
 * The generations of the mirroring API, oldest first.
 *
 * @module
 */
import { referenceDriver } from '../driver/index.js'
import {
  type ClassicNotifierOps,
  mmu_interval_notifier_remove,
  mn_hlist_invalidate_range_start,
} from '../kernel/index.js'
import { override, type Running } from '../world/index.js'
import type { Generation, GenerationName, MirrorList } from './generation.js'
import {
  attachHmmMirror,
  declareHmm,
  driverOf54,
  driverOfVma,
  hmm_mirror_unregister,
  hmmMirrorOf,
  hmmMmuNotifierOps,
  mirrorAbstraction,
  notifierOpsOf50,
  notifierOpsOf417,
  strictAreas,
  walkOf54,
  walkOf417,
} from './mirror/index.js'

/**
 * When one notifier fails, the invalidations that others have started are not ended (until Linux
 * 5.11, D8).
 *
 * @kernel __mmu_notifier_invalidate_range_start
 */
export const notifyWithoutUndo = override(
  mn_hlist_invalidate_range_start,
  () =>
    function* (current, mm, range): Running<number> {
      let failed = 0
      for (const classic of mm.subscriptions.classics) {
        const error = yield* classic.ops.start(current, classic, range)
        if (error) failed = error
      }
      return failed
    },
)

/**
 * A driver for Linux before 5.5 unregisters its mirror where a current one removes its notifier.
 */
const unregisterForRemove = override(
  mmu_interval_notifier_remove,
  () =>
    function* (sub): Running<void> {
      yield* hmm_mirror_unregister(hmmMirrorOf(sub).mirror)
    },
)

/** The generation called `name`. */
export function generationNamed(name: GenerationName): Generation {
  return generations.find((generation) => generation.name === name) as Generation
}

function mirrorList(ops: ClassicNotifierOps): MirrorList {
  return {
    declare: (layout, machine, mirrors) => declareHmm(layout, machine, mirrors, ops),
    attach: attachHmmMirror,
    abstraction: mirrorAbstraction,
  }
}

/** Every generation, oldest first. */
export const generations: readonly Generation[] = [
  {
    name: '4.17',
    kernels: '4.14 to 4.19',
    summary: 'a range lies in one VMA; mirrors are notified after the page table has changed',
    driver: driverOfVma,
    overrides: [...walkOf417, notifyWithoutUndo, unregisterForRemove],
    mirrors: mirrorList(notifierOpsOf417),
  },
  {
    name: '5.0',
    kernels: '4.20 to 5.0',
    summary:
      'as 4.17, but mirrors are notified before the page table changes; a range read during an invalidation is valid',
    driver: driverOfVma,
    overrides: [...walkOf417, notifyWithoutUndo, unregisterForRemove],
    mirrors: mirrorList(notifierOpsOf50),
  },
  {
    name: '5.4',
    kernels: '5.3 to 5.4',
    summary:
      'ranges are registered, and valid unless an invalidation is running; a fault may drop the mmap lock',
    driver: driverOf54,
    overrides: [...walkOf54, notifyWithoutUndo, unregisterForRemove],
    mirrors: mirrorList(hmmMmuNotifierOps),
  },
  {
    name: '5.6',
    kernels: '5.5 to 5.7',
    summary:
      'each mirror is an interval notifier with its own sequence number; the driver chooses the encoding of entries',
    driver: { ...referenceDriver, name: 'reference of 5.6' },
    overrides: [strictAreas, notifyWithoutUndo],
  },
  {
    name: '6.1',
    kernels: '5.8 to 6.15',
    summary: 'interval notifiers with sequence numbers; flags in the top bits of entries: the reference',
    driver: referenceDriver,
    overrides: [],
  },
  {
    name: '6.16',
    kernels: '6.16 and later',
    summary: 'as 6.1, and sticky bits of an entry record that the driver has mapped it for DMA',
    driver: { ...referenceDriver, name: 'reference of 6.16' },
    overrides: [],
  },
]
