/**
 * A review as SARIF 2.1.0: a result for each clause that is broken, at the text that is changed.
 *
 * @see https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
 * @module
 */
import type { Trace } from '../checker/result.js'
import { stepLabel } from '../report/sequence/sequence.js'
import type { Place, ProcedureChange } from './change.js'
import { type MutantChange, mutantSaid, TURNS, turnOf } from './mutants.js'
import type { BrokenClause, Review } from './review.js'
import { clauseOf, lengthOf, verdictOfReview } from './wording.js'

/** The review as SARIF. */
export function reviewSarif(review: Review): string {
  const { broken, failures, run } = review
  const unnoticed = unnoticedIn(review)
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'hmm-spec',
            semanticVersion: run.product,
            rules: [
              ...broken.map((clause) => ({
                id: clause.clause,
                shortDescription: { text: clauseOf(clause) },
                ...(clause.requirement && { fullDescription: { text: clause.requirement.text } }),
                defaultConfiguration: { level: 'error' },
              })),
              ...(unnoticed.length === 0 ? [] : [MUTANT_RULE]),
            ],
          },
        },
        columnKind: 'utf16CodeUnits',
        invocations: [
          {
            executionSuccessful: failures.length === 0,
            commandLine: review.command,
            endTimeUtc: run.date,
            toolExecutionNotifications: failures.map(({ name, code, message }) => ({
              level: 'error',
              descriptor: { id: code },
              message: { text: `${name}: ${message}` },
            })),
          },
        ],
        results: [
          ...broken.map((clause, ruleIndex) => resultOf(clause, ruleIndex, review)),
          ...unnoticed.map((mutant) => mutantResult(mutant, broken.length)),
        ],
        properties: { verdict: review.verdict, summary: verdictOfReview(review), bounds: review.bounds },
      },
    ],
  }
  return `${JSON.stringify(log, null, 2)}\n`
}

function resultOf(clause: BrokenClause, ruleIndex: number, { change, places }: Review) {
  const { trace, scenarios } = clause
  const [first, ...others] = byNearness(change.procedures, trace)
  const text =
    `${trace.clause}: ${trace.detail.replace(/[.\s]*$/, '')}. Shortest run: ${lengthOf(clause)}, in ${scenarios[0].scenario}` +
    `${scenarios.length > 1 ? `; broken in ${scenarios.length} scenarios` : ''}.`
  return {
    ruleId: clause.clause,
    ruleIndex,
    level: 'error',
    baselineState: scenarios.every(({ before }) => before) ? 'unchanged' : 'new',
    message: { text },
    locations: first === undefined ? [] : [locationOf(first)],
    relatedLocations: others.map((procedure, id) => ({ id, ...locationOf(procedure) })),
    ...(trace.steps.length === 0 ? {} : { codeFlows: [codeFlowOf(trace, places)] }),
    partialFingerprints: {
      'clauseAndProcedures/v1': `${clause.clause} ${change.procedures.map(({ name }) => name).join(' ')}`,
    },
  }
}

/** What a result of a mutant is of. */
const MUTANT_RULE = {
  id: 'mutant-not-noticed',
  shortDescription: { text: 'a change of the new text that nothing notices' },
  defaultConfiguration: { level: 'note' },
}

/** The mutants that the change is to answer for: nothing notices them, and before it something did or they were not there. */
function unnoticedIn({ mutants }: Review): MutantChange[] {
  if (mutants === undefined || 'reason' in mutants) return []
  return mutants.mutants.filter((mutant) => ['lost', 'unnoticed'].includes(turnOf(mutant)))
}

function mutantResult(mutant: MutantChange, ruleIndex: number) {
  return {
    ruleId: MUTANT_RULE.id,
    ruleIndex,
    level: MUTANT_RULE.defaultConfiguration.level,
    message: { text: `${mutantSaid(mutant)}: ${TURNS[turnOf(mutant)]}.` },
    locations: [{ ...physical(mutant), logicalLocations: [{ name: mutant.procedure, kind: 'function' }] }],
    partialFingerprints: { 'mutant/v1': mutant.id },
  }
}

/** The changed procedures: the one that the run enters last comes first. */
function byNearness(procedures: readonly ProcedureChange[], { steps }: Trace): ProcedureChange[] {
  const lastOf = ({ name }: ProcedureChange) => steps.findLastIndex(({ procedure }) => procedure === name)
  return [...procedures].sort((a, b) => lastOf(b) - lastOf(a))
}

function locationOf({ name, place }: ProcedureChange) {
  return { ...physical(place), logicalLocations: [{ name, kind: 'function' }] }
}

function physical({ file, line }: Place) {
  return { physicalLocation: { artifactLocation: { uri: uriOf(file) }, region: { startLine: line } } }
}

/** A path as a URI; a relative one stays relative. */
function uriOf(file: string): string {
  const path = file.split('/').map(encodeURIComponent).join('/')
  return file.startsWith('/') ? `file://${path}` : path
}

function codeFlowOf({ threads, steps }: Trace, places: Review['places']) {
  return {
    threadFlows: threads.flatMap((name, thread) => {
      const own = steps.flatMap((step, i) => (step.thread === thread ? [{ step, order: i + 1 }] : []))
      if (own.length === 0) return []
      return [
        {
          id: name,
          locations: own.map(({ step, order }) => {
            const place = places.get(`${step.procedure}: ${step.step}`)
            return {
              executionOrder: order,
              location: {
                ...(place && physical(place)),
                message: { text: `${order} ${name}: ${stepLabel(step)}` },
              },
            }
          }),
        },
      ]
    }),
  }
}
