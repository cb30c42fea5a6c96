/**
 * A page for each scenario: what happens in it, at which bounds, what was found, and what it goes through.
 *
 * @module
 */
import { address } from './addresses.js'
import {
  Commands,
  ExploreLink,
  Linked,
  Names,
  type Page,
  Provenance,
  RunOf,
  Section,
  type Site,
  Table,
  Title,
  To,
} from './layout.js'

type Scenario = Site['data']['scenarios'][number]

/** The pages of all scenarios. */
export function scenarioPages(site: Site): Page[] {
  const common = commonProcedures(site)
  return site.data.scenarios.map((scenario) => ({
    url: address('scenario', scenario.name),
    title: scenario.name,
    kind: 'scenario',
    names: [scenario.name],
    text: [scenario.summary, ...Object.values(scenario.parameters).map(({ summary }) => summary)].join(' '),
    body: <ScenarioBody site={site} scenario={scenario} common={common} />,
  }))
}

/** Scenarios: what more than so many enter says little of one. */
const MANY = 25

/** The procedures that more than {@link MANY} scenarios enter. */
function commonProcedures(site: Site): ReadonlySet<string> {
  const counts = new Map<string, number>()
  for (const { coverage } of site.data.evidence?.check?.scenarios ?? [])
    for (const name of coverage.procedures) counts.set(name, (counts.get(name) ?? 0) + 1)
  return new Set([...counts].filter(([, count]) => count > MANY).map(([name]) => name))
}

function ScenarioBody({
  site,
  scenario,
  common,
}: {
  site: Site
  scenario: Scenario
  common: ReadonlySet<string>
}) {
  const { name, summary, parameters, exercises } = scenario
  const { data } = site
  const result = data.evidence?.check?.scenarios.find((one) => one.name === name)
  const shown = data.defects.filter((defect) => defect.scenario === name)
  const asked = (result?.coverage.claims ?? []).filter(({ exercised }) => exercised > 0)
  const entries = Object.entries(parameters)
  const entered = new Set(result?.coverage.procedures)
  const procedures = data.source.procedures.filter(
    (procedure) => entered.has(procedure.name) && !common.has(procedure.name),
  )
  return (
    <>
      <Title kind="Scenario" name={name} />
      <p class="lead">
        <Linked site={site}>{summary}</Linked>
      </p>
      <ExploreLink site={site} subject={{ scenario: name, bounds: 'smoke', set: {} }} />
      <Section title="Last check" id="check">
        <Provenance site={site} />
        {result === undefined ? (
          <p>It was not checked.</p>
        ) : (
          <dl class="facts">
            <dt>Verdict</dt>
            <dd>
              <span class={`verdict ${result.verdict}`} data-figure="verdict">
                {result.verdict}
              </span>
              {result.exhaustive ? ': every state was visited, and stored exactly' : ''}
            </dd>
            <dt>States</dt>
            <dd data-figure="states">{result.states.toLocaleString('en-US')}</dd>
            <dt>Transitions</dt>
            <dd>{result.transitions.toLocaleString('en-US')}</dd>
            <dt>Depth</dt>
            <dd>{result.depth} steps</dd>
            <dt>Progress</dt>
            <dd>{result.fairness}</dd>
            <dt>Time</dt>
            <dd>{(result.elapsedMs / 1000).toFixed(1)} s</dd>
          </dl>
        )}
      </Section>
      {entries.length === 0 ? null : (
        <Section title="Parameters" id="parameters">
          <Table
            head={['parameter', 'meaning', 'least', 'most', 'smoke', 'default', 'deep']}
            rows={entries.map(([name, p]) => [
              <code>{name}</code>,
              p.summary,
              p.min,
              p.max,
              p.smoke,
              p.default,
              p.deep,
            ])}
          />
        </Section>
      )}
      <Section title="Requirements that it exercises" id="exercises">
        <Names kind="requirement" names={exercises} />
      </Section>
      {shown.length === 0 ? null : (
        <Section title="Defects that it shows" id="defects">
          <Table
            head={['defect', 'what is wrong', 'breaks', 'steps']}
            rows={shown.map((defect) => [
              <To kind="defect" name={defect.name} />,
              <Linked site={site}>{defect.title}</Linked>,
              <To kind="requirement" name={defect.requirement} />,
              <RunOf site={site} defect={defect} />,
            ])}
          />
        </Section>
      )}
      {result === undefined ? null : (
        <Section title="What was asked in it" id="claims">
          <details>
            <summary>{asked.length} claims that had something to say, and how often</summary>
            <ul>
              {[...new Set(asked.map(({ clause }) => clause))].map((clause) => (
                <li key={clause}>
                  {data.requirements.some(({ id }) => id === clause) ? (
                    <To kind="requirement" name={clause} />
                  ) : (
                    clause
                  )}
                  {': '}
                  {asked
                    .filter((claim) => claim.clause === clause)
                    .map(({ name, exercised }) => `${name} ${exercised.toLocaleString('en-US')}`)
                    .join(', ')}
                </li>
              ))}
            </ul>
          </details>
        </Section>
      )}
      {procedures.length === 0 ? null : (
        <Section title="Procedures that it enters" id="procedures">
          <Names kind="procedure" names={procedures} />
          <p>
            And {[...entered].filter((name) => common.has(name)).length} of those that more than {MANY}{' '}
            scenarios enter: the page of a <a href="../procedure/index.html">procedure</a> names its
            scenarios.
          </p>
        </Section>
      )}
      <Section title="To run it" id="run">
        <Commands
          lines={[
            `npx hmm-spec check ${name}`,
            ...entries
              .slice(0, 1)
              .map(([key, { deep }]) => `npx hmm-spec check ${name} --set ${key}=${deep}`),
          ]}
        />
      </Section>
    </>
  )
}
