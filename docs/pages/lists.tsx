/**
 * A page for each kind of thing, which lists what there is of it.
 *
 * @module
 */
import { Fragment } from 'preact'
import { address, documentAddress } from './addresses.js'
import { Linked, type Page, Provenance, type Site, Table, To } from './layout.js'
import { MUTANTS_PAGE } from './mutants.js'
import { askedOf } from './requirements.js'
import { SPEED_PAGE } from './speed.js'

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
      `${data.source.procedures.length} texts: the kernel's, drivers', devices', and those of threads. A name is the kernel's own where there is one.`,
      <>
        <p>
          <a href="#columns">What the columns of their pages say</a>
        </p>
        {PARTS.map(([title, folders]) => (
          <ProceduresIn key={title} site={site} title={title} folders={folders} />
        ))}
        <Columns site={site} />
      </>,
    ),
    page(
      'finding',
      'Findings',
      'What was found: hazards of kernels and drivers, each with its shortest run and what clears it.',
      <Findings site={site} />,
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
          {data.generations.slice(0, -1).map((from, i) => (
            <li key={from.name}>
              From Linux {from.kernels.replace(' to ', '–')} to{' '}
              {data.generations.slice(i + 1).map((to, k) => (
                <Fragment key={to.name}>
                  {k === 0 ? '' : ' · '}
                  <a
                    href={address('generation', `${from.name}-to-${to.name}`)}
                    aria-label={`From Linux ${from.kernels.replace(' to ', '–')} to ${to.kernels.replace(' to ', '–')}`}
                  >
                    {to.kernels.replace(' to ', '–')}
                  </a>
                </Fragment>
              ))}
            </li>
          ))}
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
      'How to use the tool and how to write for it; the drivers that are modelled; what was decided, and why; the facts that all of it rests on.',
      <div>
        {SHELVES.map(([title, holds]) => (
          <section key={title}>
            <h2>{title}</h2>
            <ul class="shelf">
              {data.documents
                .filter(({ file }) => holds.test(file))
                .map(({ file, title }) => (
                  <li key={file}>
                    <a href={documentAddress(file)}>{title.replaceAll('`', '')}</a>
                  </li>
                ))}
            </ul>
          </section>
        ))}
        <section>
          <h2>Measured</h2>
          <ul class="shelf">
            <li>
              <a href={MUTANTS_PAGE}>Mutants, and what became of them</a>
            </li>
            <li>
              <a href={SPEED_PAGE}>Speed</a>
            </li>
          </ul>
        </section>
      </div>,
    ),
  ]
}

/** The documents, by what a reader wants of them. */
const SHELVES: readonly (readonly [title: string, holds: RegExp])[] = [
  ['Writing', /^(?:writing|driver-mistakes)/],
  ['Using it', /^(?:json|litmus|mutation|operations|review|schedules|simulating|suite|validate)\.md$/],
  [
    'What is known',
    /^(?:bounds|generations|history|not-modelled|second-opinion|statecharts|traceability)\.md$/,
  ],
  ['Drivers of the tree', /^drivers\//],
  ['Decisions', /^decisions\//],
  ['Reference: the facts', /^reference\//],
]

/** Where procedures stand, by what they are of. */
const PARTS: readonly (readonly [title: string, folders: RegExp])[] = [
  ['The kernel', /^src\/(?:kernel|world)\//],
  ['Devices, and the reference driver', /^src\/(?:device\/|driver\/(?:reference|memory|[\w-]+\.ts))/],
  ['Drivers of the tree, and variants', /^src\/driver\//],
  ['Releases of the API', /^src\/generations\//],
  ['Threads of scenarios', /./],
]

function ProceduresIn({ site, title, folders }: { site: Site; title: string; folders: RegExp }) {
  const { procedures } = site.data.source
  const isHere = (file: string) => PARTS.find(([, pattern]) => pattern.test(file))?.[1] === folders
  const files = [...new Set(procedures.map(({ file }) => file))].filter(isHere).sort()
  return files.length === 0 ? null : (
    <section>
      <h2>{title}</h2>
      {files.map((file) => (
        <Fragment key={file}>
          <h3 class="file">{file}</h3>
          <ul>
            {procedures
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
        </Fragment>
      ))}
    </section>
  )
}

/** What the table of the steps says on the page of a procedure. */
function Columns({ site }: { site: Site }) {
  const most = site.data.evidence?.steps?.most.toLocaleString('en-US') ?? 'few'
  return (
    <section id="columns">
      <h2>What the columns of their pages say</h2>
      <dl class="facts">
        <dt>signals, claims</dt>
        <dd>Events of statecharts that the step signals; requirements that it asserts.</dd>
        <dt>reads, writes</dt>
        <dd>Fields that its runs touch. A star stands for several devices or objects that have the field.</dd>
        <dt>outcomes</dt>
        <dd>
          How it may turn out, and after how many steps at the earliest: the explorer looks for that run. At
          smoke bounds, in the first {most} states of each scenario. Then how many recorded sequences take it,
          plus how many of the suite.
        </dd>
        <dt>scenarios</dt>
        <dd>How many take it, at the bounds of the last check.</dd>
        <dt>recorded, suite</dt>
        <dd>
          How many sequences recorded on kernels take it, and how many of the conformance suite, with the
          shortest of these.
        </dd>
        <dt>mutants</dt>
        <dd>
          How many changes of its text there are to try: <a href="/doc/mutation.html">mutation testing</a>.
        </dd>
      </dl>
    </section>
  )
}

/** The findings, each with what it breaks and whether it was seen on a machine. */
function Findings({ site }: { site: Site }) {
  const { data } = site
  const findings = data.documents.filter(({ file }) => file.startsWith('findings/'))
  const nameOf = (file: string) => file.replace(/^findings\/|\.md$/g, '')
  const defectOf = (file: string) => data.defects.find(({ name }) => name === nameOf(file))
  const tables = findings.filter(({ file }) => !/\d/.test(file))
  return (
    <>
      <Table
        head={['finding', 'what', 'status', 'breaks', 'steps']}
        rows={findings
          .filter(({ file }) => /\d/.test(file))
          .map(({ file, title, text }) => {
            const defect = defectOf(file)
            return [
              <a href={documentAddress(file)}>{nameOf(file)}</a>,
              title.replace(/^\w+: /, ''),
              <Linked site={site}>{/^\*\*Status\.\*\* (.*?)[.:;]\s/ms.exec(text)?.[1] ?? ''}</Linked>,
              defect === undefined ? '' : <To kind="requirement" name={defect.requirement} />,
              defect?.steps ?? '',
            ]
          })}
      />
      <h2>Tables</h2>
      <ul>
        {tables.map(({ file, title }) => (
          <li key={file}>
            <a href={documentAddress(file)}>{title}</a>
          </li>
        ))}
      </ul>
    </>
  )
}
