/** `hmm-spec review`: what it says of a file of overrides and of a driver. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { referenceProject } from '../../src/cli/reference.js'
import { run, temporaryDirectory } from '../cli/project.js'

const project = referenceProject()
const schemaOf = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../docs/schema/${name}.schema.json`, import.meta.url), 'utf8'))
const validate = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true })
  .addSchema(schemaOf('run'))
  .addSchema(schemaOf('trace'))
  .compile(schemaOf('review'))

/** The example of docs/review.md. */
const [, NO_WAIT] = /```js\n([\s\S]*?)```/.exec(
  readFileSync(new URL('../../docs/review.md', import.meta.url), 'utf8'),
) as unknown as [string, string]

function fileOf(text: string): string {
  const file = join(temporaryDirectory(), 'change.mjs')
  writeFileSync(file, text)
  return file
}

async function review(line: string) {
  const output = temporaryDirectory()
  const ran = await run(`review ${line} --output ${output}`, project)
  const read = (name: string) => readFileSync(join(output, name), 'utf8')
  return { ...ran, output, read }
}

describe('an override that breaks something', async () => {
  const file = fileOf(NO_WAIT)
  const line = `--override ${file} --only partial-mirror munmap devmem-held`
  const { code, out, output, read } = await review(line)

  test('the verdict, and the exit code', () => {
    expect(code).toBe(1)
    expect(out).toContain(
      'BROKEN mmu_interval_read_begin: 1 clause broken, in 1 of 3 scenarios; 2 still hold at smoke bounds.',
    )
    expect(out).toContain('C1: 16 steps in partial-mirror')
  })

  test('as JSON: only what reaches the change was run', () => {
    const found = JSON.parse(read('review.json'))
    validate(found)
    expect(validate.errors ?? []).toEqual([])
    expect(found).toMatchObject({
      exitCode: 1,
      complete: true,
      verdict: 'broken',
      subject: { kind: 'override' },
      selected: { by: 'reach', scenarios: ['munmap', 'partial-mirror'], of: 3 },
      broken: [
        {
          clause: 'C1',
          scenarios: [{ scenario: 'partial-mirror', steps: 16, before: false }],
          resembles: [{ name: 'M1' }],
        },
      ],
      held: [{ scenario: 'munmap', states: 5605, statesBefore: 6071 }],
      coverage: { compared: 1, steps: { lost: ['wait_event: look at the condition', 'wait_event: sleep'] } },
      notRun: [],
    })
    const [procedure] = found.change.procedures
    expect(procedure).toMatchObject({
      how: 'changed',
      kernel: 'mmu_interval_read_begin mm/mmu_notifier.c',
      place: { line: 4 },
    })
    expect(procedure.diff).toMatch(/^-.*isInvalidated/m)
    const of = (version: string) =>
      found.releases.find((release: { version: string }) => release.version === version)
    expect(of('5.4').absent).toEqual(['mmu_interval_read_begin'])
    expect(of('6.12').shares).toEqual(['mmu_interval_read_begin'])
  })

  test('as Markdown: the verdict, what breaks with its run, what holds, how to repeat it', () => {
    const text = read('review.md')
    const titles = [...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title)
    expect(titles).toEqual([
      'What is changed',
      'What breaks',
      'What still holds',
      'Coverage that changed',
      'Mutants of the changed text',
      'Releases',
      'What this rests on',
      'To repeat it',
    ])
    expect(text).toMatch(/^# mmu_interval_read_begin: BROKEN\n\n\*\*1 clause broken/)
    expect(text).toContain('In partial-mirror, after 16 steps: C1 (same page on both sides): gpu')
    expect(text).toMatch(/^ {2}7 driver {2}mmu_interval_read_begin: sample the sequence -> 1$/m)
    expect(text).toMatch(/^ 16 cpu 2 {3}zap_pte_range: clear an entry -> 1$/m)
    expect(text).toMatch(/known bugs? in the changed procedures[\s\S]*^hmm-spec defects (?:\w+ )*M1\b/m)
    expect(text).toMatch(/^- M1, caught by \w+: /m)
    expect(text).toContain(`hmm-spec review --override ${file} --bounds smoke --only partial-mirror`)
  })

  test('as SARIF: a result at the changed text, with the run', () => {
    const { version, runs } = JSON.parse(read('review.sarif'))
    expect(version).toBe('2.1.0')
    const [{ tool, results }] = runs
    expect(tool.driver.rules.map(({ id }: { id: string }) => id)).toEqual(['C1'])
    const [{ ruleId, ruleIndex, level, locations, codeFlows }] = results
    expect({ ruleId, ruleIndex, level }).toEqual({ ruleId: 'C1', ruleIndex: 0, level: 'error' })
    expect(locations[0].physicalLocation.artifactLocation.uri).toMatch(/^file:\/\/\/.*\/change\.mjs$/)
    expect(locations[0].physicalLocation.region.startLine).toBe(4)
    const flows = codeFlows[0].threadFlows as { locations: { executionOrder: number; location: unknown }[] }[]
    const order = flows.flatMap((flow) => flow.locations.map(({ executionOrder }) => executionOrder))
    expect(order.sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, i) => i + 1))
    expect(JSON.stringify(codeFlows)).toContain('src/kernel/mmu_notifier/interval.ts')
  })

  test('its run, which is replayed with the override', async () => {
    const trace = join(output, 'traces/C1.json')
    const replayed = await run(`replay ${trace} --override ${file}`, project)
    expect(replayed.code).toBe(0)
    expect(replayed.out).toContain('C1')
    expect((await run(`replay ${trace}`, project)).code).toBe(2)
  })

  test('as one page: it draws the run, and asks for nothing', () => {
    const page = read('review.html')
    expect(page).toContain('<svg class="sequence"')
    expect(page).toContain('<p>In partial-mirror, after 16 steps: C1')
    expect(page).toContain('<p class="breach">✗ C1')
    expect(page).toMatch(
      /<h2>Mutants of the changed text<\/h2>[\s\S]*hmm-spec defects [^<]*M1[\s\S]*<li>M1, caught by/,
    )
    expect(page).toContain("default-src 'none'")
    expect(page.match(/(?:src|href)="(?!#)[^"]*"/g) ?? []).toEqual([])
  })
})

test('an override that changes nothing holds', async () => {
  const file = fileOf(`
    import { mmu_interval_read_begin } from 'hmm-spec/kernel'
    import { onStep } from 'hmm-spec/world'
    export default { overrides: [onStep(mmu_interval_read_begin, 'sample the sequence', (original) => original)] }
  `)
  const { code, out, read } = await review(`--override ${file} --only partial-mirror --format json`)
  expect(out).toContain('HOLDS mmu_interval_read_begin: The one scenario holds at smoke bounds.')
  expect(code).toBe(0)
  const { change, held } = JSON.parse(read('review.json'))
  expect(change.procedures).toMatchObject([{ how: 'step', step: 'sample the sequence' }])
  expect(held).toMatchObject([{ states: 12700, statesBefore: 12700 }])
  expect(() => read('review.md')).toThrow('ENOENT')
})

test('what a name has in it is no markup', async () => {
  const file = fileOf(`
    import { mmu_interval_read_begin } from 'hmm-spec/kernel'
    import { onStep } from 'hmm-spec/world'
    export default onStep(mmu_interval_read_begin, 'sample the sequence', (original) => '<img src=x onerror=alert(1)>' && original)
  `)
  const { read } = await review(`--override ${file} --only partial-mirror`)
  expect(read('review.html')).not.toContain('<img')
  expect(read('review.html')).toContain('&#60;img src=x onerror')
})

test('mutants of an override, beside those of the text that it replaces', { timeout: 300_000 }, async () => {
  const { code, read } = await review(`--override ${fileOf(NO_WAIT)} --only munmap --mutants 2m`)
  expect(code).toBe(0)
  const { mutants } = JSON.parse(read('review.json'))
  expect(mutants).toMatchObject({
    before: { complete: true, counts: { killed: 3 } },
    after: { complete: true, counts: { killed: 3 } },
  })
  const verdicts = (what: RegExp) =>
    mutants.mutants
      .filter(({ id }: { id: string }) => what.test(id))
      .map(({ before, after }: { before: string; after: string }) => [before, after])
  // The override has no wait whose mutants could be judged.
  const ofWait = verdicts(/isInvalidated/)
  expect(ofWait.length).toBeGreaterThan(1)
  expect(ofWait.filter(([, after]: string[]) => after !== null)).toEqual([])
  expect(verdicts(/ \| unlocked \| /)).toEqual([['killed', 'killed']])
  expect(read('review.md')).toContain('After the change: 3 mutants of the functions that differ: 3 killed')
})

test('mutants of a driver that the limit leaves out are said to be left', { timeout: 120_000 }, async () => {
  const at = (name: string) =>
    relative(process.cwd(), fileURLToPath(new URL(`../../examples/my-driver/${name}.ts`, import.meta.url)))
  const { read } = await review(
    `--driver ${at('driver')} --base ${at('first-try')} --only munmap --mutants 1ms`,
  )
  const { after, mutants } = JSON.parse(read('review.json')).mutants
  expect(after.complete).toBe(false)
  expect(after.counts.notRun).toBeGreaterThan(20)
  expect(mutants).toEqual([])
  expect(read('review.md').replace(/\s+/g, ' ')).toMatch(/After the change: .* not judged within/)
})

test('two drivers', async () => {
  const at = (name: string) =>
    relative(process.cwd(), fileURLToPath(new URL(`../../examples/my-driver/${name}.ts`, import.meta.url)))
  const { code, read } = await review(`--driver ${at('first-try')} --base ${at('driver')} --only munmap`)
  expect(code).toBe(1)
  expect(JSON.parse(read('review.json'))).toMatchObject({
    subject: { kind: 'driver' },
    selected: { scenarios: ['munmap'] },
    broken: [{ clause: 'C8', scenarios: [{ scenario: 'munmap', before: false }] }],
  })
})

test('where no scenario enters what is changed, its effect is not judged', async () => {
  const { code, out, read } = await review(`--override ${fileOf(NO_WAIT)} --only devmem-held`)
  expect(out).toContain('No scenario of 1 enters what is changed at smoke bounds: its effect is not judged.')
  expect(read('review.md')).toContain('1 scenario that does not enter what is changed, and holds as before.')
  expect(code).toBe(0)
})

describe('wrong usage', () => {
  test.each([
    [
      'main..HEAD --driver a.js',
      'name one thing to review: BASE..HEAD, --override FILE, or --driver FILE --base FILE',
    ],
    ['--driver a.js', '--driver FILE is compared with --base FILE: give both'],
    ['--override none.js', '--override none.js: there is no such file'],
    ['--override a.js --only munmpa', 'there is no scenario "munmpa"; did you mean munmap'],
  ])('%s', async (line, message) => {
    const { code, err } = await review(line)
    expect(err).toContain(message)
    expect(code).toBe(2)
  })

  test.each([
    ['export const a = 1', 'there is no default export'],
    ['export default []', 'its list of overrides is empty'],
    ['export default { name: "x" }', 'the default export is no override'],
    ['export default [1, 2]', 'entry 1 of the default export is no override'],
  ])('%s', async (text, message) => {
    const { code, err } = await review(`--override ${fileOf(text)}`)
    expect(err).toContain(message)
    expect(code).toBe(2)
  })
})
