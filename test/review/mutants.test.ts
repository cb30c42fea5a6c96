/** Mutants of the changed text in a review: both sides beside each other, in every document; the tools of two commits. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { fromCommits } from '../../src/cli/review/from-commits.js'
import type { MutateDocument } from '../../src/publish/mutants.js'
import type { RunFacts } from '../../src/report/report.js'
import {
  type MutantsFailed,
  type MutantsFound,
  mutantsByTurn,
  mutantsFound,
  type Review,
  reviewExitCode,
  reviewHtml,
  reviewJson,
  reviewMarkdown,
  reviewSarif,
} from '../../src/review/index.js'
import { run, temporaryDirectory, testIo } from '../cli/project.js'

const RUN: RunFacts = {
  ...{ product: '1.0.0', commit: null, date: '2026-01-01T00:00:00.000Z', node: 'v20', bounds: null },
  ...{ release: null, profile: null, driver: null },
}

/** A report of `mutate`: verdicts by mutant. */
function reportOf(verdicts: Readonly<Record<string, string>>, notRun = 0): MutateDocument {
  const mutants = Object.entries(verdicts).map(([id, verdict], i) => ({
    ...{ id, verdict, procedure: 'walk', step: i % 2 === 0 ? 'look' : null, kind: 'delete' },
    ...{ file: 'src/kernel/a.ts', line: i + 1, original: `call<${id}>()`, replacement: '' },
    ...{
      by: verdict === 'killed' ? 'munmap' : null,
      clause: verdict === 'killed' ? 'C8' : null,
      steps: null,
    },
  }))
  const counts: Record<string, number> = { notRun }
  for (const { verdict } of mutants) counts[verdict] = (counts[verdict] ?? 0) + 1
  return {
    ...{ run: RUN, complete: notRun === 0, score: null, counts },
    ...{ killedBy: { scenarios: 0, recordings: 0 }, mutants },
  }
}

const BEFORE = reportOf({ lost: 'killed', still: 'survived', found: 'notReached', gone: 'killed' })
const AFTER = reportOf({
  other: 'killed',
  found: 'killed',
  still: 'survived',
  new: 'survived',
  lost: 'survived',
})

function reviewOf(mutants: MutantsFound | MutantsFailed | undefined): Review {
  return {
    run: RUN,
    subject: { kind: 'range', base: 'aaa', head: 'bbb (aaa..bbb)' },
    bounds: 'smoke',
    change: { procedures: [], files: ['src/kernel/a.ts'] },
    selected: { by: 'reach', scenarios: [], of: 3, removed: [] },
    verdict: 'holds',
    ...{ broken: [], held: [], stopped: [], failures: [], notRun: [] },
    coverage: {
      compared: 0,
      ...{ steps: { lost: [], gained: [] }, transitions: { lost: [], gained: [] } },
      claims: { lost: [], gained: [] },
    },
    ...{ releases: [], relatedDefects: [], notModelled: [], command: 'hmm-spec review aaa..bbb' },
    places: new Map(),
    ...(mutants && { mutants }),
  }
}

test('both sides beside each other, those to look at first', () => {
  const found = mutantsFound(BEFORE, AFTER, 60_000)
  expect(found.mutants.map(({ id, before, after }) => [id, before, after])).toEqual([
    ['lost', 'killed', 'survived'],
    ['new', null, 'survived'],
    ['still', 'survived', 'survived'],
    ['found', 'notReached', 'killed'],
    ['gone', 'killed', null],
    ['other', null, 'killed'],
  ])
  expect(mutantsByTurn(found).map(({ turn, mutants }) => [turn, mutants.length])).toEqual([
    ['lost', 1],
    ['unnoticed', 1],
    ['still', 1],
    ['found', 1],
  ])
})

test('what the limit left out is not said to be new, nor to be gone', () => {
  const found = mutantsFound(reportOf({ a: 'killed' }, 4), reportOf({ b: 'survived' }, 2), 60_000)
  expect(found.mutants.map(({ id, before, after }) => [id, before, after])).toEqual([
    ['b', 'notRun', 'survived'],
    ['a', 'killed', 'notRun'],
  ])
  expect(mutantsByTurn(found).map(({ turn }) => turn)).toEqual(['unknown'])
})

describe('in the documents', () => {
  const review = reviewOf(mutantsFound(BEFORE, AFTER, 60_000))

  test('Markdown', () => {
    const text = reviewMarkdown(review)
    expect(text).toContain('## Mutants of the changed text')
    expect(text.replace(/\s+/g, ' ')).toContain(
      'After the change: 5 mutants of the functions that differ: 2 killed by a claim or a recording, 3 not noticed. ' +
        'Before it: 4 mutants of the functions that differ: 2 killed by a claim or a recording, 1 not noticed, 1 run by no scenario.',
    )
    expect(text).toContain('Noticed before the change, and no longer (1):')
    expect(text).toMatch(/^- walk, “look” \(src\/kernel\/a\.ts:5\): delete: call\\<lost\\>\(\) → nothing/m)
    expect(text).toContain('No known bug is in the changed procedures.')
    expect(text).not.toContain('--mutants 10m')
  })

  test('HTML, in which a name is no markup', () => {
    const page = reviewHtml(review)
    expect(page).toContain('<summary>New with the change, and nothing notices it: 1</summary>')
    expect(page).toContain('call&#60;new&#62;()')
  })

  test('SARIF: notes at the lines of those that the change is to answer for', () => {
    const [{ tool, results }] = JSON.parse(reviewSarif(review)).runs
    expect(tool.driver.rules.map(({ id }: { id: string }) => id)).toEqual(['mutant-not-noticed'])
    type Result = { level: string; locations: { physicalLocation: { region: { startLine: number } } }[] }
    expect(
      results.map(({ level, locations: [at] }: Result) => [level, at.physicalLocation.region.startLine]),
    ).toEqual([
      ['note', 5],
      ['note', 4],
    ])
    expect(results[0].message.text).toMatch(/^walk, “look” .*: noticed before the change, and no longer\.$/)
  })

  test('JSON, as its schema says', () => {
    const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true })
    for (const name of ['run', 'trace', 'review'])
      ajv.addSchema(
        JSON.parse(readFileSync(new URL(`../../docs/schema/${name}.schema.json`, import.meta.url), 'utf8')),
      )
    const validate = ajv.getSchema('review.schema.json')
    for (const mutants of [review.mutants, undefined, { reason: 'it does not build' }]) {
      validate?.(JSON.parse(reviewJson(reviewOf(mutants))))
      expect(validate?.errors ?? []).toEqual([])
    }
  })

  test('no verdict depends on them', () => {
    expect(reviewExitCode(review)).toBe(0)
    expect(JSON.parse(reviewSarif(review)).runs[0].properties.verdict).toBe('holds')
  })

  test('where none were asked for, the command that judges them; where they could not be judged, why', () => {
    expect(reviewMarkdown(reviewOf(undefined))).toContain('hmm-spec review aaa..bbb --mutants 10m')
    expect(reviewMarkdown(reviewOf({ reason: 'it does not build' }))).toContain(
      'The mutants could not be judged: it does not build',
    )
  })
})

describe('the tools of both commits are asked', () => {
  const root = temporaryDirectory()
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
      cwd: root,
      encoding: 'utf8',
    }).trim()
  /** A tool that lists and checks nothing, and writes `report` of mutants where there is one. */
  const commit = (report: MutateDocument | undefined) => {
    const answers = { list: { scenarios: [] }, check: null, mutate: report ?? null }
    writeFileSync(
      join(root, 'tools/after-build.mjs'),
      `import { mkdirSync, writeFileSync } from 'node:fs'
mkdirSync('dist/src/cli', { recursive: true })
writeFileSync('dist/src/cli/main.js', ${JSON.stringify(
        `const fs = require('fs')
const args = process.argv.slice(2)
fs.appendFileSync(${JSON.stringify(join(root, 'node_modules/asked'))}, args.join(' ') + '\\n')
const answer = ${JSON.stringify(answers)}[args[0]]
if (args[0] === 'list') console.log(JSON.stringify(answer))
else if (answer === null) process.exitCode = 2
else fs.writeFileSync(args[args.indexOf('--output') + 1], JSON.stringify(answer))
`,
      )})\n`,
    )
    git('add', '.')
    git('commit', '--quiet', '-m', 'a')
    return git('rev-parse', 'HEAD')
  }
  mkdirSync(join(root, 'node_modules/typescript/bin'), { recursive: true })
  mkdirSync(join(root, 'tools'))
  git('init', '--quiet')
  writeFileSync(join(root, '.gitignore'), 'node_modules\ndist\n')
  writeFileSync(join(root, 'node_modules/typescript/bin/tsc'), '')
  writeFileSync(join(root, 'package.json'), '{ "exports": {} }\n')
  writeFileSync(join(root, 'tsconfig.json'), '{}\n')
  const asReport = (report: MutateDocument) => ({ format: 'hmm-spec-mutate', version: 1, ...report })
  const [base, head, older] = [commit(asReport(BEFORE)), commit(asReport(AFTER)), commit(undefined)]
  const options = { bounds: 'smoke', only: [], limits: {}, workers: 1, mutants: 60_000 } as const

  test('each for the functions that the other has otherwise', async () => {
    const compared = await fromCommits(testIo().io, `${base}..${head}`, options, root)
    expect(compared).toMatchObject({ mutants: mutantsFound(BEFORE, AFTER, 60_000) })
    const asked = readFileSync(join(root, 'node_modules/asked'), 'utf8').split('\n')
    const mutate = asked.filter((line) => line.startsWith('mutate'))
    const limits = '--time-limit 60000ms --bounds smoke --format json'
    expect(mutate.map((line) => line.replace(/ --output \S+/, ''))).toEqual([
      `mutate --since ${base} ${limits} --workers 1`,
      `mutate --since ${head} ${limits} --workers 1`,
    ])
  })

  test('a tool that cannot is said to be unable', async () => {
    expect(await fromCommits(testIo().io, `${head}..${older}`, options, root)).toMatchObject({
      mutants: { reason: `the tool of commit ${older.slice(0, 12)} ended with exit code 2` },
    })
  })

  test('nothing is judged unless asked for', async () => {
    const { mutants: _, ...others } = options
    expect(await fromCommits(testIo().io, `${base}..${head}`, others, root)).not.toHaveProperty('mutants')
  })
})

test.each([
  ['review --mutants 1m', '--mutants judges what a change does to them: name the change'],
  ['review a..b --mutants 1m --linux 6.1', '--mutants judges the newest text: leave out --linux'],
])('%s', async (line, message) => {
  const { code, err } = await run(line)
  expect(err).toContain(message)
  expect(code).toBe(2)
})
