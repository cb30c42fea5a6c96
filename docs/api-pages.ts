/**
 * The pages that typedoc has written, made pages of the site: smaller, without the icons and scripts that the site does not
 * need, with links to the site's own pages of procedures and statecharts.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { address } from './pages/addresses.js'
import { compact, ShortClasses } from './pages/compact.js'
import type { ApiEntry } from './pages/data.js'

/** Typedoc's own search and menus, which the site's stand in for, its icons, and copies of drawings. */
const UNUSED = [
  'assets/main.js',
  'assets/search.js',
  'assets/navigation.js',
  'assets/hierarchy.js',
  'assets/icons.js',
  'assets/icons.svg',
  'media',
]

/** In this order, as one: each page asks for one file. */
const STYLES = ['assets/style.css', 'assets/highlight.css']

/**
 * Icons that only repeat the heading above them; the link of a heading to itself; an element around each comma and bracket
 * of a signature. There are tens of thousands.
 */
function withoutOrnaments(html: string): string {
  return html
    .replace(
      /<a href="#[^"]*" aria-label="Permalink" class="tsd-anchor-icon"><svg[^>]*><use[^>]*><\/use><\/svg><\/a>/g,
      '',
    )
    .replace(/<svg[^>]*><use href="[^"]*icons\.svg#[^"]*"><\/use><\/svg>/g, '')
    .replace(/<span class="tsd-signature-symbol">([^<]*)<\/span>/g, '$1')
}

/** Links to a procedure lead to its own page, and not to typedoc's. */
function toProcedures(html: string, file: string, api: string, ids: ReadonlyMap<string, string>): string {
  return html.replace(/ href="([^"#:]+\.html)(?:#[^"]*)?"/g, (link, path: string) => {
    const id = ids.get(relative(api, join(dirname(file), path)))
    if (id === undefined) return link
    return ` href="${relative(dirname(file), join(api, '..', address('procedure', id)))}"`
  })
}

/** A drawing of a statechart is on its own page, in the colours of the site. */
function toCharts(html: string, file: string, api: string): string {
  return html.replace(/<img src="[^"]*media\/(\w+)\.svg"[^>]*>/g, (_image, name: string) => {
    const url = relative(dirname(file), join(api, '..', address('chart', name)))
    return `<a href="${url}">The drawing, with the steps that take each transition</a>`
  })
}

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.html'))
    .map((name) => join(folder, name))
}

/**
 * Changes the pages below `api`.
 *
 * @param entries - what the API exports
 * @param theme - folder of the site's own style sheets
 */
export function adaptApi(api: string, entries: readonly ApiEntry[], theme: string): void {
  const ids = new Map(entries.flatMap(({ url, procedure }) => (procedure ? [[url, procedure]] : [])))
  for (const url of ids.keys()) rmSync(join(api, url), { force: true })
  for (const name of UNUSED) rmSync(join(api, name), { recursive: true, force: true })
  const pages = filesIn(api).map((file) => {
    const html = toCharts(withoutOrnaments(readFileSync(file, 'utf8')), file, api)
    return [file, toProcedures(html, file, api, ids)] as const
  })
  const classes = new ShortClasses(pages.map(([, html]) => html))
  for (const [file, html] of pages)
    writeFileSync(file, compact(classes.inMarkup(html), basename(dirname(file))))
  const styles = [...STYLES.map((name) => join(api, name)), join(theme, 'site.css'), join(theme, 'api.css')]
  const css = styles.map((file) => readFileSync(file, 'utf8')).join('\n')
  for (const name of STYLES) rmSync(join(api, name))
  writeFileSync(join(api, 'assets/api.css'), classes.inStyles(css))
}
