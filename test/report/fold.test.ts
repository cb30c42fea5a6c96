/** What matters of a run, and how a long one is shown. */
import { expect, test } from 'vitest'
import { defects } from '../../spec/index.js'
import { check, judgeTrace, stepsThatMatter, systemOf, type Trace } from '../../src/checker/index.js'
import { scenarioOf } from '../../src/cli/commands/kinds.js'
import { referenceProject } from '../../src/cli/reference.js'
import { plain } from '../../src/report/form/colours.js'
import { foldOf, isFoldable } from '../../src/report/sequence/fold.js'
import { sequenceText } from '../../src/report/sequence/sequence.js'

const project = referenceProject()

async function found(name: string) {
  const defect = defects.find((each) => each.name === name)
  if (defect === undefined) throw new Error(`there is no defect ${name}`)
  const scenario = scenarioOf(project, defect)
  const { violation } = await check(scenario, {
    bounds: 'smoke',
    set: defect.set ?? {},
    defects: [defect],
  })
  if (violation === undefined) throw new Error(`${name} is not caught`)
  const { trace } = violation
  const matter = stepsThatMatter(systemOf(scenario, trace, [defect]), trace)
  return {
    scenario,
    defect,
    trace: { ...trace, steps: trace.steps.map((step, i) => ({ ...step, matters: matter[i] })) },
  }
}

/** The run with step `i`, and what its thread does next, after the step that another thread takes then. */
function swapped(trace: Trace, i: number): Trace {
  const steps = [...trace.steps]
  const [step] = steps.splice(i, 1)
  steps.splice(i + 1, 0, step)
  return { ...trace, steps }
}

test('where the last step of one thread before another goes on does not matter, the two may be swapped', async () => {
  const { scenario, defect, trace } = await found('T14')
  const ends = trace.steps.flatMap(({ thread }, i) =>
    trace.steps[i + 1] !== undefined && trace.steps[i + 1].thread !== thread ? [i] : [],
  )
  const swaps = ends.map((i) => {
    try {
      judgeTrace(scenario, swapped(trace, i), [defect])
      return true
    } catch {
      // It answers otherwise, is blocked, or breaks nothing.
      return false
    }
  })
  const matters = ends.map((i) => trace.steps[i].matters)
  // Of a pair that must come in this order the first is said to matter.
  for (const [i, swaps_] of swaps.entries()) if (!matters[i]) expect(swaps_).toBe(true)
  expect(matters).toContain(true)
  expect(trace.steps.filter(({ matters }) => matters).length).toBeLessThan(trace.steps.length / 2)
})

test('a long run is folded: what matters, and what each thread did between', async () => {
  const { trace } = await found('T59')
  expect(trace.steps.length).toBeGreaterThan(60)
  expect(isFoldable(trace)).toBe(true)
  const parts = foldOf(trace)
  const covered = parts.flatMap((part) =>
    part.kind === 'step'
      ? [part.at]
      : Array.from({ length: part.to - part.from + 1 }, (_, i) => part.from + i),
  )
  expect(covered).toEqual(trace.steps.map((_, i) => i))
  const layout = { colours: plain, width: 120 }
  const folded = sequenceText(trace, layout, { folded: true })
  const whole = sequenceText(trace, layout)
  expect(folded.split('\n').length).toBeLessThan(whole.split('\n').length / 2)
  trace.steps.forEach(({ matters, procedure, step }, i) => {
    if (matters) expect(folded).toContain(`${String(i + 1).padStart(4)}  `)
    expect(whole).toContain(`${procedure}: ${step}`)
  })
  expect(folded).toMatch(/… \d+ steps?: \w+/)
  expect(folded.split('\n').at(-1)).toBe(whole.split('\n').at(-1))
})

test('a run of one thread needs no order: its last step is what matters', async () => {
  const { trace } = await found('T1')
  expect(trace.steps.filter(({ matters }) => matters)).toEqual([trace.steps.at(-1)])
})

test('of a run that goes on for ever, all that repeats matters', async () => {
  const { trace } = await found('T68')
  expect(trace.loopFrom).toBeGreaterThan(0)
  trace.steps.forEach(({ matters }, i) => {
    expect(matters).toBe(i >= (trace.loopFrom ?? 0))
  })
})
