/**
 * A page for each defect: what is wrong, the text that has it beside the one that it replaces, and the run that shows it.
 *
 * @module
 */
import type { OverrideData } from '../../src/publish/procedures.js'
import { address, documentAddress } from './addresses.js'
import { bodyOf, differences, highlighted } from './code.js'
import {
  Commands,
  ExploreLink,
  Html,
  IfShort,
  Linked,
  type Page,
  Provenance,
  Section,
  type Site,
  subjectOf,
  Title,
  To,
  TraceDrawing,
} from './layout.js'
import { Sources } from './sources.js'

type Defect = Site['data']['defects'][number]

const KINDS = {
  history: 'a bug that a kernel or a driver had',
  mutation: 'a step left out, or in the wrong place',
  hazard: 'a hazard that is there today',
} as const

/** Of defects of this letter longer runs are drawn: mutations of the protocol itself. */
const LONGER: Readonly<Record<string, number>> = { M: 20 }

/** The pages of all defects. */
export function defectPages(site: Site): Page[] {
  return site.data.defects.map((defect) => ({
    url: address('defect', defect.name),
    title: `${defect.name}: ${defect.title}`,
    kind: 'defect',
    names: [
      defect.name,
      ...(defect.aliases ?? []),
      ...defect.overrides.map(({ target }) => target.procedureName),
    ],
    text: [defect.text, ...defect.source].join(' '),
    body: <DefectBody site={site} defect={defect} />,
  }))
}

/** What a text has in place of the procedure's that it replaces. */
export function Replacement({ site, override }: { site: Site; override: OverrideData }) {
  const target = override.target === undefined ? undefined : site.data.procedures.get(override.target)
  const place = `${override.file}:${override.line}`
  if (target === undefined)
    return (
      <>
        <p class="place">{place}</p>
        <Html html={highlighted(override)} />
      </>
    )
  return (
    <>
      <h3>
        In place of {override.step === undefined ? null : <>step “{override.step}” of </>}
        <To kind="procedure" name={target.id}>
          {target.name}
        </To>
      </h3>
      <p class="place">{place}</p>
      <Html
        html={
          override.step === undefined ? differences(bodyOf(target), bodyOf(override)) : highlighted(override)
        }
      />
    </>
  )
}

function DefectBody({ site, defect }: { site: Site; defect: Defect }) {
  const { name, title, kind, text, requirement, scenario, steps, source, generation, aliases } = defect
  const { data } = site
  const clause = data.requirements.find(({ id }) => id === requirement)
  const found = data.evidence?.defects?.defects.find((entry) => entry.name === name)
  const overrides = data.source.overrides.filter((one) => one.kind === 'defect' && one.owner === name)
  const finding = data.documents.find(({ file }) => file === `findings/${name}.md`)
  const again = generation === undefined ? '' : ` --generation ${generation}`
  return (
    <>
      <Title kind={`Defect: ${KINDS[kind]}`} name={name} title={title} />
      <p class="lead">
        <Linked site={site}>{text}</Linked>
      </p>
      <ExploreLink
        site={site}
        subject={subjectOf(defect)}
        steps={found?.trace?.steps ?? []}
        kind={found?.trace?.kind}
      />
      {finding === undefined ? null : (
        <p>
          It is a finding: <a href={documentAddress(finding.file)}>{finding.title}</a>
        </p>
      )}
      <dl class="facts">
        <dt>Breaks</dt>
        <dd>
          <To kind="requirement" name={requirement} />: {clause?.title}
        </dd>
        <dt>Seen in</dt>
        <dd>
          <To kind="scenario" name={scenario} />
          {generation === undefined ? null : (
            <>
              {' '}
              of generation <To kind="generation" name={generation} />
            </>
          )}
        </dd>
        <dt>Source</dt>
        <dd>
          <Sources site={site} sources={source} />
        </dd>
        {aliases === undefined || aliases.length === 0 ? null : (
          <>
            <dt>Also</dt>
            <dd>{aliases.join(', ')}</dd>
          </>
        )}
        <dt>Caught</dt>
        <dd>
          {found === undefined ? (
            'not known: there is no evidence'
          ) : (
            <>
              <span class={`verdict ${found.caught ? 'holds' : 'violated'}`} data-figure="caught">
                {found.caught ? 'yes' : 'no'}
              </span>
              , after <span data-figure="steps">{found.steps ?? '?'}</span> steps (pinned: {steps}), in{' '}
              {found.states.toLocaleString('en-US')} states
            </>
          )}
        </dd>
      </dl>
      <Section title="What is changed" id="change">
        {overrides.length === 0 ? (
          <p>
            Nothing: the {generation === undefined ? 'reference' : `generation ${generation}`} itself has it.
          </p>
        ) : (
          overrides.map((override, i) => <Replacement key={String(i)} site={site} override={override} />)
        )}
      </Section>
      <Section title="The shortest run that shows it" id="run">
        <Provenance site={site} />
        {!found?.trace ? (
          <p>No run was recorded.</p>
        ) : (
          <IfShort steps={found.trace.steps.length} most={LONGER[name[0]]}>
            <TraceDrawing site={site} trace={found.trace} />
          </IfShort>
        )}
        <Commands
          lines={[
            `npx hmm-spec defects ${name} --trace-dir traces`,
            `npx hmm-spec replay traces/${name}.json${again}`,
          ]}
        />
      </Section>
    </>
  )
}
