/**
 * Figures of hand-written pages are what is counted. `vitest -u` corrects them; a count of states is corrected by
 * `npm run bench -- --write-bounds` first.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { type FigureSources, withFigures } from '../../docs/figures.js'
import { statecharts } from '../../models/index.js'
import { defects, requirements, scenarioOf, scenarios } from '../../spec/index.js'
import { tours } from '../../spec/tours/index.js'
import { check } from '../../src/checker/index.js'
import { readEvidence, Schemas } from '../../src/publish/evidence.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const pages = ['', 'findings/', 'decisions/', 'drivers/', 'reference/']
  .flatMap((folder) => readdirSync(`${root}docs/${folder}`).map((name) => folder + name))
  .filter((name) => name.endsWith('.md'))
  .map((name) => ({ name: `docs/${name}`, text: readFileSync(`${root}docs/${name}`, 'utf8') }))
const marked = pages.filter(({ text }) => /<!-- (?:count|steps|loop|states) /.test(text))

/** The states at default bounds, as docs/bounds.md has them. */
const states = new Map(
  [...readFileSync(`${root}docs/bounds.md`, 'utf8').matchAll(/^\| (\S+) \| [^|]* \| ([\d,]+) \|/gm)].map(
    ([, name, count]) => [name, Number(count.replaceAll(',', ''))],
  ),
)

describe('figures of pages', () => {
  const loops = new Map<string, number | undefined>()
  beforeAll(async () => {
    const named = marked.flatMap(({ text }) =>
      [...text.matchAll(/<!-- loop (\w+) -->/g)].map(([, name]) => name),
    )
    for (const name of new Set(named)) {
      const defect = defects.find((one) => one.name === name)
      const scenario = defect && scenarioOf(defect)
      if (defect === undefined || scenario === undefined) throw new Error(`there is no defect ${name}`)
      const { violation } = await check(scenario, {
        bounds: 'smoke',
        set: defect.set ?? {},
        defects: [defect],
      })
      const { steps, loopFrom } = violation?.trace ?? { steps: [] }
      loops.set(name, loopFrom === undefined ? undefined : steps.length - loopFrom)
    }
  }, 60_000)

  const sources: FigureSources = {
    count: (what) =>
      ({
        requirements: requirements.length,
        scenarios: scenarios.length,
        defects: defects.length,
        statecharts: Object.keys(statecharts).length,
        findings: tours.length,
      })[what],
    steps: (name) => defects.find((defect) => defect.name === name)?.steps,
    loop: (name) => loops.get(name),
    states: (name) => states.get(name),
  }

  it.each(marked)('of $name', async ({ name, text }) => {
    for (const [, kind, names] of text.matchAll(/<!-- (count|steps|loop|states) (\S+) -->/g))
      for (const one of names.split('+'))
        expect(sources[kind as keyof FigureSources](one), `${kind} ${one}`).toBeTypeOf('number')
    await expect(withFigures(text, name, sources)).toMatchFileSnapshot(`${root}${name}`)
  })

  it('every finding says how long its run is', () => {
    for (const { finding, run } of tours) {
      const page = pages.find(({ name }) => name === `docs/findings/${finding}.md`)
      // Runs that are written out, step by step, are held by findings.test.ts.
      if (run.kind === 'turns' || page?.text.includes('<!-- The shortest run of')) continue
      expect(page?.text, finding).toContain(`<!-- steps ${run.defect} -->`)
    }
  })

  it('a figure that is none is refused, with its page', () => {
    const broken = (text: string) => () => withFigures(text, 'docs/a.md', sources)
    expect(broken('<!-- sum X1 -->1<!-- -->')).toThrow(/docs\/a\.md: "sum X1" is no figure/)
    expect(broken('<!-- steps X1 -->21')).toThrow(/docs\/a\.md: 1 figures do not end/)
    expect(withFigures('<!-- steps X1+X2 -->1<!-- -->', 'a', { ...sources, steps: () => 4 })).toBe(
      '<!-- steps X1+X2 -->8<!-- -->',
    )
  })
})

const evidence = existsSync(`${root}evidence/manifest.json`)
  ? readEvidence(`${root}evidence`, new Schemas(`${root}docs/schema`))
  : undefined

/** True if the evidence is of the files as they are: figures of others are others. */
function isOfToday(commit: string | null | undefined): boolean {
  const { status, stdout } = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' })
  return status === 0 && stdout.trim() === commit
}

it.skipIf(evidence?.check === undefined || !isOfToday(evidence.manifest.commit))(
  'the states that docs/bounds.md has are those of the evidence (npm run evidence makes it)',
  () => {
    const checked = evidence?.check?.scenarios.filter(({ name }) => states.has(name)) ?? []
    expect(Object.fromEntries(checked.map(({ name, states }) => [name, states]))).toEqual(
      Object.fromEntries(checked.map(({ name }) => [name, states.get(name)])),
    )
  },
)
