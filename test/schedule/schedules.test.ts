/**
 * From a run of the model to a schedule: the schedules that are kept, and whether holding threads as they say leads to the breach
 * however the threads run otherwise.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it, test } from 'vitest'
import { defects, scenarios } from '../../spec/index.js'
import { beginnings, cellNamed, recordedScenario } from '../../spec/recorded/cells.js'
import { operations } from '../../spec/recorded/operations.js'
import { survey } from '../../src/checker/index.js'
import { parseOperation } from '../../src/conformance/index.js'
import { SCHEDULED, scheduledFinding } from '../../src/conformance/schedule/build.js'
import { performed } from '../../src/conformance/schedule/operations.js'
import { scheduleOf } from '../../src/conformance/schedule/schedule.js'
import { parseTrace } from '../../src/report/sequence/trace-file.js'
import { breaksHeld } from './held.js'

const folder = new URL('../../suite/schedules/', import.meta.url)
const kept = (name: string) => readFileSync(new URL(name, folder), 'utf8')

test('a file of each kind is kept for each finding', () => {
  const names = SCHEDULED.flatMap(({ name }) => [`${name}.json`, `${name}.txt`])
  expect(readdirSync(folder).sort()).toEqual(names.sort())
})

describe.each(SCHEDULED)('$name', (finding) => {
  const { run } = parseTrace(kept(`${finding.name}.json`), finding.name)
  const { trace, json, text } = scheduledFinding(finding, run?.product ?? '')

  it('is kept as the model has it (npm run schedules)', () => {
    expect(json).toBe(kept(`${finding.name}.json`))
    expect(text).toBe(kept(`${finding.name}.txt`))
  })

  it('breaks its clause whenever threads are held so, in whatever order they run otherwise', () => {
    const scenario = recordedScenario(cellNamed(finding.cell))
    const schedule = scheduleOf(scenario, trace)
    if (!('holds' in schedule)) throw new Error('it cannot be forced')
    for (let seed = 1; seed <= 40; seed++)
      expect(breaksHeld(scenario, trace, schedule.holds, seed), `seed ${seed}`).toBe(true)
  })

  it('does not always break it if nobody is held', () => {
    const scenario = recordedScenario(cellNamed(finding.cell))
    const runs = Array.from({ length: 40 }, (_, seed) => breaksHeld(scenario, trace, [], seed + 1))
    expect(runs).toContain(false)
  })

  it('is performed by operations of the language', () => {
    const operations = performed(trace.scenario)
    if (typeof operations === 'string') throw new Error(operations)
    const { setup, threads, final } = operations
    expect(threads).toHaveLength(trace.threads.length)
    for (const op of [...setup, ...threads, ...final.map(({ op }) => op)])
      expect(() => parseOperation(op)).not.toThrow()
  })
})

test('a run whose thread would have to stand within a step that no function bounds cannot be forced', () => {
  const H17 = defects.find(({ name }) => name === 'H17')
  const scenario = scenarios.find(({ name }) => name === H17?.scenario)
  if (H17 === undefined || scenario === undefined) throw new Error('there is no H17')
  const { breaches } = survey(scenario, { bounds: 'smoke', defects: [H17] })
  const lost = breaches.find(({ clause }) => clause === 'C39')
  const trace = { parameters: {}, clause: 'C39', steps: lost?.run().steps ?? [] }
  expect(scheduleOf(scenario, trace, H17.overrides)).toMatchObject({
    name: expect.stringContaining('migrate_vma_finalize'),
  })
})

test('steps that are no run of the scenario, or break nothing, are refused', () => {
  const finding = SCHEDULED[0]
  const { trace } = scheduledFinding(finding, '')
  const scenario = recordedScenario(cellNamed(finding.cell))
  expect(() => scheduleOf(scenario, { ...trace, steps: trace.steps.slice(0, -1) })).toThrow(
    /do not break use-after-free/,
  )
  const own = trace.steps.filter(({ thread }) => thread === 0)
  expect(() => scheduleOf(scenario, { ...trace, steps: [...trace.steps, ...own] })).toThrow(
    /step \d+ of the trace cannot be taken/,
  )
})

describe('what threads do', () => {
  it.each(Object.keys(beginnings))('the page %s can be had, or it is said that it cannot', (page) => {
    const found = performed(`recorded/${page}/dev_read+cpu_read`)
    if (typeof found === 'string') expect(found).toContain(page)
    else for (const op of found.setup) expect(() => parseOperation(op)).not.toThrow()
  })

  it.each(Object.keys(operations))('%s can be performed, or it is said that it cannot', (name) => {
    const found = performed(`recorded/system/${name}`)
    if (typeof found === 'string') expect(found).toContain(name)
    else expect(found.threads[0]).toMatch(new RegExp(`^${name.replace(/2$/, '')} `))
  })

  it('another scenario is refused', () => {
    expect(performed('retry-protocol')).toMatch(/only scenarios of the recorded driver/)
  })
})
