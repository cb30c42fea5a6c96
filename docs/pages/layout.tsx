/**
 * What every page has, and the small parts that pages are made of.
 *
 * @module
 */
import type { ComponentChildren } from 'preact'
import type { Trace, TraceStep, ViolationKind } from '../../src/checker/result.js'
import { addressOf } from '../../src/explorer/address.js'
import type { Subject } from '../../src/explorer/subject.js'
import { sequenceSvg, traceSvg } from '../../src/report/sequence/sequence-svg.js'
import type { FigureSources } from '../figures.js'
import { Addresses, address } from './addresses.js'
import type { SiteData } from './data.js'
import { Markdown } from './markdown.js'

/** What pages are made from. */
export interface Site {
  readonly data: SiteData
  readonly addresses: Addresses
  readonly markdown: Markdown
}

/** A page of the site. */
export interface Page {
  /** Its address, from the root of the site. */
  readonly url: string
  readonly title: string
  /** What kind of thing it is about, as people call it. */
  readonly kind: string
  /** Words that lead to it besides those of its title: names of the kernel. */
  readonly names?: readonly string[]
  /** What the search looks in besides title and names. */
  readonly text: string
  readonly body: ComponentChildren
  /** Names of assets that it needs besides those of every page: scripts and styles. */
  readonly assets?: readonly string[]
}

/** Makes what pages are made from. */
export function siteOf(data: SiteData, files: ReadonlySet<string>): Site {
  const addresses = new Addresses(data)
  return { data, addresses, markdown: new Markdown(addresses, files, figuresOf(data)) }
}

/** What the figures of documents are filled in from: the specification, and the evidence as far as there is any. */
function figuresOf({
  requirements,
  scenarios,
  defects,
  charts,
  documents,
  evidence,
}: SiteData): FigureSources {
  const found = new Map(evidence?.defects?.defects.map((entry) => [entry.name, entry]))
  const counts: Readonly<Record<string, number>> = {
    requirements: requirements.length,
    scenarios: scenarios.length,
    defects: defects.length,
    statecharts: charts.length,
    findings: documents.filter(({ file }) => /^findings\/[A-Z]+\d+\.md$/.test(file)).length,
  }
  return {
    count: (what) => counts[what],
    steps: (name) => found.get(name)?.steps ?? defects.find((defect) => defect.name === name)?.steps,
    loop: (name) => {
      const trace = found.get(name)?.trace
      return trace?.loopFrom === undefined ? undefined : trace.steps.length - trace.loopFrom
    },
    states: (name) =>
      evidence?.check?.bounds === 'default'
        ? evidence.check.scenarios.find((result) => result.name === name)?.states
        : undefined,
  }
}

const SECTIONS = [
  ['/requirement/index.html', 'Requirements'],
  ['/scenario/index.html', 'Scenarios'],
  ['/defect/index.html', 'Defects'],
  ['/chart/index.html', 'Statecharts'],
  ['/procedure/index.html', 'Procedures'],
  ['/finding/index.html', 'Findings'],
  ['/generation/index.html', 'Generations'],
  ['/doc/index.html', 'Guides'],
  ['/explorer.html', 'Explorer'],
  ['/api/index.html', 'API'],
] as const

/** What stands above the content of every page, also of those of the API. */
export function Header({ url: at }: { url: string }) {
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header>
        <div class="bar">
          <a class="brand" href="/index.html">
            hmm-spec
          </a>
          <search />
        </div>
        <nav aria-label="Sections">
          {SECTIONS.map(([url, name]) => (
            <a key={url} href={url} {...(sameFolder(at, url) ? { 'aria-current': 'page' as const } : {})}>
              {name}
            </a>
          ))}
        </nav>
      </header>
    </>
  )
}

/** The page around `page`. */
export function Shell({ page }: { page: Page }) {
  const { assets = [] } = page
  return (
    <html lang="en">
      <head>
        <meta charSet="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{`${page.title} · hmm-spec`}</title>
        <link rel="stylesheet" href="/assets/site.css" />
        <script src="/assets/theme.js" />
        {assets
          .filter((name) => name.endsWith('.css'))
          .map((name) => (
            <link key={name} rel="stylesheet" href={`/assets/${name}`} />
          ))}
        {assets
          .filter((name) => name.endsWith('.js'))
          .map((name) => (
            <script key={name} src={`/assets/${name}`} defer />
          ))}
      </head>
      <body class={page.kind === 'explorer' ? 'about-explorer' : undefined}>
        <Header url={page.url} />
        <main id="main">{page.body}</main>
        <script src="/assets/search.js" defer />
      </body>
    </html>
  )
}

function sameFolder(url: string, section: string): boolean {
  return url.split('/')[1] === section.split('/')[1]
}

/** The head of a page: what kind of thing it is, its name, what it is called. */
export function Title({ kind, name, title }: { kind: string; name: string; title?: string }) {
  return (
    <div class="title">
      <p class="kind">{kind}</p>
      <h1>
        {name}
        {title === undefined ? null : <span class="says">: {title}</span>}
      </h1>
    </div>
  )
}

/** A text whose identifiers lead to their pages; what stands between backticks is code. */
export function Linked({ site, children }: { site: Site; children: string }) {
  const { addresses } = site
  const to = (url: string | undefined, shown: ComponentChildren) =>
    url === undefined ? shown : <a href={url}>{shown}</a>
  return (
    <>
      {children
        .split('`')
        .map((part, i) =>
          i % 2 === 1
            ? to(addresses.ofCode(part), <code>{part}</code>)
            : addresses.pieces(part).map(({ text, url }) => to(url, text)),
        )}
    </>
  )
}

/** HTML that was made of a trusted source by code that escapes. */
export function Html({ html, class: className }: { html: string; class?: string }) {
  return <div class={className} dangerouslySetInnerHTML={{ __html: html }} />
}

/** A link to a thing, by its name. */
export function To({
  kind,
  name,
  children,
}: {
  kind: Parameters<typeof address>[0]
  name: string
  children?: ComponentChildren
}) {
  return <a href={address(kind, name)}>{children ?? name}</a>
}

/** A count with its thousands apart. */
export function Count({ n }: { n: number }) {
  return <>{n.toLocaleString('en-US')}</>
}

/** Of which commit the figures are, and whether that is the one that the page is of. */
export function Provenance({ site }: { site: Site }) {
  const { evidence, stale } = site.data
  if (evidence === undefined)
    return (
      <p class="provenance missing">
        There is no evidence yet: <code>npm run evidence</code> makes it.
      </p>
    )
  const { commit, changed, date, node } = evidence.manifest
  return (
    <p class={`provenance${stale ? ' stale' : ''}`}>
      Figures of{' '}
      {commit === null ? (
        'an unknown commit'
      ) : (
        <>
          commit <code>{commit.slice(0, 10)}</code>
        </>
      )}
      {changed ? ', with uncommitted changes' : ''}, {date.slice(0, 10)}, Node.js {node.replace(/^v/, '')},{' '}
      {evidence.check?.bounds} bounds.
      {stale ? ' They are older than this page: npm run evidence renews them.' : ''}
    </p>
  )
}

/** A figure stands at the right, below others like it. */
function isFigure(cell: ComponentChildren): boolean {
  return typeof cell === 'number' || (typeof cell === 'string' && /^\d[\d,]*\.\d+$/.test(cell))
}

/** A table that may be wider than its page. */
export function Table({
  head,
  rows,
}: {
  head: readonly string[]
  rows: readonly (readonly ComponentChildren[])[]
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and must do so by keyboard as well
    <div class="wide" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {head.map((name) => (
              <th key={name}>{name}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((cells, i) => (
            <tr key={String(i)}>
              {cells.map((cell, k) => (
                <td key={String(k)} class={isFigure(cell) ? 'number' : undefined}>
                  {typeof cell === 'number' ? <Count n={cell} /> : cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** A section; nothing if it has nothing to say. */
export function Section({
  title,
  id,
  children,
}: {
  title: string
  id?: string
  children: ComponentChildren
}) {
  return (
    <section id={id}>
      <h2>{title}</h2>
      {children}
    </section>
  )
}

/** Names in a row, each leading to its page. */
export function Names({
  kind,
  names,
}: {
  kind: Parameters<typeof address>[0]
  names: readonly (string | { readonly id: string; readonly name: string })[]
}) {
  return (
    <p class="names">
      {names.map((one) => {
        const { id, name } = typeof one === 'string' ? { id: one, name: one } : one
        return (
          <a key={id} href={address(kind, id)}>
            {name}
          </a>
        )
      })}
    </p>
  )
}

/** A command, to be copied. */
export function Commands({ lines }: { lines: readonly string[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and must do so by keyboard as well
    <pre class="code" tabIndex={0}>
      <code>{lines.join('\n')}</code>
    </pre>
  )
}

/** Steps of the longest run that is drawn on a page of many: the explorer draws any. */
const DRAWN = 10

/** A drawing of a run of so many steps, if that is short enough. */
export function IfShort({
  steps,
  most = DRAWN,
  children,
}: {
  steps: number
  most?: number | undefined
  children: ComponentChildren
}) {
  return steps > most ? <p>Its {steps} steps are drawn in the explorer.</p> : <>{children}</>
}

/** A run that breaks a clause, drawn. */
export function TraceDrawing({ site, trace }: { site: Site; trace: Trace }) {
  return <Html class="drawing" html={scrolling(traceSvg(trace, { linkTo: linkTo(site) }))} />
}

/** A link into the explorer: to a run, or to a check of what is chosen. */
export function ExploreLink({
  site,
  subject,
  steps: recorded = [],
  kind,
  children,
}: {
  site: Site
  subject: Subject
  steps?: readonly TraceStep[]
  /** What kind of claim the run breaks. */
  kind?: ViolationKind | undefined
  children?: ComponentChildren
}) {
  // A run of another version would be refused: the explorer looks for today's.
  const steps = site.data.stale ? [] : recorded
  // That a run never gets on is not seen in its last state: a check says so.
  const check = steps.length === 0 || kind === 'progress' ? '&check=1' : ''
  const says =
    steps.length === 0
      ? 'Check it here, in the explorer'
      : (children ?? 'Step through this run in the explorer')
  return (
    <p class="explore">
      <a href={`/explorer.html#${addressOf(subject, steps)}${check}`}>{says}</a>
    </p>
  )
}

/** The run of a defect in a table: its length, which leads to it in the explorer. */
export function RunOf({ site, defect }: { site: Site; defect: SiteData['defects'][number] }) {
  const { name, steps } = defect
  const trace = site.data.evidence?.defects?.defects.find((entry) => entry.name === name)?.trace
  const isKnown = !site.data.stale && trace !== undefined && trace !== null && trace.kind !== 'progress'
  const address = addressOf(subjectOf(defect), isKnown ? trace.steps : [])
  return (
    <a href={`/explorer.html#${address}${isKnown ? '' : '&check=1'}`} title={`${name} in the explorer`}>
      {steps}&nbsp;▶
    </a>
  )
}

/** Where a defect is seen. */
export function subjectOf({ name, scenario, set, generation }: SiteData['defects'][number]): Subject {
  return {
    scenario,
    bounds: 'smoke',
    set: set ?? {},
    ...(generation === undefined ? {} : { release: generation }),
    defect: name,
  }
}

/** A run, drawn. */
export function RunDrawing({
  site,
  threads,
  steps,
}: {
  site: Site
  threads: readonly string[]
  steps: readonly TraceStep[]
}) {
  return <Html class="drawing" html={scrolling(sequenceSvg({ threads, steps }, { linkTo: linkTo(site) }))} />
}

function linkTo({ addresses }: Site) {
  return (procedure: string) => addresses.ofProcedure(procedure)
}

/** A drawing is shown as large as it is, and scrolls where there is no room: its labels can always be read. */
export function scrolling(svg: string): string {
  return `<div class="scroll" tabindex="0" role="region" aria-label="Drawing">${svg}</div>`
}
