/**
 * What keeps a hazard from happening, taken away, and what would mend one, put in.
 */
import { describe, expect, it } from 'vitest'
import { defects, scenarios } from '../../spec/index.js'
import {
  evictOnce,
  putBeforeUnlocking,
  unlockUnderPageTableLock,
} from '../../spec/migrate/defects/device-faults.js'
import { type CheckResult, check } from '../../src/checker/index.js'
import type { Override, Scenario } from '../../src/world/index.js'

function checkMapAtOnce(
  touched: number,
  defect?: string,
  adapt = (scenario: Scenario) => scenario,
): Promise<CheckResult> {
  const scenario = scenarios.find(({ name }) => name === 'migrate-and-map')
  if (scenario === undefined) throw new Error('no scenario migrate-and-map')
  return check(adapt(scenario), {
    bounds: 'smoke',
    set: { touched },
    defects: defects.filter(({ name }) => name === defect),
  })
}

/** The same scenario, without statecharts to hold it against. */
function withoutCharts(scenario: Scenario): Scenario {
  return {
    ...scenario,
    build: (parameters) => ({ ...scenario.build(parameters), charts: {}, abstractions: [] }),
  }
}

describe('H8: a page that is mapped where nothing was is not taken away before its migration is over', () => {
  it('nobody gets at it, with the folio lock', async () => {
    expect(await checkMapAtOnce(0)).toMatchObject({ verdict: 'holds', exhaustive: true })
  })

  it('a fault that ignores the lock begins to migrate it again', async () => {
    const { violation } = await checkMapAtOnce(0, 'H8')
    expect(violation).toMatchObject({ clause: 'refinement' })
    expect(violation?.detail).toContain('allows no COLLECTED in state allocated')
  })

  it('without the statechart the migration entry of a page that nobody has locked is seen', async () => {
    const { violation } = await checkMapAtOnce(0, 'H8', withoutCharts)
    expect(violation).toMatchObject({ clause: 'C51' })
    expect(violation?.trace.steps).toHaveLength(48)
  })
})

describe('H10: what was migrated is mapped at once', () => {
  it('holds where the driver looks whether anybody else has been told of since it began', async () => {
    expect(await checkMapAtOnce(1)).toMatchObject({ verdict: 'holds', exhaustive: true })
  })

  it('does not hold where it does not look', async () => {
    const { violation } = await checkMapAtOnce(1, 'X89')
    expect(violation).toMatchObject({ clause: 'C1' })
  })
})

/** The scenario with `defect`, of which `overrides` take the place. */
function checkInstead(defect: string, name: string, overrides: readonly Override[]): Promise<CheckResult> {
  const scenario = scenarios.find((one) => one.name === name)
  if (scenario === undefined) throw new Error(`no scenario ${name}`)
  const [known] = defects.filter((one) => one.name === defect)
  return check(scenario, { bounds: 'smoke', defects: [{ ...known, overrides }] })
}

describe('H27: a device page is unlocked before it is put', () => {
  it.each(['copy-fails', 'device-page-faults'])(
    'two faults do not keep each other from migrating it if both happen under the page-table lock: %s',
    async (name) => {
      const result = await checkInstead('H27', name, [unlockUnderPageTableLock])
      expect(result).toMatchObject({ verdict: 'holds', exhaustive: true })
    },
  )

  it('to put it first would free it while it is locked', async () => {
    const { violation } = await checkInstead('H27', 'copy-fails', [putBeforeUnlocking])
    expect(violation).toMatchObject({ clause: 'C51' })
  })
})

describe('H28: a device page is held before its lock is tried', () => {
  it('to evict once is too little: the region waits for a page that no process touches', async () => {
    const { violation } = await checkInstead('H28', 'hotplug', evictOnce)
    expect(violation).toMatchObject({ clause: 'deadlock' })
  })
})
