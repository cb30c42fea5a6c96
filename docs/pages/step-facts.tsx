/**
 * What each step of a procedure does, and what takes it: fields, outcomes with the shortest run to each, sequences, mutants.
 *
 * @module
 */

import { Fragment } from 'preact'
import { addressTo } from '../../src/explorer/address.js'
import type { MutantData } from '../../src/publish/mutants.js'
import type { ProcedureData } from '../../src/publish/procedures.js'
import type { StepData } from '../../src/publish/steps.js'
import { Provenance, Section, type Site, Table } from './layout.js'

/** The outcomes of a step: each leads to a search for the shortest run to it. */
function Outcomes({ step }: { step: StepData }) {
  return (
    <>
      {step.outcomes.map(({ outcome, shortest: { scenario, steps } }) => (
        <a
          key={outcome}
          class="outcome"
          href={`/explorer.html#${addressTo({ scenario, bounds: 'smoke', set: {} }, step.procedure, step.step, outcome)}`}
        >
          {outcome} <span class="says">after {steps}</span>
        </a>
      ))}
    </>
  )
}

/** Fields, each on a line of its own where there is room. */
function Fields({ names }: { names: readonly string[] }) {
  return <span class="fields">{names.join(' ')}</span>
}

/** Sequences of recordings, and of the suite. */
export function sequencesOf({ sequences }: Pick<StepData, 'sequences'>): [recorded: number, suite: number] {
  const { suite = 0, ...recorded } = sequences
  return [Object.values(recorded).reduce((sum, count) => sum + count, 0), suite]
}

function placeOf({ file, line, original }: Pick<MutantData, 'file' | 'line' | 'original'>): string {
  return `${file} ${line} ${original}`
}

/** Mutants of one place: what stands there, and what is done to it. */
function MutantsOf({
  alike,
  isShown,
}: {
  alike: readonly (MutantData & { readonly step: string })[]
  isShown: boolean
}) {
  const [{ file, line, step, original }] = alike
  return (
    <li>
      {isShown ? <a href={`#L${line}`}>{line}</a> : `${file}:${line} ${step}:`} <code>{original}</code>:{' '}
      {alike.map(({ id, kind, replacement, verdict }, i) => (
        <Fragment key={id}>
          {i === 0 ? '' : ', '}
          {kind}
          {replacement === '' || replacement === `!(${original})` ? null : (
            <>
              {' → '}
              <code>{replacement}</code>
            </>
          )}
          {verdict === undefined ? null : ` (${verdict})`}
        </Fragment>
      ))}
    </li>
  )
}

/** The section; nothing without evidence. */
export function StepFacts({
  site,
  procedure: { file, line: first, endLine },
  steps,
}: {
  site: Site
  procedure: ProcedureData
  steps: readonly StepData[]
}) {
  // A mutant may be of a text in another place, and evidence that is older than the page tells of other lines.
  const isShown = (mutant: Pick<MutantData, 'file' | 'line'>) =>
    mutant.file === file && mutant.line >= first && mutant.line <= endLine
  const mutants = steps.flatMap(({ step, mutants }) => mutants.map((mutant) => ({ step, ...mutant })))
  if (steps.length === 0) return null
  return (
    <>
      <Section title="What each step does" id="facts">
        <Provenance site={site} />
        <Table
          head={['step', 'reads', 'writes', 'outcomes', 'scenarios', 'recorded', 'suite', 'mutants']}
          rows={steps.map((step) => [
            step.step,
            <Fields names={step.reads} />,
            <Fields names={step.writes} />,
            <Outcomes step={step} />,
            step.scenarios,
            ...sequencesOf(step),
            step.mutants.length,
          ])}
        />
        <p class="says">
          <a href="/procedure/index.html#main">What the columns say</a>
        </p>
      </Section>
      {mutants.length === 0 ? null : (
        <Section title="Mutants of its steps" id="mutants">
          <details>
            <summary>{mutants.length}</summary>
            <ul>
              {[...new Set(mutants.map(placeOf))].map((place) => {
                const alike = mutants.filter((mutant) => placeOf(mutant) === place)
                return <MutantsOf key={place} alike={alike} isShown={isShown(alike[0])} />
              })}
            </ul>
          </details>
        </Section>
      )}
    </>
  )
}
