/**
 * All pages of the site, and each of them as HTML.
 *
 * @module
 */
import { h } from 'preact'
import { renderToString } from 'preact-render-to-string'
import { chartPages } from './pages/charts.js'
import { defectPages } from './pages/defects.js'
import { documentPages } from './pages/documents.js'
import { explorerPage } from './pages/explorer.js'
import { generationPages } from './pages/generations.js'
import { type Page, Shell, type Site } from './pages/layout.js'
import { listPages } from './pages/lists.js'
import { mutantsPage } from './pages/mutants.js'
import { procedurePages } from './pages/procedures.js'
import { requirementPages } from './pages/requirements.js'
import { scenarioPages } from './pages/scenarios.js'
import { speedPage } from './pages/speed.js'
import { startPage } from './pages/start.js'

/** All pages of the site. */
export async function pagesOf(site: Site): Promise<Page[]> {
  return [
    startPage(site),
    mutantsPage(site),
    speedPage(site),
    explorerPage(),
    ...listPages(site),
    ...requirementPages(site),
    ...scenarioPages(site),
    ...defectPages(site),
    ...(await chartPages(site)),
    ...procedurePages(site),
    ...generationPages(site),
    ...documentPages(site),
  ]
}

/** The HTML of a page, its links relative to it. */
export function htmlOf(page: Page): string {
  const base = '../'.repeat(page.url.split('/').length - 2)
  const html = renderToString(h(Shell, { page }))
  return `<!doctype html>\n${html.replace(/ (href|src)="\/(?!\/)/g, ` $1="${base}`)}\n`
}
