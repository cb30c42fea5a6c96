/**
 * Matchers for vitest, so that a driver's own test suite reads as what it claims. Importing this module is enough.
 *
 * @example
 * ```ts
 * import 'hmm-spec/vitest'
 * import { expect, test } from 'vitest'
 *
 * test('my driver holds', async () => {
 *   await expect(myScenario).toHold({ bounds: 'smoke' })
 * })
 * test('and its first version did not', async () => {
 *   await expect(myScenario).toViolate('C1', { defects: [firstVersion] })
 * })
 * ```
 *
 * @module vitest
 */
import { join, relative } from 'node:path'
import { expect } from 'vitest'
import { requirements } from '../../spec/requirements.js'
import { check } from '../checker/check.js'
import type { CheckOptions } from '../checker/options.js'
import type { CheckResult, Trace, TraceStep, ViolationReport } from '../checker/result.js'
import { nodeHost } from '../host/node.js'
import { packageFolder } from '../host/package.js'
import { pageFor, whereIn, whyThere } from '../report/mistakes.js'
import type { Scenario } from '../world/model.js'
import { explained } from './explained.js'

/** What `expect(scenario)` can do once this module is imported. */
export interface ScenarioMatchers {
  /**
   * Holds if every state within the bounds was explored and every claim holds. A limit or an interrupt fails it: what was
   * not explored is not known to hold.
   */
  toHold(options?: CheckOptions): Promise<void>
  /**
   * Holds if the check finds the clause broken.
   *
   * @param clause - identifier of the requirement, as the violation reports it
   */
  toViolate(clause: string, options?: CheckOptions): Promise<void>
}

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: merges with vitest's declaration, which has this default
  interface Matchers<T = any> extends ScenarioMatchers {}
}

/** What vitest wants to know of a matcher. */
interface Answer {
  readonly pass: boolean
  readonly message: () => string
}

expect.extend({ toHold, toViolate })

/** Whether a matcher is negated: vitest tells it by what the matcher is called on. */
interface Asked {
  readonly isNot?: boolean
}

async function toHold(this: Asked, received: unknown, options?: CheckOptions): Promise<Answer> {
  return answered(this, scenarioOf(received, 'toHold'), options, 'hold', ({ verdict }) => verdict === 'holds')
}

async function toViolate(
  this: Asked,
  received: unknown,
  clause: string,
  options?: CheckOptions,
): Promise<Answer> {
  return answered(
    this,
    scenarioOf(received, 'toViolate'),
    options,
    `violate ${clause}`,
    ({ violation }) => violation?.clause === clause,
  )
}

async function answered(
  { isNot = false }: Asked,
  scenario: Scenario,
  options: CheckOptions | undefined,
  expected: string,
  isAs: (result: CheckResult) => boolean,
): Promise<Answer> {
  const result = await check(scenario, { host: nodeHost, ...options })
  const pass = isAs(result)
  // What passes needs no explanation, which takes longer than the run itself.
  const told = pass === isNot ? explained(scenario, result, options?.defects) : result
  return { pass, message: () => `${describe(told)}\nexpected it ${pass ? 'not ' : ''}to ${expected}` }
}

function scenarioOf(received: unknown, matcher: string): Scenario {
  if (typeof received === 'object' && received !== null && 'build' in received && 'parameters' in received)
    return received as Scenario
  throw new TypeError(`${matcher} is for a scenario: expect(scenario).${matcher}(…)`)
}

/** Verdict, clause, detail, rule, place, page, and the trace, a line a step. */
function describe(result: CheckResult): string {
  const settings = Object.entries(result.parameters).map(([name, value]) => `${name}=${value}`)
  const subject = [result.scenario, ...settings, ...result.defects.map((defect) => `with ${defect}`)].join(
    ' ',
  )
  const size = `${result.states} states, ${result.transitions} steps`
  const { violation, limit } = result
  if (violation === undefined) {
    const covered = result.exhaustive ? 'all of them' : `${result.queue} not explored yet`
    const what = limit === undefined ? result.verdict : `${result.verdict} of ${limit.kind} (${limit.value})`
    return `${subject}: ${what} (${size}, ${covered})`
  }
  const { trace } = violation
  return [
    `${subject}: violated (${size})`,
    `  ${violation.clause}, ${violation.kind} "${violation.claim}": ${violation.detail}`,
    ...adviceOf(violation),
    ...(trace.steps.length === 0 ? [] : [`  ${lengthOf(trace)}:`, ...linesOf(trace)]),
  ].join('\n')
}

/** The text of the rule, where to look in the driver's text, and what to read. */
function adviceOf(violation: ViolationReport): string[] {
  const rule = requirements.find(({ id }) => id === violation.clause)
  const where = whereIn(violation.trace)
  const lines = rule === undefined ? [] : [`  rule: ${rule.title}. ${rule.text}`]
  if (where === undefined) return lines
  const { place, step } = where
  const why = whyThere(where) ?? `step ${step}`
  return [
    ...lines,
    `  where: ${place.file}:${place.line}:${place.column}, in ${place.procedure} (${why})`,
    `  read: ${relative(process.cwd(), join(packageFolder(), 'docs'))}/${pageFor(violation)}`,
  ]
}

function lengthOf(trace: Trace): string {
  const count = trace.steps.length === 1 ? '1 step' : `${trace.steps.length} steps`
  return trace.shortest ? `${count}, and no fewer` : count
}

function linesOf(trace: Trace): string[] {
  const digits = String(trace.steps.length).length
  const width = Math.max(...trace.steps.map((step) => step.name.length))
  const lines = trace.steps.map((step, i) => `  ${String(i + 1).padStart(digits)} ${lineOf(step, width)}`)
  if (trace.loopFrom !== undefined) lines.splice(trace.loopFrom, 0, '  from here on for ever:')
  return lines
}

function lineOf(step: TraceStep, width: number): string {
  const way = step.choices > 1 ? ` (${step.choice + 1} of ${step.choices})` : ''
  const changes = step.changes.map(({ cell, before, after }) => `${cell}: ${before} -> ${after}`)
  const { place } = step
  const at = place === undefined || place.isCall ? '' : ` @ ${place.file}:${place.line}:${place.column}`
  return `${step.name.padEnd(width)}  ${step.procedure}: ${step.step}${way}${at}${changes.length > 0 ? `  ${changes.join(', ')}` : ''}`
}
