/**
 * The start page, and a page for each kind of thing that lists what there is of it.
 *
 * @module
 */
import { address, documentAddress } from './addresses.js'
import { Linked, type Page, Provenance, type Site, Table, To } from './layout.js'
import { askedOf } from './requirements.js'

/** The pages of lists. */
export function listPages(site: Site): Page[] {
  const { data } = site
  const { check, defects } = data.evidence ?? {}
  const page = (kind: string, title: string, says: string, body: Page['body']): Page => ({
    url: `/${kind}/index.html`,
    title,
    kind: 'list',
    text: says,
    body: (
      <>
        <h1>{title}</h1>
        <p class="lead">{says}</p>
        {body}
      </>
    ),
  })
  return [
    page(
      'requirement',
      'Requirements',
      `${data.requirements.length} numbered clauses: what must hold, each with what checks it and what breaks it.`,
      <>
        <Provenance site={site} />
        <Table
          head={['requirement', 'title', 'asked', 'defects']}
          rows={data.requirements.map((requirement) => [
            <To kind="requirement" name={requirement.id} />,
            requirement.title,
            askedOf(site, requirement).reduce((sum, { asked }) => sum + asked, 0),
            data.defects.filter((defect) => defect.requirement === requirement.id).length,
          ])}
        />
      </>,
    ),
    page(
      'scenario',
      'Scenarios',
      `${data.scenarios.length} bounded worlds, each explored over every interleaving.`,
      <>
        <Provenance site={site} />
        <Table
          head={['scenario', 'verdict', 'states', 'what happens in it']}
          rows={data.scenarios.map(({ name, summary }) => {
            const result = check?.scenarios.find((one) => one.name === name)
            return [
              <To kind="scenario" name={name} />,
              <span class={`verdict ${result?.verdict ?? ''}`}>{result?.verdict ?? 'not checked'}</span>,
              result?.states ?? '',
              <Linked site={site}>{summary}</Linked>,
            ]
          })}
        />
      </>,
    ),
    page(
      'defect',
      'Defects',
      `${data.defects.length} known bugs, mutations and hazards, each put in on purpose to see that the checker is awake.`,
      <>
        <Provenance site={site} />
        <Table
          head={['defect', 'kind', 'what is wrong', 'breaks', 'scenario', 'steps', 'caught']}
          rows={data.defects.map(({ name, kind, title, requirement, scenario, steps }) => [
            <To kind="defect" name={name} />,
            kind,
            <Linked site={site}>{title}</Linked>,
            <To kind="requirement" name={requirement} />,
            <To kind="scenario" name={scenario} />,
            steps,
            { true: 'yes', false: 'no', undefined: '?' }[
              String(defects?.defects.find((one) => one.name === name)?.caught) as 'true'
            ],
          ])}
        />
      </>,
    ),
    page(
      'chart',
      'Statecharts',
      `${data.charts.length} lifecycles that every step is held against.`,
      <Table
        head={['statechart', 'states', 'transitions', 'of what']}
        rows={data.charts.map((chart) => [
          <To kind="chart" name={chart.name} />,
          chart.states.length,
          chart.transitions.length,
          <Linked site={site}>{chart.description}</Linked>,
        ])}
      />,
    ),
    page(
      'procedure',
      'Procedures',
      `${data.source.procedures.length} texts: the kernel's, drivers', devices', and those of threads. A name is the kernel's own where there is one. Of each step a page says what it reads and writes, a star for several devices; each outcome, with the number of steps of the shortest run to it, which the explorer looks for: at smoke bounds, in the first ${data.evidence?.steps?.most.toLocaleString('en-US') ?? 'few'} states of each scenario; the scenarios that take it; the recorded sequences of kernels, and those of the conformance suite, that do; and the mutants of it.`,
      [...new Set(data.source.procedures.map(({ file }) => file))].sort().map((file) => (
        <section key={file}>
          <h2 class="file">{file}</h2>
          <ul>
            {data.source.procedures
              .filter((procedure) => procedure.file === file)
              .map(({ id, name, summary }) => (
                <li key={id}>
                  <To kind="procedure" name={id}>
                    {name}
                  </To>{' '}
                  <span class="says">{summary.split(/(?<=\.)\s/)[0].replaceAll('`', '')}</span>
                </li>
              ))}
          </ul>
        </section>
      )),
    ),
    page(
      'finding',
      'Findings',
      'What was found: hazards of kernels and drivers, each with its shortest run and what clears it.',
      <ul>
        {data.documents
          .filter(({ file }) => file.startsWith('findings/'))
          .map(({ file, title }) => (
            <li key={file}>
              <a href={documentAddress(file)}>{title}</a>
            </li>
          ))}
      </ul>,
    ),
    page(
      'generation',
      'Generations of the API',
      'The mirroring API of each release with a driver written for it; and kernels that answer a fault on a device page in another way.',
      <>
        <Table
          head={['generation', 'Linux', 'what it is known by', 'driver']}
          rows={data.generations.map(({ name, kernels, summary, driver }) => [
            <To kind="generation" name={name} />,
            kernels,
            <Linked site={site}>{summary}</Linked>,
            driver.name,
          ])}
        />
        <h2>What changed between two of them</h2>
        <ul>
          {data.generations.slice(1).flatMap((to, i) =>
            data.generations.slice(0, i + 1).map((from) => (
              <li key={`${from.name} ${to.name}`}>
                <a href={address('generation', `${from.name}-to-${to.name}`)}>
                  Linux {from.kernels} to Linux {to.kernels}
                </a>
              </li>
            )),
          )}
        </ul>
        <h2>Faults on device pages</h2>
        <Table
          head={['kernel', 'what it does']}
          rows={data.kernels.map(({ name, summary }) => [
            <To kind="kernel" name={name} />,
            <Linked site={site}>{summary}</Linked>,
          ])}
        />
      </>,
    ),
    page(
      'doc',
      'Guides and decisions',
      'How to write a driver, a procedure, a scenario, a requirement and a defect; what was decided, and why.',
      <ul>
        {data.documents
          .filter(({ file }) => !file.startsWith('findings/'))
          .map(({ file, title }) => (
            <li key={file}>
              <a href={documentAddress(file)}>{title}</a>
            </li>
          ))}
      </ul>,
    ),
  ]
}

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
            {sum('sequences').toLocaleString('en-US')} sequences recorded on Linux {kernels.join(' and ')}{' '}
            match
          </li>
        )}
        {evidence?.manifest.files.bench ? null : <li>Speed: not measured</li>}
      </ul>
      <Provenance site={site} />
    </section>
  )
}

/** A cell for each requirement: the darker, the more often it was asked; with a border where a defect shows it awake. */
function Cells({ site }: { site: Site }) {
  const { data } = site
  if (data.evidence?.check === undefined) return null
  const asked = data.requirements.map((requirement) =>
    askedOf(site, requirement).reduce((sum, one) => sum + one.asked, 0),
  )
  const most = Math.log(Math.max(2, ...asked))
  return (
    <section>
      <h2>Requirements</h2>
      <p>The fuller, the more often it was asked; bordered if a defect breaks it.</p>
      <p class="cells">
        {data.requirements.map(({ id, title }, i) => (
          <a
            key={id}
            href={address('requirement', id)}
            title={`${id}: ${title} (asked ${asked[i].toLocaleString('en-US')} times)`}
            class={data.defects.some(({ requirement }) => requirement === id) ? 'awake' : ''}
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
  if (history.length === 0) return null
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
            `${entry.matched} of ${entry.sequences}`,
            entry.seconds,
          ])}
      />
    </section>
  )
}
