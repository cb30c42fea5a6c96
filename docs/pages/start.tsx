/**
 * The start page: the last check, ways in, the requirements at a glance, and earlier checks.
 *
 * @module
 */
import { address } from './addresses.js'
import { listed } from './data.js'
import { type Page, Provenance, type Site, Table } from './layout.js'
import { MUTANTS_PAGE } from './mutants.js'
import { askedOf } from './requirements.js'
import { SPEED_PAGE, speedOf } from './speed.js'

interface Door {
  readonly title: string
  readonly links: readonly (readonly [url: string, says: string])[]
}

const DOORS: readonly Door[] = [
  {
    title: 'I want to see it run',
    links: [
      ['/explorer.html', 'The explorer: check and step through any scenario, here'],
      ['/explorer.html#scenario=munmap&check=1', 'Check munmap against a device, every interleaving'],
      ['/explorer.html#scenario=munmap&defect=M2&check=1', 'Find the run that breaks a driver (M2)'],
    ],
  },
  {
    title: 'I write a driver',
    links: [
      ['/doc/writing-a-driver.html', 'Writing a driver, step by step'],
      [address('requirement', 'C8'), 'The rule: read_retry under the update lock (C8)'],
      [address('defect', 'M2'), 'A run that breaks it (M2)'],
      ['/doc/drivers-rxe.html', 'A driver of the tree: rxe'],
      ['/doc/generations.html', 'What each release of the API promises'],
      ['/requirement/index.html', 'Every requirement'],
    ],
  },
  {
    title: 'I review an mm patch',
    links: [
      ['/doc/review.html', 'What a change breaks, as a document'],
      ['/procedure/index.html', 'Every procedure, under its kernel name'],
      [address('procedure', 'migrate_vma_collect_pmd'), 'For instance migrate_vma_collect_pmd'],
      ['/chart/index.html', 'The lifecycles that steps are held against'],
      ['/generation/index.html', 'What changed between releases'],
      ['/defect/index.html', 'Bugs that there were'],
      ['/doc/history.html', 'Public bugs since 2023, and what catches them'],
    ],
  },
  {
    title: 'I have an implementation',
    links: [
      ['/finding/recorded-driver.html', "The kernel's test driver, against everything"],
      ['/doc/suite.html', 'The conformance suite, for any of them'],
      ['/doc/operations.html', 'The language of its operations'],
      ['/doc/json.html', 'The JSON of every command'],
      ['/doc/traceability.html', 'From five documents to evidence'],
    ],
  },
  {
    title: 'What was found',
    links: [
      [address('finding', 'H1'), 'H1: a stale page is installed'],
      [address('finding', 'H10'), 'H10: a migrated page is mapped though it was thrown away'],
      [address('finding', 'H16'), 'H16: the device reads unbacked memory'],
      ['/finding/index.html', 'All findings'],
    ],
  },
]

/** The start page. */
export function startPage(site: Site): Page {
  return {
    url: '/index.html',
    title: 'An executable specification of Linux HMM',
    kind: 'start',
    text: 'last check verdict commit',
    body: (
      <>
        <h1>An executable specification of Linux HMM</h1>
        <p class="lead">
          Heterogeneous memory management as procedures that read like the kernel's, explored over every
          interleaving of small scenarios, and compared with recordings of real kernels.
        </p>
        <Verdict site={site} />
        <div class="doors">
          {DOORS.map(({ title, links }) => (
            <section key={title} class="door">
              <h2>{title}</h2>
              <ul>
                {links.map(([url, says]) => (
                  <li key={url}>
                    <a href={url}>{says}</a>
                  </li>
                ))}
              </ul>
            </section>
          ))}
        </div>
        <Cells site={site} />
        <History site={site} />
      </>
    ),
  }
}

function Verdict({ site }: { site: Site }) {
  const { evidence, stale, commit } = site.data
  const { check, defects, conform } = evidence ?? {}
  if (check === undefined) return <Provenance site={site} />
  const holding = check.scenarios.filter(({ verdict }) => verdict === 'holds').length
  const states = check.scenarios.reduce((sum, scenario) => sum + scenario.states, 0)
  const caught = defects?.defects.filter((defect) => defect.caught).length
  const sum = (of: 'sequences' | 'matched') => (conform ?? []).reduce((total, one) => total + one[of], 0)
  const worst = Math.max(check.exitCode, defects?.exitCode ?? 0)
  const kernels = [...new Set((conform ?? []).map(({ kernel }) => kernel))].sort()
  return (
    <section class={`last ${worst === 0 ? 'good' : 'bad'}`} aria-label="Last check">
      <h2>
        {worst === 0 ? 'Everything holds' : 'Something does not hold'}
        {stale ? ', when it was last checked' : commit === undefined ? '' : ` at ${commit.slice(0, 10)}`}
      </h2>
      <ul class="figures">
        <li>
          <strong data-figure="hold">{holding.toLocaleString('en-US')}</strong> of {check.scenarios.length}{' '}
          scenarios hold, in <span data-figure="states">{states.toLocaleString('en-US')}</span> states
        </li>
        {check.coverage.judged ? (
          <li>
            <strong>{check.coverage.transitions.total - check.coverage.transitions.never.length}</strong> of{' '}
            {check.coverage.transitions.total} transitions taken
          </li>
        ) : null}
        {defects === undefined ? (
          <li>Defects: not checked</li>
        ) : (
          <li>
            <strong data-figure="caught">{caught}</strong> of {defects.defects.length} defects caught
          </li>
        )}
        {conform === undefined || conform.length === 0 ? (
          <li>Not compared with any recording</li>
        ) : (
          <li>
            <strong data-figure="matched">{sum('matched').toLocaleString('en-US')}</strong> of{' '}
            {sum('sequences').toLocaleString('en-US')} sequences recorded on Linux {listed(kernels)} match
          </li>
        )}
        <li>
          {evidence?.mutate === undefined ? (
            <>
              <a href={MUTANTS_PAGE}>Mutants</a>: none were run
            </>
          ) : (
            <>
              <strong data-figure="killed">{evidence.mutate.counts.killed}</strong> of{' '}
              {evidence.mutate.mutants.length} <a href={MUTANTS_PAGE}>mutants</a> killed
              {evidence.mutate.complete ? '' : `, ${evidence.mutate.counts.notRun} not run`}, at{' '}
              {evidence.mutate.run.commit?.slice(0, 10) ?? 'an unknown commit'}
            </>
          )}
        </li>
        <li>
          {evidence?.bench === undefined ? (
            <>
              <a href={SPEED_PAGE}>Speed</a>: not measured
            </>
          ) : (
            <>
              <strong data-figure="speed">{speedOf(evidence.bench).toLocaleString('en-US')}</strong> states a
              second: <a href={SPEED_PAGE}>speed</a>, at{' '}
              {evidence.bench.run.commit?.slice(0, 10) ?? 'an unknown commit'}
            </>
          )}
        </li>
      </ul>
      <Provenance site={site} />
    </section>
  )
}

/** A cell for each requirement: the longer its bar, the more often it was asked; with a ring where it catches a defect. */
function Cells({ site }: { site: Site }) {
  const { data } = site
  if (data.evidence?.check === undefined) return null
  const asked = data.requirements.map((requirement) =>
    askedOf(site, requirement).reduce((sum, one) => sum + one.asked, 0),
  )
  const killing = new Map<string, number>()
  for (const { requirement, caught } of data.evidence.defects?.defects ?? [])
    if (caught) killing.set(requirement, (killing.get(requirement) ?? 0) + 1)
  const most = Math.log(Math.max(2, ...asked))
  return (
    <section>
      <h2>Requirements</h2>
      <p>
        The longer the bar, the more often the last check asked for it; a ring: it catches a defect. Each
        leads to its evidence and to what breaks it.
      </p>
      <p class="cells">
        {data.requirements.map(({ id, title }, i) => (
          <a
            key={id}
            href={address('requirement', id)}
            class={killing.has(id) ? 'awake' : undefined}
            title={`${id}: ${title} (asked ${asked[i].toLocaleString('en-US')} times${killing.has(id) ? `, catches ${killing.get(id)}` : ''})`}
            style={`--full: ${Math.round((100 * Math.log(Math.max(1, asked[i]))) / most)}%`}
          >
            <span>{id}</span>
          </a>
        ))}
      </p>
    </section>
  )
}

function History({ site }: { site: Site }) {
  const history = site.data.evidence?.history ?? []
  // One line is the check that the page shows anyway.
  if (history.length < 2) return null
  return (
    <section>
      <h2>Earlier checks</h2>
      <Table
        head={[
          'commit',
          'date',
          'scenarios that hold',
          'states',
          'defects caught',
          'sequences that match',
          'seconds',
        ]}
        rows={[...history]
          .reverse()
          .slice(0, 20)
          .map((entry) => [
            <code>{entry.commit.slice(0, 10)}</code>,
            entry.date.slice(0, 10),
            `${entry.hold} of ${entry.scenarios}`,
            entry.states,
            `${entry.caught} of ${entry.defects}`,
            `${entry.matched.toLocaleString('en-US')} of ${entry.sequences.toLocaleString('en-US')}`,
            entry.seconds,
          ])}
      />
    </section>
  )
}
