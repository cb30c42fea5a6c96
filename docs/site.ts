/**
 * Writes the site: every page that is made of the specification and its evidence, around the API that typedoc has written.
 * Run by `npm run docs`, compiled. A link that leads nowhere is an error.
 *
 * @module
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { bundled, writeExplorer } from './explorer.js'
import { address } from './pages/addresses.js'
import { compact, ShortClasses } from './pages/compact.js'
import { collect } from './pages/data.js'
import { siteOf } from './pages/layout.js'
import { brokenLinks } from './pages/links.js'
import { searchScript } from './pages/search-index.js'
import { htmlOf, pagesOf } from './render.js'

/** Files that documents may link to, from the folder of the documentation. */
function linkable(docs: string): Set<string> {
  const found = ['', 'drivers/', 'findings/', 'decisions/', 'reference/', 'schema/'].flatMap((folder) =>
    readdirSync(join(docs, folder), { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => folder + name),
  )
  return new Set(found)
}

/** A heading of the API has its identifier; the link beside it, to itself, is left out of more than 3,000 places. */
function withoutPermalinks(html: string): string {
  return html.replace(
    /<a href="#[^"]*" aria-label="Permalink" class="tsd-anchor-icon"><svg[^>]*><use[^>]*><\/use><\/svg><\/a>/g,
    '',
  )
}

/** Links to a procedure lead to its own page, and not to typedoc's. */
function toProcedures(html: string, file: string, api: string, ids: ReadonlyMap<string, string>): string {
  return html.replace(/ href="([^"#:]+\.html)(?:#[^"]*)?"/g, (link, path: string) => {
    const id = ids.get(relative(api, join(dirname(file), path)))
    if (id === undefined) return link
    return ` href="${relative(dirname(file), join(api, '..', address('procedure', id)))}"`
  })
}

/** Every page below `folder`. */
function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.html'))
    .map((name) => join(folder, name))
}

/** Makes typedoc's pages smaller, after `change` has changed each. */
function shorten(api: string, change: (html: string, file: string) => string): void {
  const pages = filesIn(api).map((file) => [file, change(readFileSync(file, 'utf8'), file)] as const)
  const classes = new ShortClasses(pages.map(([, html]) => html))
  for (const [file, html] of pages)
    writeFileSync(file, compact(classes.inMarkup(html), basename(dirname(file))))
  const assets = join(api, 'assets')
  for (const name of readdirSync(assets)) {
    const text = readFileSync(join(assets, name), 'utf8')
    const short = name.endsWith('.css') ? classes.inStyles(text) : classes.inMarkup(text)
    if (short !== text) writeFileSync(join(assets, name), short)
  }
}

async function main(): Promise<void> {
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const docs = join(root, 'docs')
  const out = join(docs, 'site')
  const data = collect(root)
  const site = siteOf(data, linkable(docs))
  const pages = await pagesOf(site)
  for (const name of existsSync(out) ? readdirSync(out) : [])
    if (name !== 'api') rmSync(join(out, name), { recursive: true })
  for (const page of pages) {
    const file = join(out, page.url)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, compact(htmlOf(page), basename(dirname(page.url))))
  }
  // Typedoc's own search and menus, which the site's stand in for.
  for (const name of ['main.js', 'search.js', 'navigation.js', 'hierarchy.js'])
    rmSync(join(out, 'api/assets', name), { force: true })
  const api = join(out, 'api')
  const ids = new Map(data.api.flatMap(({ url, procedure }) => (procedure ? [[url, procedure]] : [])))
  for (const url of ids.keys()) rmSync(join(api, url), { force: true })
  shorten(api, (html, file) => toProcedures(withoutPermalinks(html), file, api, ids))
  const assets = join(out, 'assets')
  mkdirSync(assets, { recursive: true })
  for (const name of ['site.css', 'explorer.css', 'theme.js', 'search.js'])
    cpSync(join(docs, 'theme', name), join(assets, name))
  writeFileSync(
    join(assets, 'minisearch.js'),
    await bundled(root, 'node_modules/minisearch/dist/es/index.js', 'shortened', 'MiniSearch'),
  )
  writeFileSync(join(assets, 'search-index.js'), searchScript(pages, data.api))
  await writeExplorer(root, data.source, assets)
  cpSync(join(docs, 'schema'), join(out, 'schema'), { recursive: true })
  const [from, to] = [join(root, 'evidence'), join(out, 'data')]
  mkdirSync(to, { recursive: true })
  for (const name of data.evidence === undefined ? [] : readdirSync(from))
    writeFileSync(join(to, `${name}.gz`), gzipSync(readFileSync(join(from, name))))
  const broken = brokenLinks(out)
  for (const { page, href, why } of broken) process.stderr.write(`${page}: the link to ${href} ${why}\n`)
  if (broken.length > 0) process.exitCode = 1
  process.stderr.write(`${pages.length} pages written to ${out}\n`)
}

await main()
