/**
 * That the checker is awake: every scenario holds as it is, and every defect is caught by the clause that it names,
 * after the number of steps that is written beside it.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Defect, defects, requirements, scenarioOf, scenarios } from '../../spec/index.js'
import { type CheckResult, check, replay } from '../../src/checker/index.js'
import {
  hmm_vma_fault,
  mmu_interval_read_begin,
  sampleSequence,
  sequenceHasMoved,
} from '../../src/kernel/index.js'
import { BLOCKED, override, type Scenario, step } from '../../src/world/index.js'

function scenarioNamed(name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name)
  if (found === undefined) throw new Error(`no scenario ${name}`)
  return found
}

function defectNamed(name: string): Defect {
  const found = defects.find((defect) => defect.name === name)
  if (found === undefined) throw new Error(`no defect ${name}`)
  return found
}

function scenarioShowing(defect: Defect): Scenario {
  const found = scenarioOf(defect)
  if (found === undefined) throw new Error(`no scenario ${defect.scenario}`)
  return found
}

function checkDefect(defect: Defect): Promise<CheckResult> {
  return check(scenarioShowing(defect), { bounds: 'smoke', set: defect.set ?? {}, defects: [defect] })
}

/** Whether `result` shows that a check of the requirement `id` had anything to say: all of them are counted as they are made. */
function wasExercised(result: CheckResult, id: string, check: string): boolean {
  const { asserted, claims, steps } = result.coverage
  const [, kind, target] = /^(assert|step|checker|test): ?(.+)$/.exec(check) ?? []
  switch (kind) {
    case undefined:
      return (
        claims.some(({ name, exercised }) => name === check && exercised > 0) ||
        result.witnesses.some(({ name, reached }) => name === check && reached)
      )
    case 'step':
      return steps.includes(target)
    case 'test':
      return true
    default:
      return (asserted[id] ?? 0) > 0
  }
}

/** What the graphs of the scenarios are at smoke bounds: `npm run bench -- --write-digests` writes them. */
const digests = JSON.parse(readFileSync(new URL('../fixtures/digests.json', import.meta.url), 'utf8'))

const CHANGED = 'the graph has changed; if that is meant, npm run bench -- --write-digests'

describe('without defects', () => {
  it('the graph of each scenario is pinned', () => {
    expect(Object.keys(digests).sort()).toEqual(scenarios.map(({ name }) => name).sort())
  })

  it.each(scenarios.map((scenario) => [scenario.name, scenario]))(
    '%s holds, and exercises what it says',
    async (_, scenario) => {
      const result = await check(scenario as Scenario, { bounds: 'smoke', digest: true })
      expect(result.violation?.detail).toBeUndefined()
      expect(result).toMatchObject({ verdict: 'holds', exhaustive: true })
      expect(result.digest, CHANGED).toEqual(digests[result.scenario])
      const silent = (scenario as Scenario).exercises.filter((id) => {
        const checks = requirements.find((requirement) => requirement.id === id)?.checks ?? []
        return !checks.some((check) => wasExercised(result, id, check))
      })
      expect(silent).toEqual([])
    },
  )
})

describe('a defect is caught by the clause that it names, in as many steps as it says', () => {
  it.each(defects.map((defect) => [defect.name, defect.requirement, defect.steps, defect] as const))(
    '%s: %s in %i',
    async (_, requirement, steps, defect) => {
      const { violation, coverage } = await checkDefect(defect)
      expect(violation).toMatchObject({ clause: requirement })
      expect(violation?.trace.steps).toHaveLength(steps)
      // Progress is looked for when all states are known: its runs are not the shortest. A witness may have no run at all.
      expect(violation?.trace.shortest).toBe(
        violation?.kind !== 'progress' && (violation?.kind !== 'witness' || steps > 0),
      )
      const replaced = defect.overrides.map(({ target }) => target.procedureName)
      expect(coverage.procedures).toEqual(expect.arrayContaining(replaced))
      // A step that breaks the claim itself has not been taken.
      const last = violation?.trace.steps.at(-1)
      const taken = [...coverage.steps, `${last?.procedure}: ${last?.step}`]
      for (const { target, step } of defect.overrides)
        if (step !== undefined) expect(taken).toContain(`${target.procedureName}: ${step}`)
    },
  )

  it.each(['M1', 'H3', 'H7'])('%s replays', async (name) => {
    const defect = defectNamed(name)
    const { violation } = await checkDefect(defect)
    const trace = JSON.parse(JSON.stringify(violation?.trace))
    const replayed = replay(scenarioShowing(defect), trace, [defect])
    expect(replayed.map(({ step }) => step)).toEqual(trace.steps)
  })
})

describe('a hazard goes away with what would mend it', () => {
  it('H3: the reference closes the interval side where a classic notifier fails', async () => {
    const result = await check(scenarioNamed('classic-notifiers'), { bounds: 'smoke' })
    expect(result).toMatchObject({ verdict: 'holds', exhaustive: true })
  })

  it('H3: what stays open makes the device wait for ever', async () => {
    const scenario = scenarioNamed('classic-notifiers')
    // Without the claims that count invalidations, the same defect is seen by what it leads to.
    const uncounted: Scenario = {
      ...scenario,
      build: (parameters) => {
        const model = scenario.build(parameters)
        return {
          ...model,
          invariants: (model.invariants ?? []).filter(
            ({ clause }) => clause !== 'C32' && clause !== 'lock-discipline',
          ),
        }
      },
    }
    const { violation } = await check(uncounted, { bounds: 'smoke', defects: [defectNamed('H3')] })
    expect(violation).toMatchObject({
      clause: 'deadlock',
      detail: 'nothing can go on: device waits at "sleep"',
    })
    expect(violation?.trace.steps).toHaveLength(31)
  })

  it('H5: a walk that faults one page and looks again fails for no page that was not asked for', async () => {
    const onlyThisPage = override(
      hmm_vma_fault,
      (original) =>
        function* (current, range, page, _end, write) {
          return yield* original(current, range, page, page + 1, write)
        },
    )
    const result = await check(scenarioNamed('over-fault'), {
      bounds: 'smoke',
      set: { strict: 1 },
      defects: [{ name: 'only what was asked for', overrides: [onlyThisPage] }],
    })
    expect(result.violation?.detail).toBeUndefined()
    expect(result).toMatchObject({ verdict: 'holds', exhaustive: true })
    const claim = result.coverage.claims.find(({ clause }) => clause === 'C21')
    expect(claim?.exercised).toBeGreaterThan(0)
  })

  it('H7: a reader gets on when the invalidations end', async () => {
    const result = await check(scenarioNamed('starvation'), { bounds: 'smoke', set: { endless: 0 } })
    expect(result).toMatchObject({ verdict: 'holds', exhaustive: true })
  })

  it('H7: a reader whose wait has a time-out gets on though they never end', async () => {
    const bounded = override(
      mmu_interval_read_begin,
      () =>
        function* (sub, place) {
          const subs = sub.mm.subscriptions
          if (!(yield* subs.lock.critical('sample the sequence', () => sampleSequence(sub, place)))) return
          yield* step(
            'wait with a time-out',
            (expired) => (expired ? 1 : sequenceHasMoved(sub, place) ? 0 : BLOCKED),
            2,
          )
        },
    )
    const result = await check(scenarioNamed('starvation'), {
      bounds: 'smoke',
      set: { endless: 1 },
      defects: [{ name: 'a time-out', overrides: [bounded] }],
    })
    expect(result.violation?.detail).toBeUndefined()
    expect(result).toMatchObject({ verdict: 'holds', exhaustive: true })
  })
})
