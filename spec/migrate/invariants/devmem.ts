/**
 * Device memory by way of `hmm_devmem`.
 *
 * @module
 */
import type { DeviceMemoryHotplugState } from '../../../models/index.js'
import {
  CounterState,
  type HmmDevmem,
  hmm_devmem_add,
  hmm_devmem_remove,
} from '../../../src/generations/index.js'
import { PagemapState } from '../../../src/kernel/index.js'
import type { Abstraction, Invariant } from '../../../src/world/index.js'
import type { MirrorWorld } from '../../mirror/scenarios/mirror-world.js'

/** The claims about every state of a world with `hmm_devmem`. */
export function devmemInvariants(world: MirrorWorld): Invariant[] {
  return world.devmems.length > 0 ? [allOrNothing(world)] : []
}

/**
 * `plugging`: outside hmm_devmem_add and hmm_devmem_remove, all parts of the region exist or none
 * does.
 */
export function allOrNothing({ devmems, tasks }: MirrorWorld): Invariant {
  return {
    clause: 'plugging',
    name: 'all of the region is there, or nothing',
    judge(view) {
      const isUnderWay = tasks.some(
        ({ thread }) => view.inside(thread, hmm_devmem_add) || view.inside(thread, hmm_devmem_remove),
      )
      if (isUnderWay) return undefined
      for (const devmem of devmems) {
        const there = partsOf(devmem)
        const has = (part: string) => there.includes(part)
        if (there.length > 0 && !['record', 'counter', 'addresses', 'pages'].every(has))
          return `of the memory of owner ${devmem.memory.owner} there only is: ${there.join(', ')}`
      }
      return true
    },
  }
}

function partsOf({ cells, pagemap }: HmmDevmem): string[] {
  return [
    ...(cells.allocated ? ['record'] : []),
    ...(cells.counter === CounterState.none ? [] : ['counter']),
    ...(cells.resource ? ['addresses'] : []),
    ...(pagemap.state === PagemapState.absent ? [] : ['pages']),
  ]
}

/** Every region of `hmm_devmem`, with its statechart. */
export function devmemAbstractions({ devmems }: MirrorWorld): Abstraction[] {
  return devmems.map((devmem): Abstraction => {
    const { cells, lifecycle, pagemap } = devmem
    return {
      lifecycle,
      state(): DeviceMemoryHotplugState {
        if (!cells.allocated) return 'none'
        const hasAddresses = cells.resource
        switch (cells.counter) {
          case CounterState.none:
            return hasAddresses ? 'exited' : 'allocated'
          case CounterState.dying:
            return cells.completion ? 'drained' : 'killed'
          default:
            if (pagemap.state === PagemapState.live) return 'ready'
            return hasAddresses ? 'reserved' : 'counted'
        }
      },
    }
  })
}
