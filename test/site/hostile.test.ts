/** Text from traces, texts and documents is shown as text, whatever is in it. */
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { address } from '../../docs/pages/addresses.js'
import { collect, type SiteData } from '../../docs/pages/data.js'
import { defectPages } from '../../docs/pages/defects.js'
import { documentPages } from '../../docs/pages/documents.js'
import { siteOf } from '../../docs/pages/layout.js'
import { BrokenLinkError } from '../../docs/pages/markdown.js'
import { procedurePages } from '../../docs/pages/procedures.js'
import { requirementPages } from '../../docs/pages/requirements.js'
import { searchScript } from '../../docs/pages/search-index.js'
import { partsOf } from '../../docs/pages/sources.js'
import { htmlOf } from '../../docs/render.js'
import type { Trace } from '../../src/checker/index.js'
import type { Evidence } from '../../src/publish/evidence.js'
import { hasBrowser, launch, serve } from './browser.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const HOSTILE = '</script></pre></svg><img src=x onerror="globalThis.hacked = 1">\'"'

/** The data of the site, every text of one requirement, defect, procedure, document and trace a hostile one. */
function hostileData(): SiteData {
  const data = collect(root)
  const [requirement] = data.requirements
  const [defect] = data.defects
  const [procedure] = data.source.procedures
  const trace: Trace = {
    format: 'hmm-spec-trace',
    version: 1,
    scenario: 'munmap',
    parameters: {},
    defects: [],
    clause: HOSTILE,
    claim: HOSTILE,
    kind: 'invariant',
    detail: HOSTILE,
    shortest: true,
    threads: [HOSTILE],
    steps: [
      {
        thread: 0,
        name: HOSTILE,
        procedure: HOSTILE,
        step: HOSTILE,
        choice: 0,
        choices: 1,
        result: 0,
        changes: [{ cell: HOSTILE, before: HOSTILE, after: HOSTILE, ghost: false }],
      },
    ],
  }
  const entry = {
    name: defect.name,
    requirement: requirement.id,
    scenario: 'munmap',
    caught: true,
    steps: 1,
    pinnedSteps: 1,
    states: 1,
    trace,
  }
  const evidence: Evidence = {
    manifest: {
      format: 'hmm-spec-evidence',
      version: 1,
      tool: HOSTILE,
      commit: HOSTILE,
      changed: false,
      date: HOSTILE,
      node: HOSTILE,
      files: {},
    },
    defects: { exitCode: 0, defects: [entry] },
    conform: [],
    history: [],
  }
  const source = {
    ...data.source,
    procedures: [
      { ...procedure, name: HOSTILE, summary: HOSTILE, text: HOSTILE, links: [], kernel: HOSTILE },
    ],
  }
  return {
    ...data,
    evidence,
    source,
    requirements: [{ ...requirement, title: HOSTILE, text: HOSTILE, source: [HOSTILE], checks: [HOSTILE] }],
    defects: [{ ...defect, title: HOSTILE, text: HOSTILE, source: [HOSTILE], requirement: requirement.id }],
    documents: [
      { file: 'hostile.md', title: HOSTILE, text: `# ${HOSTILE}\n\n${HOSTILE}\n\n\`${HOSTILE}\`\n` },
    ],
  }
}

const site = siteOf(hostileData(), new Set())
const pages = [
  ...requirementPages(site),
  ...defectPages(site),
  ...procedurePages(site),
  ...documentPages(site),
]

test('no page has an element that a text has brought in', () => {
  expect(pages.length).toBeGreaterThan(3)
  for (const page of pages) expect(htmlOf(page), page.url).not.toMatch(/<img/)
})

test('sources lead to the kernel, by file, commit and number; what else they say stays text', () => {
  expect(partsOf('mm/hmm.c: hmm_range_fault, commit 8a295dbbaf72 · CVE-2025-21939 · reference D8')).toEqual([
    { text: 'mm/hmm.c', href: 'https://elixir.bootlin.com/linux/latest/source/mm/hmm.c' },
    { text: ': hmm_range_fault, commit ' },
    { text: '8a295dbbaf72', href: 'https://git.kernel.org/linus/8a295dbbaf72' },
    { text: ' · ' },
    { text: 'CVE-2025-21939', href: 'https://www.cve.org/CVERecord?id=CVE-2025-21939' },
    { text: ' · reference D8' },
  ])
  expect(partsOf(HOSTILE)).toEqual([{ text: HOSTILE }])
})

test('without evidence a page says so, and gives no figure', () => {
  const data = collect(root)
  const bare = siteOf(
    { ...data, evidence: undefined, steps: new Map(), transitions: [], mutants: new Map(), stale: false },
    new Set(data.documents.map(({ file }) => file)),
  )
  const page = procedurePages(bare).find(({ url }) => url === address('procedure', 'hmm_vma_walk_pmd'))
  const html = htmlOf(page as (typeof pages)[number])
  expect(html).toContain('There is no evidence yet')
  expect(html).not.toMatch(/<th>(?:scenarios|recorded|suite|outcomes)</)
  expect(html).not.toMatch(/<td class="number">0</)
})

test('a requirement that a step claims is a link, also one whose name is a word', () => {
  const data = collect(root)
  const all = procedurePages(siteOf(data, new Set(data.documents.map(({ file }) => file))))
  const page = all.find(({ url }) => url === address('procedure', 'dmirror_do_read'))
  const [, steps] = htmlOf(page as (typeof pages)[number]).split('id="steps"')
  expect(steps).toContain('requirement/data.html">data</a>')
})

test('a link of a document that leads to no page is an error that names both', () => {
  const text = 'See [that](nowhere.md).'
  expect(() => site.markdown.page(text, 'findings/H1.md')).toThrow(BrokenLinkError)
  expect(() => site.markdown.page(text, 'findings/H1.md')).toThrow(
    'docs/findings/H1.md: the link to nowhere.md leads to no page of the documentation',
  )
})

describe.skipIf(!hasBrowser)('in a browser', () => {
  let close: () => Promise<void>
  let origin: string
  let browser: Awaited<ReturnType<typeof launch>>
  beforeAll(async () => {
    const extra: Record<string, string> = { '/assets/search-index.js': searchScript(pages, []) }
    for (const page of pages) extra[page.url] = htmlOf(page)
    const assets = {
      '/assets/minisearch.js': `${root}node_modules/minisearch/dist/umd/index.js`,
      '/assets/search.js': `${root}docs/theme/search.js`,
      '/assets/theme.js': `${root}docs/theme/theme.js`,
      '/assets/site.css': `${root}docs/theme/site.css`,
    }
    const { readFileSync } = await import('node:fs')
    for (const [url, file] of Object.entries(assets)) extra[url] = readFileSync(file, 'utf8')
    const server = await serve('/nonexistent', extra)
    origin = server.origin
    close = server.close
    browser = await launch()
  })
  afterAll(async () => {
    await browser?.close()
    await close?.()
  })

  test('nothing of it is run, in pages and in what the search finds', async () => {
    const page = await browser.newPage()
    for (const { url } of pages) {
      await page.goto(origin + url)
      expect(await page.evaluate(() => document.querySelectorAll('img').length), url).toBe(0)
      await page.fill('#search', 'onerror')
      await page.waitForSelector('#found a')
      expect(await page.textContent('#found')).toContain('<img src=x')
      expect(await page.evaluate(() => document.querySelectorAll('img').length), url).toBe(0)
      expect(await page.evaluate(() => 'hacked' in globalThis)).toBe(false)
    }
  })
})
