/**
 * Hazards that are none: what keeps them from happening, checked both ways.
 */
import { describe, expect, it } from 'vitest'
import { scenarios } from '../../spec/index.js'
import { survey } from '../../src/checker/index.js'
import { populateOnce, populatePinned, recordAndUnmap, unmapPages } from '../../src/driver/index.js'
import { NotifyEvent } from '../../src/kernel/index.js'
import { type Override, override, step } from '../../src/world/index.js'

describe('H2: the end of the address space is not recorded in the sequence', () => {
  const releaseUnrecorded = override(
    recordAndUnmap,
    (original) =>
      function* (current, mirror, range, curSeq) {
        if (range.event !== NotifyEvent.RELEASE) return yield* original(current, mirror, range, curSeq)
        yield* step('unmap', () => {
          unmapPages(mirror, range)
          return 0
        })
      },
  )
  const unpinned = override(
    populatePinned,
    () =>
      function* (current, mirror, start, end, wanted) {
        return yield* populateOnce(current, mirror, start, end, wanted)
      },
  )
  const brokenIn = (...overrides: Override[]) => {
    const scenario = scenarios.find(({ name }) => name === 'exit')
    if (scenario === undefined) throw new Error('no scenario exit')
    const { breaches, exhaustive } = survey(scenario, {
      bounds: 'smoke',
      defects: [{ name: 'H2', overrides }],
    })
    expect(exhaustive).toBe(true)
    return breaches.map(({ clause }) => clause)
  }

  it('breaks nothing but the rule that it leaves out: whoever has walked keeps the address space, and it ends after', () => {
    expect(brokenIn(releaseUnrecorded)).toEqual(['C10'])
  })

  it('without mmget_not_zero a reader maps what is gone', () => {
    expect(brokenIn(releaseUnrecorded, unpinned)).toContain('C7')
  })
})
