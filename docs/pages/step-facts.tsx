/**
 * What each step of a procedure does, and what takes it: fields, outcomes with the shortest run to each, sequences, mutants.
 *
 * @module
 */

import { type ComponentChildren, Fragment } from 'preact'
import { addressTo } from '../../src/explorer/address.js'
import type { ProcedureData, ProcedureStep } from '../../src/publish/procedures.js'
import { SUITE } from '../../src/publish/sequences.js'
import type { StepData } from '../../src/publish/steps.js'
import { address } from './addresses.js'
import { Provenance, Section, type Site, Table, To } from './layout.js'

/** The outcomes of a step: each leads to a search for the shortest run to it. */
function Outcomes({ step }: { step: StepData }) {
  return (
    <>
      {step.outcomes.map(({ outcome, shortest, sequences }) => {
        const [recorded, suite] = sequencesOf({ sequences })
        const how = [
          ...(shortest === undefined ? [] : [`after ${shortest.steps}`]),
          ...(recorded + suite === 0 ? [] : [`${figure(recorded)} + ${figure(suite)}`]),
        ]
        const says = <span class="says">{how.join(', ')}</span>
        return shortest === undefined ? (
          <span key={outcome} class="outcome">
            {outcome} {says}
          </span>
        ) : (
          <a
            key={outcome}
            class="outcome"
            href={`/explorer.html#${addressTo({ scenario: shortest.scenario, bounds: 'smoke', set: {} }, step.procedure, step.step, outcome)}`}
          >
            {outcome} {says}
          </a>
        )
      })}
    </>
  )
}

const figure = (n: number) => n.toLocaleString('en-US')

/** How many sequences of the suite take a step, and the shortest that does. */
function InSuite({ step }: { step: StepData }) {
  const { example } = step
  return (
    <>
      {figure(sequencesOf(step)[1])}
      {example?.file === SUITE ? <code class="such">{example.sequence}</code> : null}
    </>
  )
}

/** Fields, each on a line of its own where there is room. */
function Fields({ names }: { names: readonly string[] }) {
  return <span class="fields">{names.join(' ')}</span>
}

/** Sequences of recordings, and of the suite. */
export function sequencesOf({ sequences }: Pick<StepData, 'sequences'>): [recorded: number, suite: number] {
  const { [SUITE]: suite = 0, ...recorded } = sequences
  return [Object.values(recorded).reduce((sum, count) => sum + count, 0), suite]
}

/** Which of the recorded sequences were looked at, if not all were: ` (1 of 5)`. */
export function everySequence({ data: { evidence } }: Site): string {
  const every = evidence?.manifest.everySequence
  return every === undefined ? '' : ` (1 of ${every})`
}

/** A step as its text has it, with what runs have shown of it: one of the two may be missing. */
interface StepRow {
  readonly name: string
  readonly inText: readonly ProcedureStep[]
  readonly facts?: StepData
}

/** A step that takes or drops a lock: `down_read mm[].mmap_lock`. */
const LOCKS = /^(?:lock|trylock|unlock|(?:down|up)_(?:read|write)\w*) /

const verbOf = (name: string) => name.split(' ')[0]

/** The steps in the order of the text. A run says which lock it is that the text has by an expression. */
export function rowsOf(inText: readonly ProcedureStep[], steps: readonly StepData[]): StepRow[] {
  const left = new Set(steps)
  const names = [...new Set(inText.map(({ name }) => name))]
  const rows = names.flatMap((name): StepRow[] => {
    const places = inText.filter((step) => step.name === name)
    const isLock = places[0].kind === 'lock'
    const isOnly =
      isLock && names.every((other) => other === name || !LOCKS.test(other) || verbOf(other) !== verbOf(name))
    const found = [...left].filter(
      ({ step }) => step === name || (isOnly && LOCKS.test(step) && verbOf(step) === verbOf(name)),
    )
    for (const facts of found) left.delete(facts)
    return found.length === 0
      ? [{ name, inText: places }]
      : found.map((facts) => ({ name: facts.step, inText: places, facts }))
  })
  return [...rows, ...[...left].map((facts) => ({ name: facts.step, inText: [], facts }))]
}

/** Requirements by their names, also those whose name is a word: `data`. */
export function Clauses({ site, clauses }: { site: Site; clauses: readonly string[] }) {
  return (
    <>
      {clauses.map((clause) => (
        <Fragment key={clause}>
          {site.data.requirements.some(({ id }) => id === clause) ? (
            <To kind="requirement" name={clause} />
          ) : (
            clause
          )}{' '}
        </Fragment>
      ))}
    </>
  )
}

/** The transitions of statecharts that an event takes. */
function Signals({ site, events }: { site: Site; events: readonly string[] }) {
  const charts = (event: string) => site.data.charts.filter(({ events }) => events.includes(event))
  return (
    <>
      {events.map((event) => (
        <span key={event} class="signal">
          {event}
          {charts(event).map(({ name }) => (
            <Fragment key={name}>
              {' '}
              <a href={`${address('chart', name)}#${event}`}>{name}</a>
            </Fragment>
          ))}
        </span>
      ))}
    </>
  )
}

/** The lines of a step in the text that the page shows, or the place where it stands. */
function Lines({ procedure, steps }: { procedure: ProcedureData; steps: readonly ProcedureStep[] }) {
  const { file, line: first, endLine } = procedure
  return (
    <>
      {steps.map((step, i) => (
        <Fragment key={`${step.file}:${step.line}`}>
          {i === 0 ? '' : ', '}
          {step.file === file && step.line >= first && step.line <= endLine ? (
            <a href={`#L${step.line}`}>{step.line}</a>
          ) : (
            `${step.file}:${step.line}`
          )}
        </Fragment>
      ))}
    </>
  )
}

/** A column, which is left out where no row has anything in it. */
interface Column {
  readonly head: string
  readonly cell: (row: StepRow) => ComponentChildren
  readonly has?: (row: StepRow) => boolean
}

/** The section: each step, where it stands, what it does, and what takes it. */
export function Steps({
  site,
  procedure,
  steps,
  takenIn,
}: {
  site: Site
  procedure: ProcedureData
  steps: readonly StepData[]
  /** In how many scenarios a step was taken. */
  takenIn: (step: string) => number
}) {
  const rows = rowsOf(procedure.steps, steps)
  const { evidence } = site.data
  if (rows.length === 0) return null
  const together = (row: StepRow, of: 'signals' | 'claims') => [
    ...new Set(row.inText.flatMap((step) => step[of])),
  ]
  // That taking a lock reads and writes the locks is said by its name.
  const fields = (row: StepRow, of: 'reads' | 'writes') =>
    LOCKS.test(row.name) ? [] : (row.facts?.[of] ?? [])
  const columns: readonly Column[] = [
    { head: 'step', cell: ({ name }) => name },
    {
      head: 'line',
      cell: ({ inText }) => <Lines procedure={procedure} steps={inText} />,
      has: ({ inText }) => inText.length > 0,
    },
    {
      head: 'signals',
      cell: (row) => <Signals site={site} events={together(row, 'signals')} />,
      has: (row) => together(row, 'signals').length > 0,
    },
    {
      head: 'claims',
      cell: (row) => <Clauses site={site} clauses={together(row, 'claims')} />,
      has: (row) => together(row, 'claims').length > 0,
    },
    ...(['reads', 'writes'] as const).map((of) => ({
      head: of,
      cell: (row: StepRow) => (fields(row, of).length === 0 ? null : <Fields names={fields(row, of)} />),
      has: (row: StepRow) => fields(row, of).length > 0,
    })),
    {
      head: 'outcomes',
      cell: ({ facts }) => (facts === undefined ? null : <Outcomes step={facts} />),
      has: ({ facts }) => facts !== undefined,
    },
    // Without evidence nothing is known of it: that is not none.
    { head: 'scenarios', cell: ({ name }) => takenIn(name), has: () => evidence?.check !== undefined },
    {
      head: `recorded${everySequence(site)}`,
      cell: ({ facts }) => (facts ? sequencesOf(facts)[0] : 0),
      has: () => evidence?.steps !== undefined,
    },
    {
      head: 'suite',
      cell: ({ facts }) => (facts ? <InSuite step={facts} /> : 0),
      has: () => evidence?.steps !== undefined,
    },
    {
      head: 'mutants',
      cell: ({ facts }) => facts?.mutants.length ?? 0,
      has: ({ facts }) => facts !== undefined && facts.mutants.length > 0,
    },
  ]
  const shown = columns.filter(({ has }) => has === undefined || rows.some(has))
  return (
    <Section title="Steps" id="steps">
      <Provenance site={site} />
      <Table
        head={shown.map(({ head }) => head)}
        rows={rows.map((row) => shown.map(({ cell }) => cell(row)))}
      />
      <p class="says">
        <a href="/procedure/index.html#columns">What the columns say</a>
      </p>
    </Section>
  )
}
