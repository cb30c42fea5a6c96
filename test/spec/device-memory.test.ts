/**
 * What the defects of device memory lead to, where the statechart of the region does not speak first.
 */
import { describe, expect, it } from 'vitest'
import { type Defect, defects, scenarios } from '../../spec/index.js'
import { check } from '../../src/checker/index.js'
import type { Scenario } from '../../src/world/index.js'

function defectNamed(name: string): Defect {
  const found = defects.find((defect) => defect.name === name)
  if (found === undefined) throw new Error(`no defect ${name}`)
  return found
}

/** The scenario, with no statechart for regions: what is wrong then shows by its consequences. */
function withoutRegionChart(name: string): Scenario {
  const scenario = scenarios.find((other) => other.name === name)
  if (scenario === undefined) throw new Error(`no scenario ${name}`)
  return {
    ...scenario,
    build: (parameters) => {
      const model = scenario.build(parameters)
      const { deviceMemory, ...charts } = model.charts ?? {}
      expect(deviceMemory).toBeDefined()
      return {
        ...model,
        charts,
        abstractions: (model.abstractions ?? []).filter(({ lifecycle }) => lifecycle.kind !== 'deviceMemory'),
        witnesses: [],
      }
    },
  }
}

describe('X70: a page is initialised after the lock of its free list was dropped', () => {
  it('allocates from a region that is gone', async () => {
    const { violation } = await check(withoutRegionChart('hotplug'), {
      bounds: 'smoke',
      defects: [defectNamed('X70')],
    })
    expect(violation).toMatchObject({
      clause: 'C44',
      detail: 'frame 4 is allocated, and its region is dying',
    })
    expect(violation?.trace.steps).toHaveLength(15)
  })

  it('goes away where the page is taken and initialised under the lock, as the reference does', async () => {
    const result = await check(withoutRegionChart('hotplug'), { bounds: 'smoke' })
    expect(result).toMatchObject({ verdict: 'holds', exhaustive: true })
  })
})

describe('X413, the second race of X70: a chunk is removed before its pages are on the free list', () => {
  it('breaks although each page is initialised under the lock', async () => {
    const scenario = withoutRegionChart('hotplug')
    const { violation } = await check(scenario, { bounds: 'smoke', defects: [defectNamed('X413')] })
    expect(violation?.clause).toBe('C44')
    expect(violation?.trace.steps).toHaveLength(15)
    expect(violation?.trace.steps.slice(1, 4).map((taken) => `${taken.name}: ${taken.step}`)).toEqual([
      'driver: enter the chunk, and drop the lock',
      'remover: empty the free list',
      'driver: fill the free list',
    ])
  })
})

describe('D51: a free page has a count of one', () => {
  it('frees it a second time, and its driver finds it on the list', async () => {
    const scenario = withoutRegionChart('speculative-reference')
    const stepsOnly: Scenario = {
      ...scenario,
      build: (parameters) => ({
        ...scenario.build(parameters),
        charts: {},
        abstractions: [],
        invariants: [],
      }),
    }
    const { violation } = await check(stepsOnly, { bounds: 'smoke', defects: [defectNamed('D51')] })
    expect(violation).toMatchObject({ clause: 'C31' })
    expect(violation?.detail).toMatch(/is freed, and is on the free list already$/)
    expect(violation?.trace.steps).toHaveLength(3)
  })
})
