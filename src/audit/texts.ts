/**
 * The texts of the procedures that a check has entered.
 *
 * @module
 */

import { SpecificationError } from '../world/errors.js'
import type { AnyProcedure, Body } from '../world/procedure.js'
import { checkProcedure, type SourceReport } from './source.js'

const reports = new Map<string, SourceReport>()

/** What the text of a procedure shows; each text is read once. */
export function reportOn(name: string, body: Body<unknown[], unknown>): SourceReport {
  const text = Function.prototype.toString.call(body)
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
