/**
 * A page for each generation of the API and its driver, as a difference to the one before; for each two of them, what changed
 * between; and for each kernel, what it has in place of the reference's.
 *
 * @module
 */
import type { OverrideData, ProcedureData } from '../../src/publish/procedures.js'
import type { AnyProcedure } from '../../src/world/procedures/procedure.js'
import { address } from './addresses.js'
import { bodyOf, differences } from './code.js'
import { Replacement } from './defects.js'
import { Html, Linked, Names, type Page, Section, type Site, Title, To } from './layout.js'

type Generation = Site['data']['generations'][number]

/** The pages of generations, of comparisons, and of kernels. */
export function generationPages(site: Site): Page[] {
  const { generations, kernels } = site.data
  return [
    ...generations.map((generation, i) => ({
      url: address('generation', generation.name),
      title: called(generation),
      kind: 'generation',
      names: [generation.name, generation.driver.name],
      text: `${generation.summary} driver ${generation.driver.name} Linux ${generation.kernels}`,
      body: <GenerationBody site={site} generation={generation} before={generations[i - 1]} />,
    })),
    ...generations.flatMap((from, i) =>
      generations.slice(i + 1).map((to) => ({
        url: betweenAddress(from, to),
        title: `What changed from ${from.name} to ${to.name} (Linux ${from.kernels}, Linux ${to.kernels})`,
        kind: 'comparison',
        names: [from.name, to.name],
        text: `what changed between ${from.kernels} and ${to.kernels} ${from.summary} ${to.summary}`,
        body: <BetweenBody site={site} from={from} to={to} />,
      })),
    ),
    ...kernels.map((kernel) => ({
      url: address('kernel', kernel.name),
      title: `Linux ${kernel.name}: faults on device pages`,
      kind: 'kernel',
      names: kernel.overrides.map(({ target }) => target.procedureName),
      text: kernel.summary,
      body: (
        <>
          <Title kind="Kernel" name={`Linux ${kernel.name}`} title="a fault on a device page" />
          <p class="lead">
            From {kernel.name} {kernel.summary.startsWith('to ') ? '' : 'on: '}
            <Linked site={site}>{kernel.summary}</Linked>.
          </p>
          <Replacements site={site} kind="kernel" owner={kernel.name} />
        </>
      ),
    })),
  ]
}

function called({ name, kernels }: Generation): string {
  return `${name} (Linux ${kernels})`
}

/** The address of the page that tells what changed from one generation to another. */
export function betweenAddress(from: Generation, to: Generation): string {
  return address('generation', `${from.name}-to-${to.name}`)
}

function Replacements({ site, kind, owner }: { site: Site; kind: OverrideData['kind']; owner: string }) {
  const overrides = site.data.source.overrides.filter((one) => one.kind === kind && one.owner === owner)
  if (overrides.length === 0) return <p>Nothing: it is the reference.</p>
  return (
    <>
      {overrides.map((override, i) => (
        <Replacement key={String(i)} site={site} override={override} />
      ))}
    </>
  )
}

function GenerationBody({
  site,
  generation,
  before,
}: {
  site: Site
  generation: Generation
  before: Generation | undefined
}) {
  const { data } = site
  const { name, summary, driver } = generation
  const missing = data.requirements.filter(
    ({ generations }) => generations !== undefined && !generations.includes(name),
  )
  const defects = data.defects.filter((defect) => defect.generation === name)
  const others = data.generations.filter((other) => other !== generation)
  return (
    <>
      <Title kind="Generation of the API" name={called(generation)} />
      <p class="lead">
        <Linked site={site}>{summary}</Linked>
      </p>
      <p>
        What each generation promises is a table of verdicts:{' '}
        <a href="/doc/generations.html">what a generation promises</a>.
      </p>
      <Section title="Compared with" id="compare">
        <ul>
          {others.map((other) => {
            const [from, to] =
              data.generations.indexOf(other) < data.generations.indexOf(generation)
                ? [other, generation]
                : [generation, other]
            return (
              <li key={other.name}>
                <a href={betweenAddress(from, to)}>
                  What changed from {called(from)} to {called(to)}
                </a>
              </li>
            )
          })}
        </ul>
      </Section>
      <Section title={`Its driver: ${driver.name}`} id="driver">
        <Names kind="procedure" names={proceduresOfDriver(site, generation)} />
      </Section>
      {missing.length === 0 ? null : (
        <Section title="Requirements that do not hold in it" id="missing">
          <ul>
            {missing.map(({ id, title }) => (
              <li key={id}>
                <To kind="requirement" name={id} />: {title}
              </li>
            ))}
          </ul>
        </Section>
      )}
      {defects.length === 0 ? null : (
        <Section title="Its own defects" id="defects">
          <ul>
            {defects.map(({ name, title }) => (
              <li key={name}>
                <To kind="defect" name={name} />: {title}
              </li>
            ))}
          </ul>
        </Section>
      )}
      {before === undefined ? null : (
        <Section title={`What changed since ${called(before)}`} id="since">
          <Between site={site} from={before} to={generation} />
        </Section>
      )}
      <Section title="What it has in place of the reference's" id="replaces">
        <Replacements site={site} kind="generation" owner={name} />
      </Section>
    </>
  )
}

function BetweenBody({ site, from, to }: { site: Site; from: Generation; to: Generation }) {
  return (
    <>
      <Title kind="What changed" name={`${from.name} to ${to.name}`} />
      <p class="lead">
        From <To kind="generation" name={from.name} /> (Linux {from.kernels}):{' '}
        <Linked site={site}>{from.summary}</Linked>. To <To kind="generation" name={to.name} /> (Linux{' '}
        {to.kernels}): <Linked site={site}>{to.summary}</Linked>.
      </p>
      <Between site={site} from={from} to={to} />
    </>
  )
}

/** The text that a generation has for each procedure that any replaces, by the procedure's identifier. */
function textsOf({ data }: Site, { name }: Generation): Map<string, OverrideData> {
  const own = data.source.overrides.filter(({ kind, owner }) => kind === 'generation' && owner === name)
  return new Map(
    own.flatMap((override) => (override.target === undefined ? [] : [[override.target, override]])),
  )
}

function Between({ site, from, to }: { site: Site; from: Generation; to: Generation }) {
  const { data } = site
  const [before, after] = [textsOf(site, from), textsOf(site, to)]
  const holds = (generation: Generation) =>
    data.requirements.filter(({ generations }) => generations?.includes(generation.name) ?? true)
  const gained = holds(to).filter((requirement) => !holds(from).includes(requirement))
  const lost = holds(from).filter((requirement) => !holds(to).includes(requirement))
  const changed = [...new Set([...before.keys(), ...after.keys()])].flatMap((id) => {
    const reference = data.procedures.get(id)
    if (reference === undefined) return []
    const [was, is] = [before.get(id) ?? reference, after.get(id) ?? reference]
    return was.text === is.text ? [] : [{ reference, was: bodyOf(was), is: bodyOf(is) }]
  })
  const drivers = pairs(proceduresOfDriver(site, from), proceduresOfDriver(site, to))
  return (
    <>
      <h3>Requirements</h3>
      {gained.length + lost.length === 0 ? <p>The same hold.</p> : null}
      <ul>
        {[
          { which: gained, says: 'holds since' },
          { which: lost, says: 'holds no more' },
        ].flatMap(({ which, says }) =>
          which.map(({ id, title }) => (
            <li key={id}>
              <To kind="requirement" name={id} /> {says}: {title}
            </li>
          )),
        )}
      </ul>
      <h3>Texts of the kernel</h3>
      {changed.length === 0 ? (
        <p>
          The procedures are the same: the difference is what the summary says. The page{' '}
          <a href="/doc/reference-api-history.html">the interface by release</a> has every function and field.
        </p>
      ) : null}
      {changed.map(({ reference, was, is }) => (
        <div key={reference.id}>
          <h4>
            <To kind="procedure" name={reference.id}>
              {reference.name}
            </To>
          </h4>
          <Html html={differences(was, is)} />
        </div>
      ))}
      {drivers.every(({ was, is }) => was === is) ? null : (
        <h3>
          The driver: {from.driver.name}, then {to.driver.name}
        </h3>
      )}
      {drivers
        .filter(({ was, is }) => was !== is)
        .map(({ name, was, is }) => (
          <div key={name}>
            <h4>{name}</h4>
            <Html
              html={differences(was === undefined ? '' : bodyOf(was), is === undefined ? '' : bodyOf(is))}
            />
          </div>
        ))}
    </>
  )
}

/** The procedures of a generation's driver: its callbacks, and what they are made of in the same file. */
function proceduresOfDriver({ data }: Site, { driver }: Generation): ProcedureData[] {
  const names = Object.values(driver).flatMap((value) => (isProcedure(value) ? [value.procedureName] : []))
  const found: ProcedureData[] = []
  const add = (procedure: ProcedureData) => {
    if (found.includes(procedure)) return
    found.push(procedure)
    for (const id of procedure.callees) {
      const callee = data.procedures.get(id)
      if (callee !== undefined && callee.file === procedure.file) add(callee)
    }
  }
  for (const name of names)
    for (const one of data.source.procedures.filter((p) => p.name === name).slice(0, 1)) add(one)
  return found
}

function isProcedure(value: unknown): value is AnyProcedure {
  return typeof value === 'function' && 'procedureName' in value
}

/** Procedures of one driver beside those of the same name of another. */
function pairs(
  from: readonly ProcedureData[],
  to: readonly ProcedureData[],
): { name: string; was: ProcedureData | undefined; is: ProcedureData | undefined }[] {
  const names = [...new Set([...from, ...to].map(({ name }) => name))]
  return names.map((name) => ({
    name,
    was: from.find((one) => one.name === name),
    is: to.find((one) => one.name === name),
  }))
}
