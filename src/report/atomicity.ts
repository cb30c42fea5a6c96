/**
 * Reports steps that are too large.
 *
 * @module
 */
import type { Discrepancy } from '../checker/atomicity/listed.js'
import type { Layout } from './form/colours.js'
import { counted, wrap } from './form/figures.js'

/** What was looked at, and what is wrong. */
export interface AtomicityReport {
  readonly scenarios: number
  readonly steps: number
  readonly states: number
  /** Steps that are too large and listed as such. */
  readonly listed: number
  /** True if only the steps of a driver or of other files were judged. */
  readonly ownOnly: boolean
  readonly discrepancies: readonly Discrepancy[]
}

/** The report as text. */
export function atomicityText(report: AtomicityReport, { colours, width }: Layout): string {
  const { scenarios, steps, states, listed, ownOnly, discrepancies } = report
  const parts = discrepancies.map((found) => {
    const { procedure, step, scenarios } = found
    const lines = [colours.bold(`${procedure}: ${step}`), wrap(said(found), width - 2)]
    if (scenarios.length > 0) lines.push(wrap(`seen in ${shortened(scenarios)}`, width - 2))
    return lines.map((line, i) => (i === 0 ? line : line.replace(/^/gm, '  '))).join('\n')
  })
  const looked = `${counted(steps, 'step')} of ${counted(scenarios, 'scenario')}, over ${states.toLocaleString('en')} states`
  const allowed = ownOnly ? '' : `, ${listed} of them too large and listed with an argument`
  const verdict =
    discrepancies.length === 0
      ? ownOnly
        ? 'no step of your files is too large'
        : 'no other step is too large'
      : `${counted(discrepancies.length, 'step')} to be looked at`
  parts.push(`${looked}${allowed}: ${verdict}`)
  return `${parts.join('\n\n')}\n`
}

function said({ kind, accesses }: Discrepancy): string {
  const named = accesses.join(', ')
  switch (kind) {
    case 'unlisted':
      return (
        `one step, though another thread may come between its accesses to ${named}: make each a step of its own, hold the ` +
        'lock that guards them, or say of fields that are one machine word that they are (word)'
      )
    case 'more':
      return `listed, and accesses more than its row says: ${named}`
    case 'stale':
      return accesses.length === 0
        ? 'listed, and not too large: remove the row'
        : `its row lists what is never accessed so that it matters: ${named}`
  }
}

/** Most scenarios that are named. */
const NAMED = 4

function shortened(names: readonly string[]): string {
  return names.length <= NAMED
    ? names.join(', ')
    : `${names.slice(0, NAMED).join(', ')} and ${names.length - NAMED} more`
}
