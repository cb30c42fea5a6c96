/**
 * Changes of the text that mutation testing makes: of a procedure, what becomes of each; of all, a page.
 *
 * @module
 */
import { type ComponentChildren, Fragment } from 'preact'
import type { JudgedMutant, MutantData } from '../../src/publish/mutants.js'
import type { ProcedureData } from '../../src/publish/procedures.js'
import type { StepData } from '../../src/publish/steps.js'
import { Commands, Linked, type Page, Section, type Site, Table, To } from './layout.js'

/** Where the page of all mutants is. */
export const MUTANTS_PAGE = '/doc/mutants.html'

/** Of which commit a report is that another run has made, at another time. */
export function Reported({ site, run }: { site: Site; run: { commit: string | null; date: string } }) {
  const { commit } = site.data
  const isThis = run.commit !== null && run.commit === commit
  return (
    <p class={`provenance${isThis ? '' : ' stale'}`}>
      A run of {run.date.slice(0, 10)}
      {run.commit === null ? (
        ', of an unknown commit'
      ) : (
        <>
          , of commit <code>{run.commit.slice(0, 10)}</code>
        </>
      )}
      {isThis ? '' : ', which is not that of this page'}.
    </p>
  )
}

/** What was changed, and by what. */
function Change({ mutant: { kind, original, replacement } }: { mutant: MutantData }) {
  return (
    <>
      {kind}
      {replacement === '' || replacement === `!(${original})` ? null : (
        <>
          {' → '}
          <code>{replacement}</code>
        </>
      )}
    </>
  )
}

const VERDICTS: Readonly<Record<string, string>> = {
  killed: 'killed',
  survived: 'survived',
  sameGraph: 'the same graph',
  equivalent: 'equivalent',
  notReached: 'reached by no scenario',
  error: 'an error',
}

/** What became of it, and what noticed it. */
function Verdict({ site, mutant }: { site: Site; mutant: JudgedMutant }) {
  const { verdict, by, clause, steps } = mutant
  const scenario = site.data.scenarios.find(({ name }) => name === by)
  return (
    <>
      <span class={`verdict ${verdict === 'killed' ? 'holds' : verdict === 'survived' ? 'violated' : ''}`}>
        {VERDICTS[verdict] ?? verdict}
      </span>
      {verdict !== 'killed' || by === null ? null : (
        <>
          {' by '}
          {clause === null ? null : (
            <>
              <Linked site={site}>{clause}</Linked>
              {' in '}
            </>
          )}
          {scenario === undefined ? by : <To kind="scenario" name={scenario.name} />}
          {steps === null ? '' : `, after ${steps} steps`}
        </>
      )}
    </>
  )
}

/** Changes of one place in turn: what stands there, and what is done to it. */
function Places({
  site,
  mutants,
  place,
}: {
  site: Site
  mutants: readonly (MutantData & { readonly step?: string | null })[]
  place: (mutant: MutantData & { readonly step?: string | null }) => ComponentChildren
}) {
  const placeOf = ({ file, line, original }: MutantData) => `${file} ${line} ${original}`
  return (
    <ul>
      {[...new Set(mutants.map(placeOf))].map((at) => {
        const alike = mutants.filter((mutant) => placeOf(mutant) === at)
        return (
          <li key={at}>
            {place(alike[0])} <code>{alike[0].original}</code>:{' '}
            {alike.map((mutant, i) => {
              const judged = site.data.mutants.get(mutant.id)
              return (
                <Fragment key={mutant.id}>
                  {i === 0 ? '' : ', '}
                  <Change mutant={mutant} />
                  {judged === undefined ? null : (
                    <>
                      {' ('}
                      <Verdict site={site} mutant={judged} />
                      {')'}
                    </>
                  )}
                </Fragment>
              )
            })}
          </li>
        )
      })}
    </ul>
  )
}

/** The section of a procedure: its mutants in steps, and of those between steps the ones that were run. */
export function Mutants({
  site,
  procedure: { name, file, line: first, endLine },
  steps,
}: {
  site: Site
  procedure: ProcedureData
  steps: readonly StepData[]
}) {
  const inSteps = steps.flatMap(({ step, mutants }) => mutants.map((mutant) => ({ step, ...mutant })))
  const known = new Set(inSteps.map(({ id }) => id))
  const between = [...site.data.mutants.values()].filter(
    (mutant) => mutant.procedure === name && mutant.file === file && !known.has(mutant.id),
  )
  const mutants = [...inSteps, ...between]
  if (mutants.length === 0) return null
  const verdicts = mutants.flatMap(({ id }) => site.data.mutants.get(id)?.verdict ?? [])
  const killed = verdicts.filter((verdict) => verdict === 'killed').length
  // A mutant may be of a text in another place, and evidence that is older than the page tells of other lines.
  const isShown = (mutant: MutantData) =>
    mutant.file === file && mutant.line >= first && mutant.line <= endLine
  return (
    <Section title="Mutants of its text" id="mutants">
      <details>
        <summary>
          {mutants.length}, of which {verdicts.length} were run
          {verdicts.length === 0 ? '' : `: ${killed} killed`}
        </summary>
        <Places
          site={site}
          mutants={mutants}
          place={(mutant) =>
            isShown(mutant) ? (
              <a href={`#L${mutant.line}`}>{mutant.line}</a>
            ) : (
              `${mutant.file}:${mutant.line} ${mutant.step ?? ''}:`
            )
          }
        />
      </details>
    </Section>
  )
}

/** The mutants that a requirement has killed; nothing without a report. */
export function KilledBy({ site, clause }: { site: Site; clause: string }) {
  const killed = [...site.data.mutants.values()].filter(
    (mutant) => mutant.verdict === 'killed' && mutant.clause === clause,
  )
  const run = site.data.evidence?.mutate?.run
  if (run === undefined || killed.length === 0) return null
  return (
    <Section title="Mutants that it kills" id="mutants">
      <Reported site={site} run={run} />
      <MutantTable site={site} mutants={killed} />
    </Section>
  )
}

function MutantTable({ site, mutants }: { site: Site; mutants: readonly JudgedMutant[] }) {
  return (
    <Table
      head={['procedure', 'place', 'what stands there', 'change', 'verdict']}
      rows={mutants.map((mutant) => {
        const url = site.addresses.ofProcedure(mutant.procedure)
        return [
          url === undefined ? mutant.procedure : <a href={`${url}`}>{mutant.procedure}</a>,
          `${mutant.file}:${mutant.line}`,
          <code>{mutant.original}</code>,
          <Change mutant={mutant} />,
          <Verdict site={site} mutant={mutant} />,
        ]
      })}
    />
  )
}

/** Verdicts in the order in which a reader wants them: what nothing has noticed first. */
const ORDER = ['survived', 'error', 'notReached', 'killed', 'sameGraph', 'equivalent'] as const

const HEADINGS: Readonly<Record<(typeof ORDER)[number], string>> = {
  survived: 'Survived: nothing notices it, and the answers differ',
  error: 'Noticed only by an error of the tool',
  notReached: 'Reached by no scenario',
  killed: 'Killed',
  sameGraph: 'The same states and steps: there is nothing to notice',
  equivalent: 'Known to mean the same',
}

/** The page of all mutants that were run. */
export function mutantsPage(site: Site): Page {
  const report = site.data.evidence?.mutate
  return {
    url: MUTANTS_PAGE,
    title: 'Mutants, and what became of them',
    kind: 'list',
    names: ['mutants'],
    text: 'mutation testing killed survived score',
    body: (
      <>
        <h1>Mutants, and what became of them</h1>
        <p class="lead">
          The text of the specification changed in one place at a time: what notices it, and what nothing
          notices. <a href="/doc/mutation.html">Mutation testing</a> says how.
        </p>
        {report === undefined ? (
          <>
            <p class="provenance missing">There is no report. This makes one, of a sample:</p>
            <Commands
              lines={[
                'npx hmm-spec mutate --sample 50 --format json --output mutants.json',
                'npm run evidence -- --mutants mutants.json',
              ]}
            />
          </>
        ) : (
          <>
            <Reported site={site} run={report.run} />
            <p>
              <strong>{report.mutants.length}</strong> were run
              {report.complete ? '' : ` within the limit of time, and ${report.counts.notRun} were not`}:{' '}
              <strong data-figure="killed">{report.counts.killed}</strong> killed, of which{' '}
              {report.killedBy.scenarios} by scenarios and {report.killedBy.recordings} by recordings of
              kernels; {report.counts.survived} survived.
              {report.score === null
                ? ''
                : ` That is ${Math.round(report.score * 100)} % of those that can be noticed.`}
            </p>
            {ORDER.map((verdict) => {
              const mutants = report.mutants.filter((mutant) => mutant.verdict === verdict)
              return mutants.length === 0 ? null : (
                <Section key={verdict} title={`${HEADINGS[verdict]} (${mutants.length})`} id={verdict}>
                  <MutantTable site={site} mutants={mutants} />
                </Section>
              )
            })}
          </>
        )}
      </>
    ),
  }
}
