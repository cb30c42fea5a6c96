/** Of each typical mistake the report names the requirement, the place in the driver's own text, and a section that is there. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { requirements } from '../../spec/index.js'
import { referenceProject } from '../../src/cli/reference.js'
import { anchorOf, MISTAKES, MISTAKES_PAGE } from '../../src/report/mistakes.js'
import { run } from '../cli/project.js'

const project = referenceProject()
const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const page = read(`docs/${MISTAKES_PAGE}`)
const anchors = [...page.matchAll(/^## (.*)$/gm)].map(([, title]) => anchorOf(title))

/** What the line of the file says to which a report points. */
const CASES: readonly (readonly [
  file: string,
  scenario: string,
  clause: string,
  file: string,
  line: string,
  anchor: string,
])[] = [
  ['wrong-lock', 'munmap', 'C9', 'wrong-lock', "yield* step('set_seq', () => {", 'wrong-lock'],
  ['missing-set-seq', 'munmap', 'C10', 'missing-set-seq', 'yield* my.updateLock.unlock()', 'missing-set_seq'],
  ['missing-flush', 'munmap', 'C3', 'missing-flush', 'yield* my.updateLock.unlock()', 'missing-flush'],
  [
    'missing-release',
    'insert-and-remove',
    'own-objects',
    'missing-release',
    "yield* step('keep the range', () => {",
    'missing-release',
  ],
  [
    'missing-release',
    'close-versus-fault',
    'C1',
    'right',
    "yield* step('program the entry', () => {",
    'page-programmed-behind-the-callback',
  ],
  [
    'dropped-dirty-bit',
    'swap',
    'C39',
    'dropped-dirty-bit',
    "yield* step('remove the entries', () => {",
    'dropped-dirty-bit',
  ],
  [
    'forgotten-error-path',
    'munmap',
    'lock-order',
    'forgotten-error-path',
    'yield* my.updateLock.lock()',
    'forgotten-error-path',
  ],
  [
    'retry-outside-the-lock',
    'munmap',
    'C8',
    'right',
    "yield* step('program the entry', () => {",
    'comparison-outside-the-lock',
  ],
  [
    'number-of-another-notifier',
    'two-devices',
    'C8',
    'number-of-another-notifier',
    'const collided = yield* mmu_interval_read_retry(my.notifier, seqs[current.thread].seq)',
    'number-of-another-notifier',
  ],
]

test('the driver that the mistakes are made in is right', async () => {
  const line = 'check munmap two-devices swap insert-and-remove --driver test/report/mistakes/right.ts'
  expect(await run(`${line} --bounds smoke --audit off`, project)).toMatchObject({ code: 0 })
})

test.each(CASES)('%s in %s breaks %s', async (name, scenario, clause, at, text, anchor) => {
  const file = `test/report/mistakes/${name}.ts`
  const line = `check ${scenario} --driver ${file} --bounds smoke --audit off`
  const { out, code } = await run(`${line} --format json`, project)
  expect(code).toBe(1)
  const { violation } = JSON.parse(out).scenarios[0]
  expect(violation.clause).toBe(clause)

  const { place } = violation.where
  expect(place.file).toBe(`test/report/mistakes/${at}.ts`)
  const found = read(place.file).split('\n')[place.line - 1]
  expect(found.trim()).toBe(text)
  expect(found.slice(place.column - 1)).toMatch(/^(step|mmu_|my\.|\w+\()|^\w/)
  expect(violation.read).toBe(`docs/${MISTAKES_PAGE}#${anchor}`)
  expect(anchors).toContain(anchor)

  const shown = await run(line, project)
  const title = requirements.find(({ id }) => id === clause)?.title
  expect(shown.out).toContain(`breaks ${clause}: ${title}`)
  expect(shown.out).toContain(`where  ${place.file}:${place.line}:${place.column}, in ${place.procedure}`)
  expect(shown.out).toContain(`read   ${violation.read}`)
})

test('each step of the driver has its line, and a step that the kernel takes the line of the call', async () => {
  const line = 'check munmap --driver test/report/mistakes/retry-outside-the-lock.ts --bounds smoke'
  const { out } = await run(`${line} --audit off --format json`, project)
  const steps: readonly {
    procedure: string
    step: string
    place?: { file: string; line: number; procedure: string; isCall: boolean }
  }[] = JSON.parse(out).scenarios[0].violation.trace.steps
  const lineAt = ({ file, line }: { file: string; line: number }) => read(file).split('\n')[line - 1].trim()
  for (const { procedure, step, place } of steps) {
    if (place === undefined) expect(procedure).not.toMatch(/^my_/)
    else if (place.isCall) expect(lineAt(place)).toMatch(/yield\* (mmu_|mm|hmm_|flush)\w*\(/)
    else {
      expect(place.procedure).toBe(procedure)
      expect(lineAt(place)).toContain(/^(down_read|up_read|lock|unlock) /.test(step) ? 'ock' : step)
    }
  }
  expect(steps.filter(({ place }) => place !== undefined).length).toBeGreaterThan(10)
})

test('every section is there, every requirement that it is about too, and every driver that the page names', () => {
  const ids = requirements.map(({ id }) => id)
  for (const { title, clauses } of MISTAKES) {
    expect(anchors).toContain(anchorOf(title))
    for (const clause of clauses) expect(ids).toContain(clause)
  }
  expect(anchors).toContain(anchorOf('Other requirements'))
  const drivers = readdirSync(fileURLToPath(new URL('mistakes/', import.meta.url)))
  for (const file of drivers) expect(page).toContain(`test/report/mistakes/${file}`)
})
