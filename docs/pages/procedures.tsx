/**
 * A page for each procedure: its text, its steps and what they do, who calls it and whom it calls, what replaces it, and
 * where it was exercised.
 *
 * @module
 */
import { kindOf } from '../../src/explorer/outcome.js'
import type { ProcedureData } from '../../src/publish/procedures.js'
import { address } from './addresses.js'
import { highlighted } from './code.js'
import { Html, Names, type Page, Section, type Site, Table, Title, To } from './layout.js'
import { Mutants } from './mutants.js'
import { KernelName } from './sources.js'
import { Clauses, Steps } from './step-facts.js'

/** How many of the scenarios that enter a procedure are named. */
const SMALLEST = 12

/** The pages of all procedures. */
export function procedurePages(site: Site): Page[] {
  return site.data.source.procedures.map((procedure) => ({
    url: address('procedure', procedure.id),
    title: procedure.name,
    kind: 'procedure',
    names: [procedure.name, procedure.symbol, procedure.kernel],
    text: [procedure.summary, ...procedure.steps.map(({ name }) => name)].join(' '),
    body: <ProcedureBody site={site} procedure={procedure} />,
  }))
}

/** In how many scenarios each step was taken, by `procedure: step`; which one of several of a kind is left out. */
const takenIn = new WeakMap<Site, ReadonlyMap<string, number>>()

function stepsTaken(site: Site): ReadonlyMap<string, number> {
  const known = takenIn.get(site)
  if (known !== undefined) return known
  const counts = new Map<string, number>()
  for (const { coverage } of site.data.evidence?.check?.scenarios ?? [])
    for (const step of new Set(coverage.steps.map(kindOf))) counts.set(step, (counts.get(step) ?? 0) + 1)
  takenIn.set(site, counts)
  return counts
}

function ProcedureBody({ site, procedure }: { site: Site; procedure: ProcedureData }) {
  const { data } = site
  const { id, name, kernel, file, line, summary, claims, callers, callees, open } = procedure
  const taken = stepsTaken(site)
  // Of others that traces call the same, the steps are on their own pages.
  const elsewhere = new Set(
    data.source.procedures
      .filter((other) => other !== procedure && other.name === name)
      .flatMap(({ steps }) => steps.map((step) => step.name)),
  )
  const own = new Set(procedure.steps.map((step) => step.name))
  const facts = (data.steps.get(name) ?? []).filter(({ step }) => own.has(step) || !elsewhere.has(step))
  const overrides = data.source.overrides.filter(({ target }) => target === id)
  const scenarios = (data.evidence?.check?.scenarios ?? [])
    .filter(({ coverage }) => coverage.procedures.includes(name))
    .sort((a, b) => a.states - b.states)
  const api = data.api.find((entry) => entry.name === procedure.symbol && entry.kind === 'Procedure')
  const named = (ids: readonly string[]) => ids.flatMap((one) => data.procedures.get(one) ?? [])
  return (
    <>
      <Title kind="Procedure" name={name} />
      <Html class="lead" html={site.markdown.text(summary)} />
      <dl class="facts">
        {kernel === '' ? null : (
          <>
            <dt>Kernel</dt>
            <dd>
              <KernelName name={kernel} />
            </dd>
          </>
        )}
        <dt>Source</dt>
        <dd>
          <code>
            {file}:{line}
          </code>
          {api === undefined ? null : (
            <>
              , exported as <code>{procedure.symbol}</code> of{' '}
              <a href={`/api/modules/${api.module}.html`}>{api.module}</a>
            </>
          )}
        </dd>
        {claims.length === 0 ? null : (
          <>
            <dt>Claims</dt>
            <dd>
              <Clauses site={site} clauses={claims} />
            </dd>
          </>
        )}
      </dl>
      <Section title="Text" id="text">
        <Html html={highlighted(procedure, line)} />
      </Section>
      <Steps
        site={site}
        procedure={procedure}
        steps={facts}
        takenIn={(step) => taken.get(kindOf(`${name}: ${step}`)) ?? 0}
      />
      <Mutants site={site} procedure={procedure} steps={facts} />
      <Section title="Calls" id="calls">
        {callees.length === 0 && open.length === 0 ? <p>No other procedure.</p> : null}
        {callees.length === 0 ? null : <Names kind="procedure" names={named(callees)} />}
        {open.length === 0 ? null : (
          <p>
            What is only known as it runs:{' '}
            {open.map((text) => (
              <>
                <code>{text}</code>{' '}
              </>
            ))}
          </p>
        )}
      </Section>
      <Section title="Called by" id="callers">
        {callers.length === 0 ? (
          <p>
            No procedure by its name: a thread begins with it, or a driver's or notifier's callback leads to
            it.
          </p>
        ) : (
          <Names kind="procedure" names={named(callers)} />
        )}
      </Section>
      {overrides.length === 0 ? null : (
        <Section title="Replaced by" id="replaced">
          <Table
            head={['in', 'what']}
            rows={overrides.map(({ kind, owner }) => [
              <To kind={kind} name={owner} />,
              kind === 'defect'
                ? data.defects.find((defect) => defect.name === owner)?.title
                : kind === 'generation'
                  ? `generation ${owner}`
                  : `Linux ${owner}`,
            ])}
          />
        </Section>
      )}
      {scenarios.length === 0 ? null : (
        <Section title="Scenarios that enter it" id="scenarios">
          <p>
            {scenarios.length} of {data.scenarios.length}
            {scenarios.length > SMALLEST ? ', the smallest first' : ''}:
          </p>
          <Names kind="scenario" names={scenarios.slice(0, SMALLEST).map((scenario) => scenario.name)} />
        </Section>
      )}
    </>
  )
}
