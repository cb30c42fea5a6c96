/** Figures of what the suite and the litmus tests exercise are those of their data; `vitest -u` corrects the pages. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { main } from '../../src/cli/index.js'
import { testIo, testProject } from '../cli/project.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (name: string) => readFileSync(`${root}${name}`, 'utf8')
const figure = (count: number) => count.toLocaleString('en')

interface Share {
  readonly taken: number
  readonly known: number
}

it('docs/suite.md says what the manifest of the suite says', async () => {
  const { coverage } = JSON.parse(read('suite/manifest.json')) as {
    coverage: Record<string, Record<'transitions' | 'requirements' | 'steps' | 'answers', Share>>
  }
  const of = ({ taken, known }: Share) => `${figure(taken)} of ${figure(known)}`
  const withShare = (share: Share) => `${of(share)} (${((100 * share.taken) / share.known).toFixed(1)} %)`
  const rows = Object.entries(coverage).map(
    ([release, { transitions, requirements, steps, answers }]) =>
      `| ${[release, of(transitions), of(requirements), withShare(steps), withShare(answers)].join(' | ')} |\n`,
  )
  const TABLE = /(?<=\| release \| transitions .*\n\| --- .*\n)(?:\| .*\n)+/
  const page = read('docs/suite.md')
  expect(page).toMatch(TABLE)
  await expect(page.replace(TABLE, rows.join(''))).toMatchFileSnapshot(`${root}docs/suite.md`)
})

it('docs/litmus.md says what the recordings show', async () => {
  const { io, written } = testIo()
  const file = `${root}test/fixtures/kernel/litmus-6.1.jsonl.gz`
  await main(['litmus', '--observed', file, '--linux', '6.1', '--format', 'json'], io, testProject())
  const { tests, runs, allowed, seen } = JSON.parse(written().out)
  const FIGURES = /[\d,]+ runs of \d+ tests \d+ of \d+ allowed outcomes/
  const page = read('docs/litmus.md')
  expect(page).toMatch(FIGURES)
  await expect(
    page.replace(
      FIGURES,
      `${figure(runs)} runs of ${tests.length} tests ${seen} of ${allowed} allowed outcomes`,
    ),
  ).toMatchFileSnapshot(`${root}docs/litmus.md`)
})
