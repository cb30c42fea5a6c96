/**
 * A hazard of the kernel as it is, since device-exclusive entries keep their mapping (6.15), so that reclaim finds their pages:
 * a fault takes a reference to the page that the entry named before, and its lock, without another look. The page may be new
 * by then, and whoever has allocated it for swap takes the lock for granted (`__folio_set_locked`).
 */
import { describe, expect, it } from 'vitest'
import { mirrorScenario } from '../../spec/index.js'
import { call } from '../../spec/mirror/scenarios/mirror-world.js'
import { check } from '../../src/checker/index.js'
import {
  cpuRead,
  folio_put,
  PteKind,
  remove_device_exclusive_entry,
  shrink_folio_list,
  tryGetPage,
} from '../../src/kernel/index.js'
import { type Override, override } from '../../src/world/index.js'

/** The entry is compared once the page is held, and only then is the page locked. */
const comparesAgain = override(
  remove_device_exclusive_entry,
  (original) =>
    function* (current, mm, page, pfn) {
      const frame = current.machine.frames[pfn]
      if (!(yield* tryGetPage(frame))) return 0
      const isSame = yield* mm.ptl.critical('compare the entry', () => {
        const { kind, frame: named } = mm.pte[page]
        return kind === PteKind.deviceExclusive && named === pfn ? 1 : 0
      })
      if (isSame) yield* original(current, mm, page, pfn)
      yield* folio_put(frame)
      return 0
    },
)

function scenarioWith(overrides: readonly Override[]) {
  return mirrorScenario({
    name: 'exclusive-by-page-swap-in',
    summary:
      'Two CPUs read a page that a device has to itself, and reclaim takes it: one of them swaps it in, to the same frame.',
    exercises: [],
    referenceOnly: true,
    parameters: {},
    world: () => ({
      pages: [{ touched: true, exclusive: true, mirroredBy: [0] }],
      mirrors: [{ name: 'gpu', exclusive: true }],
      spareFrames: 0,
      swapSlots: 1,
      values: 2,
      invalidations: 12,
      rules: { exclusiveByPage: true },
      overrides,
      threads: [
        { name: 'kswapd', calls: ({ machine: { frames } }) => [call(shrink_folio_list, frames[1])] },
        { name: 'cpu 1', calls: () => [call(cpuRead, 0)] },
        { name: 'cpu 2', calls: () => [call(cpuRead, 0)] },
      ],
    }),
  })
}

describe('a fault on an exclusive entry that has gone', () => {
  it('locks a page that another fault has allocated, and believes to have locked', async () => {
    const { violation } = await check(scenarioWith([]))
    expect(violation).toMatchObject({
      clause: 'lock-discipline',
      detail: 'the folio lock of frame 1 is released by a thread that does not hold it',
    })
    expect(violation?.trace.steps).toHaveLength(29)
  })

  it('locks nothing if it compares the entry once it holds the page', async () => {
    expect(await check(scenarioWith([comparesAgain]))).toMatchObject({ verdict: 'holds', exhaustive: true })
  })
})
