import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { statecharts } from '../../models/index.js'
import { defects, requirements, scenarios } from '../../spec/index.js'
import { compileStatechart } from '../../src/checker/claims/statechart.js'
import { check, NOT_MODELLED } from '../../src/checker/index.js'
import { referenceProject } from '../../src/cli/reference.js'
import type { Evidence } from '../../src/publish/evidence.js'
import { type DossierSources, dossierHtml, dossierMarkdown } from '../../src/review/index.js'
import { run, temporaryDirectory } from '../cli/project.js'

const sources: DossierSources = {
  run: {
    product: '1.2.3',
    commit: 'abcdef0123456789',
    date: '2026-01-02T03:04:05Z',
    node: 'v20.19.0',
    bounds: null,
    release: null,
    profile: null,
    driver: null,
  },
  evidence: undefined,
  requirements,
  defects,
  scenarios,
  charts: Object.values(statecharts).map(compileStatechart),
  decisions: [
    { file: 'docs/decisions/0001-a.md', text: '# 1. A\n\nSee [B](../findings/H1.md) and [gone](x.md).' },
  ],
  findings: [{ file: 'docs/findings/H1.md', text: '# H1: b\n\n```text\n[no](link.md)\n```' }],
  notModelled: { file: 'docs/not-modelled.md', text: '---\ntitle: x\n---\n\n# Not modelled\n' },
}

test('without evidence nothing is said to hold', () => {
  const text = dossierMarkdown(sources)
  expect(text).toContain('**No verdict is on record here.**')
  expect(text).not.toContain('| holds |')
  for (const { id, title } of requirements) expect(text).toContain(`### ${id}: ${title}`)
  for (const { name } of [...defects, ...scenarios]) expect(text).toContain(`| ${name} |`)
  for (const each of NOT_MODELLED) expect(text).toContain(`- ${each}`)
})

test('documents are two headings lower, and their links lead within the dossier or nowhere', () => {
  const text = dossierMarkdown(sources)
  expect(text).toContain('### 1. A')
  expect(text).toContain('See [B](#docs-findings-H1) and gone.')
  expect(text).toContain('[no](link.md)')
  expect(text).not.toContain('title: x')
})

test('figures are those of the evidence, and a stale one says of which commit it is', async () => {
  const munmap = scenarios.find(({ name }) => name === 'munmap')!
  const { scenario: name, ...result } = await check(munmap, { bounds: 'smoke' })
  const evidence: Evidence = {
    manifest: {
      format: 'hmm-spec-evidence',
      version: 1,
      tool: '1.2.3',
      commit: '1111111111111111',
      changed: false,
      date: '2026-01-01T00:00:00Z',
      node: 'v20.19.0',
      files: {},
    },
    check: {
      exitCode: 0,
      bounds: 'smoke',
      scenarios: [{ name, ...result }],
      coverage: { judged: false, reason: 'only one' },
    },
    conform: [],
    history: [],
  }
  const text = dossierMarkdown({ ...sources, evidence })
  const states = result.states.toLocaleString('en')
  expect(text).toContain(`**On 2026-01-01:** 1 of 1 scenario holds at smoke bounds: ${states} states.`)
  expect(text).toContain('It is of commit 111111111111, not of this one.')
  const { exercised } = result.coverage.claims.find((claim) => claim.name === 'same page on both sides')!
  expect(text).toContain(`| same page on both sides | ${exercised.toLocaleString('en')} times |`)
  expect(text).toMatch(new RegExp(`\\| munmap \\| .* \\| pages=1 \\| holds \\| ${states} \\|`))
})

test('one page of HTML, which loads nothing and has every chart', async () => {
  const html = await dossierHtml(dossierMarkdown(sources), sources.charts)
  expect(html.match(/<figure><svg/g)).toHaveLength(sources.charts.length)
  expect(html).not.toMatch(/<(script|link|img)\b/)
  const ids = new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id))
  for (const [, target] of html.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(target)
})

test('the command writes it, with the documents of the project', async () => {
  const directory = temporaryDirectory()
  const { code, out } = await run(`review --output ${directory}`, referenceProject())
  expect(out).toContain('dossier.md')
  expect([0, 1]).toContain(code)
  const text = readFileSync(join(directory, 'dossier.md'), 'utf8')
  expect(text).toContain('### 2. Sequential consistency')
  expect(text).toContain('### H17: ')
  expect(existsSync(join(directory, 'dossier.html'))).toBe(true)
  expect((await run(`review --format sarif --output ${directory}`, referenceProject())).err).toContain(
    '--format sarif is of a review of a change',
  )
})
