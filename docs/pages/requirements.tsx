/**
 * A page for each requirement: what it says, where from, and all the evidence that it holds and that its check is awake.
 *
 * @module
 */
import { Fragment } from 'preact'
import { generationNames } from '../../src/generations/generation.js'
import { address } from './addresses.js'
import {
  ExploreLink,
  IfShort,
  Linked,
  Names,
  type Page,
  Provenance,
  RunOf,
  Section,
  type Site,
  subjectOf,
  Table,
  Title,
  To,
  TraceDrawing,
} from './layout.js'
import { KilledBy } from './mutants.js'
import { Sources } from './sources.js'

type Requirement = Site['data']['requirements'][number]

/** Steps of the longest run that breaks a requirement and is drawn on its page. */
const DRAWN = 25

/** Where a requirement had something to say. */
export interface Asked {
  readonly scenario: string
  readonly states: number
  readonly asked: number
}

/** In which scenarios `requirement` had something to say, and how often: its claims, and assertions of steps as they ran. */
export function askedOf({ data }: Site, { id, checks }: Requirement): Asked[] {
  const names = new Set(checks)
  return (data.evidence?.check?.scenarios ?? []).flatMap(({ name, states, coverage }) => {
    const asked = coverage.claims
      .filter((claim) => claim.clause === id || names.has(claim.name))
      .reduce((sum, { exercised }) => sum + exercised, coverage.asserted[id] ?? 0)
    return asked === 0 ? [] : [{ scenario: name, states, asked }]
  })
}

/** The pages of all requirements. */
export function requirementPages(site: Site): Page[] {
  return site.data.requirements.map((requirement) => ({
    url: address('requirement', requirement.id),
    title: `${requirement.id}: ${requirement.title}`,
    kind: 'requirement',
    names: [requirement.id],
    text: [requirement.text, ...requirement.source, ...requirement.checks].join(' '),
    body: <RequirementBody site={site} requirement={requirement} />,
  }))
}

/** What checks a requirement: a claim by its name, or the place that asserts it. */
function Check({ site, check }: { site: Site; check: string }) {
  const [, where, name] = /^(assert|test|checker):(.*)$/.exec(check) ?? []
  if (where === 'test') return <code>{name}</code>
  if (where === 'checker') return <>the checker itself ({name})</>
  if (where === undefined) return <>{check}</>
  const url = site.addresses.ofProcedure(name) ?? site.addresses.ofCode(name)
  return <>an assertion in {url === undefined ? name : <a href={url}>{name}</a>}</>
}

function RequirementBody({ site, requirement }: { site: Site; requirement: Requirement }) {
  const { id, title, text, source, checks, generations } = requirement
  const { data } = site
  const asked = askedOf(site, requirement)
  const breaking = data.defects
    .filter((defect) => defect.requirement === id)
    .sort((a, b) => a.steps - b.steps)
  const trace = data.evidence?.defects?.defects.find(({ name }) => name === breaking[0]?.name)?.trace
  const claiming = data.source.procedures.filter(({ claims }) => claims.includes(id))
  const meant = data.scenarios.filter(({ exercises }) => exercises.includes(id))
  const rows = data.seeds.flatMap(({ number, items }) =>
    items.filter(({ specified }) => specified.includes(id)).map((item) => ({ number, ...item })),
  )
  return (
    <>
      <Title kind="Requirement" name={id} title={title} />
      <p class="lead">
        <Linked site={site}>{text}</Linked>
      </p>
      <dl class="facts">
        <dt>Source</dt>
        <dd>
          <Sources site={site} sources={source} />
        </dd>
        <dt>Checked by</dt>
        <dd>
          {checks.map((check, i) => (
            <Fragment key={check}>
              {i === 0 ? '' : ' · '}
              <Check site={site} check={check} />
            </Fragment>
          ))}
        </dd>
        <dt>Holds in</dt>
        <dd>
          {generationNames.map((name) => {
            const holds = generations === undefined || generations.includes(name)
            return (
              <a key={name} class={`chip ${holds ? 'yes' : 'no'}`} href={address('generation', name)}>
                {holds ? '●' : '○'} {name}
                <span class="hidden">{holds ? ' holds' : ' does not hold'}</span>
              </a>
            )
          })}
        </dd>
      </dl>
      <Section title="Evidence" id="evidence">
        <Provenance site={site} />
        {asked.length === 0 ? (
          <p>The last check did not ask for it: what is named above holds it in tests, or in other runs.</p>
        ) : (
          <>
            <p>
              Asked{' '}
              <strong data-figure="asked">
                {asked.reduce((sum, { asked }) => sum + asked, 0).toLocaleString('en-US')}
              </strong>{' '}
              times, of states, of steps and by assertions, in{' '}
              <strong data-figure="states">
                {asked.reduce((sum, { states }) => sum + states, 0).toLocaleString('en-US')}
              </strong>{' '}
              states of <strong data-figure="scenarios">{asked.length}</strong> scenarios.
            </p>
            <details>
              <summary>Each scenario, and how often in it</summary>
              <p>
                {asked.map(({ scenario, asked }, i) => (
                  <>
                    {i === 0 ? '' : ', '}
                    <To kind="scenario" name={scenario} /> {asked.toLocaleString('en-US')}
                  </>
                ))}
              </p>
            </details>
          </>
        )}
        {meant.length === 0 ? null : (
          <>
            <p>Scenarios that are there to exercise it:</p>
            <Names kind="scenario" names={meant.map(({ name }) => name)} />
          </>
        )}
      </Section>
      <Section title="What breaks it" id="breaks">
        {breaking.length === 0 ? (
          <p>No defect is caught by it.</p>
        ) : (
          <Table
            head={['defect', 'what is wrong', 'scenario', 'steps']}
            rows={breaking.map((defect) => [
              <To kind="defect" name={defect.name} />,
              <Linked site={site}>{defect.title}</Linked>,
              <To kind="scenario" name={defect.scenario} />,
              <RunOf site={site} defect={defect} />,
            ])}
          />
        )}
        {trace ? (
          <>
            <h3>
              The shortest run that breaks it: {breaking[0].name}, {trace.steps.length} steps
            </h3>
            <ExploreLink site={site} subject={subjectOf(breaking[0])} steps={trace.steps} kind={trace.kind} />
            <IfShort steps={trace.steps.length} most={DRAWN}>
              <TraceDrawing site={site} trace={trace} />
            </IfShort>
          </>
        ) : null}
      </Section>
      <KilledBy site={site} clause={id} />
      {claiming.length === 0 ? null : (
        <Section title="Procedures that claim it" id="procedures">
          <Names kind="procedure" names={claiming} />
        </Section>
      )}
      {rows.length === 0 ? null : (
        <Section title="What it comes from" id="traceability">
          <Table
            head={['seed', 'what', 'name', 'meaning']}
            rows={rows.map(({ number, kind, name, meaning }) => [
              number,
              kind,
              <code>{name}</code>,
              <Linked site={site}>{meaning}</Linked>,
            ])}
          />
        </Section>
      )}
    </>
  )
}
