/**
 * Writes the site: every page that is made of the specification and its evidence, around the API that typedoc has written.
 * Run by `npm run docs`, compiled. A link that leads nowhere is an error.
 *
 * @module
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { adaptApi } from './api-pages.js'
import { bundled, writeExplorer } from './explorer.js'
import { compact } from './pages/compact.js'
import { collect } from './pages/data.js'
import { siteOf } from './pages/layout.js'
import { brokenLinks } from './pages/links.js'
import { searchScript } from './pages/search-index.js'
import { htmlOf, pagesOf } from './render.js'

/** Programs that findings link to, which the site has too. */
const REPRODUCERS = 'suite/kernel/reproducers'

/** Files that documents may link to, from the folder of the documentation. */
function linkable(root: string, docs: string): Set<string> {
  const programs = readdirSync(join(root, REPRODUCERS)).map((name) => `../${REPRODUCERS}/${name}`)
  const found = ['', 'drivers/', 'findings/', 'decisions/', 'reference/', 'schema/'].flatMap((folder) =>
    readdirSync(join(docs, folder), { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => folder + name),
  )
  return new Set([...found, ...programs])
}

async function main(): Promise<void> {
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const docs = join(root, 'docs')
  const out = join(docs, 'site')
  const data = collect(root)
  const site = siteOf(data, linkable(root, docs))
  const pages = await pagesOf(site)
  for (const name of existsSync(out) ? readdirSync(out) : [])
    if (name !== 'api') rmSync(join(out, name), { recursive: true })
  for (const page of pages) {
    const file = join(out, page.url)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, compact(htmlOf(page), basename(dirname(page.url))))
  }
  adaptApi(join(out, 'api'), data.api, join(docs, 'theme'))
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
  cpSync(join(root, REPRODUCERS), join(out, REPRODUCERS), { recursive: true })
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
