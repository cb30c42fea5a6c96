/**
 * The texts of the procedures that a check has entered.
 *
 * @module
 */

import { SpecificationError } from '../world/errors.js'
import type { ControlGraph } from '../world/procedures/control.js'
import { replacedIn } from '../world/procedures/override.js'
import type { AnyProcedure, Body } from '../world/procedures/procedure.js'
import { checkProcedure, type SourceReport } from './source.js'

const reports = new Map<string, SourceReport>()

/** What the text of a procedure shows, with the steps of it that are replaced. */
export function reportOn(name: string, body: Body<unknown[], unknown>): SourceReport {
  const replaced = replacedIn(body)
  if (replaced === undefined) return reportOnText(name, textOf(body))
  const base = reportOn(name, replaced.body)
  const effect = `function* () { yield* step(${JSON.stringify(replaced.step)}, ${textOf(replaced.replace)}) }`
  const own = reportOnText(name, effect)
  return {
    ...base,
    findings: [...base.findings, ...own.findings],
    steps: [...base.steps.filter((step) => step.name !== replaced.step), ...own.steps],
  }
}

function textOf(body: object): string {
  return Function.prototype.toString.call(body)
}

/** Each text is read once. */
function reportOnText(name: string, text: string): SourceReport {
  const key = `${name} ${text}`
  let report = reports.get(key)
  if (report === undefined) {
    report = checkProcedure(name, text)
    reports.set(key, report)
  }
  return report
}

/**
 * Sees to it that no text of `procedures` keeps or asks what is not in the world.
 *
 * @throws SpecificationError `impure`, which names procedure, step and variable
 */
export function mustBePure(procedures: ReadonlyMap<Body<unknown[], unknown>, AnyProcedure>): void {
  for (const [body, { procedureName }] of procedures)
    for (const { line, step, message } of reportOn(procedureName, body).findings)
      throw new SpecificationError(
        'impure',
        `${procedureName}${step === undefined ? '' : `, step "${step}"`}, line ${line} of its text: ${message}`,
      )
}

/** How many of the steps that were taken are pure by their text, and how many nothing but the audit shows to be. */
export function purityOf(control: ControlGraph): { byText: number; byAuditOnly: number } {
  const shown = new Map<Body<unknown[], unknown>, Map<string, boolean>>()
  let byText = 0
  let byAuditOnly = 0
  const counted = new Set<string>()
  control.forEachTaken((procedure, { name }, body) => {
    const key = `${procedure.procedureName}: ${name}`
    if (counted.has(key)) return
    counted.add(key)
    let steps = shown.get(body)
    if (steps === undefined) {
      const report = reportOn(procedure.procedureName, body)
      steps = new Map(report.steps.map((step) => [step.name, step.whole]))
      shown.set(body, steps)
    }
    if (steps.get(name)) byText++
    else byAuditOnly++
  })
  return { byText, byAuditOnly }
}
