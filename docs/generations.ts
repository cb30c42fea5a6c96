/**
 * Writes `docs/generations.md`: what each generation of the mirroring API promises and what it cannot, every cell the
 * verdict of checks. Run by `npm run docs`, compiled.
 *
 * @module
 */
import { realpathSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defects, requirements, scenarios, scenariosIn } from '../spec/index.js'
import { WITH_SEQUENCE } from '../spec/requirement.js'
import { holdsIn } from '../spec/requirements/index.js'
import { check, type Injection, survey } from '../src/checker/index.js'
import { type Generation, generations } from '../src/generations/index.js'
import { faultWithoutReference } from '../src/generations/profiles.js'
import type { Scenario } from '../src/world/index.js'

/** The scenarios that the table is made of, and those that only one generation has. */
const SCENARIOS = ['munmap', 'madvise', 'mprotect', 'zero-page', 'oom-reaper', 'exit', 'snapshot', 'hmm-']

const YES = 'yes'
/** The clause holds, and no claim about states or steps says so: it may be claimed inside steps. */
const SILENT = '(yes)'

/** What was found in one generation, by requirement. */
type Verdicts = ReadonlyMap<string, string>

function scenariosOf(generation: Generation, clause?: string): Scenario[] {
  const all = scenariosIn(generation, clause === undefined ? {} : { clause })
  return all.filter(({ name }) => SCENARIOS.some((start) => name.startsWith(start)))
}

/** How the first scenario that breaks `clause` breaks it; undefined if none does. */
async function broken(
  generation: Generation,
  clause: string,
  injected: readonly Injection[] = [],
): Promise<string | undefined> {
  for (const scenario of scenariosOf(generation, clause)) {
    const { violation } = await check(scenario, { bounds: 'smoke', defects: injected })
    if (violation?.clause !== clause) continue
    const name = scenario.name.replace(/ in .*$/, '')
    return `**no**: ${name}, ${violation.trace.steps.length} steps`
  }
  return undefined
}

/** What holds in `generation`, by running every scenario once, and what does not, each claimed for itself. */
async function verdictsOf(generation: Generation): Promise<Verdicts> {
  const exercised = new Set<string>()
  for (const scenario of scenariosOf(generation)) {
    const { verdict, coverage } = await check(scenario, { bounds: 'smoke' })
    if (verdict !== 'holds') throw new Error(`${scenario.name} does not hold: ${verdict}`)
    for (const claim of coverage.claims) if (claim.exercised > 0) exercised.add(claim.clause)
  }
  const verdicts = new Map<string, string>()
  for (const { id, generations: holding } of requirements) {
    if (holdsIn(generation.name, id)) verdicts.set(id, exercised.has(id) ? YES : SILENT)
    // Without a sequence number there is nothing that a clause about it could be broken by.
    else if (holding === WITH_SEQUENCE) verdicts.set(id, '')
    else verdicts.set(id, (await broken(generation, id)) ?? '')
  }
  return verdicts
}

/** The patterns of the documentation, where they leave out what the generation's own driver has. */
function documented({ name }: Generation): readonly Injection[] {
  return defects.filter((defect) => defect.name === 'D55' && defect.generation === name)
}

/** The ways by which a driver came by device memory, and the scenarios that show each. */
const WAYS: readonly { name: string; scenarios: readonly string[]; overrides: Injection['overrides'] }[] = [
  {
    name: 'hmm_devmem, 4.14 to 5.2',
    scenarios: ['devmem-hotplug', 'devmem-unplug', 'devmem-held'],
    overrides: [faultWithoutReference],
  },
  {
    name: 'hmm_devmem, if a fault held the page as today',
    scenarios: ['devmem-hotplug', 'devmem-unplug', 'devmem-held'],
    overrides: [],
  },
  {
    name: 'callbacks of the pagemap, 7.0',
    scenarios: ['hotplug', 'unplug', 'unplug-and-poison'],
    overrides: [],
  },
]

/** The clauses that device memory which comes and goes has a say in. */
const OF_DEVICE_MEMORY = ['C30', 'C31', 'C44', 'plugging', 'poisoned', 'use-after-free']

/** The verdict on `clause` of the scenarios of a way: the shortest run that breaks it, if there is one. */
function verdictOn(clause: string, { name, scenarios: names, overrides }: (typeof WAYS)[number]): string {
  const shown = scenarios.filter((scenario) => names.includes(scenario.name))
  for (const scenario of shown) {
    const { breaches } = survey(scenario, { bounds: 'smoke', defects: [{ name, overrides }] })
    const found = breaches.find((breach) => breach.clause === clause)
    if (found) return `**no**: ${scenario.name}, ${found.steps} steps`
  }
  const isAsked = clause === 'use-after-free' || shown.some(({ exercises }) => exercises.includes(clause))
  return isAsked ? YES : ''
}

/** The page, which is `docs/generations.md`. */
export async function generationsPage(): Promise<string> {
  const found: Verdicts[] = []
  const byTheBook: string[] = []
  for (const generation of generations) {
    found.push(await verdictsOf(generation))
    byTheBook.push((await broken(generation, 'C1', documented(generation))) ?? YES)
  }
  const shown = requirements.filter(({ id }) =>
    found.some((verdicts) => ![SILENT, ''].includes(verdicts.get(id) ?? '')),
  )
  // Where these scenarios break it in one generation they have something to say of it in every other.
  const said = (id: string, verdict: string) => {
    if (verdict !== SILENT) return verdict
    return found.some((verdicts) => verdicts.get(id)?.startsWith('**no**')) ? YES : ''
  }
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    '---',
    'title: Generations of the API',
    '---',
    '',
    '# What a generation promises, and what it cannot',
    '',
    '<!-- Written by docs/generations.ts from checks: change what is checked, then `npm run docs`. -->',
    '',
    row(['generation', 'kernels', 'what it is known by']),
    row(['---', '---', '---']),
    ...generations.map(({ name, kernels, summary }) => row([name, kernels, summary])),
    '',
    'Each column below is what `hmm-spec check --generation NAME --bounds smoke` finds in the scenarios ' +
      `${SCENARIOS.slice(0, -1).join(', ')} and those of the generation alone, with the driver that was written for it. ` +
      '*no* names the first of them that breaks the clause when it is claimed, and the steps of its shortest trace. An empty ' +
      'cell is a clause of what the generation does not have, or that none of these scenarios says anything about.',
    '',
    'C1 is claimed as it holds today: the device maps nothing where the CPU maps nothing. The text of before 5.5 lets the device keep the ' +
      'old page for that long. Of 4.17 not even that is true: in zero-page device and CPU map two pages, which is the defect X260. ' +
      'X261 (5.0) and D55 (5.4) are the other two; `hmm-spec explain` tells what mends each.',
    '',
    row(['requirement', ...generations.map(({ name }) => name)]),
    row(['---', ...generations.map(() => '---')]),
    row(['C1, if the driver does just what the documentation says', ...byTheBook]),
    ...shown.map(({ id, title }) =>
      row([`${id}: ${title}`, ...found.map((verdicts) => said(id, verdicts.get(id) ?? ''))]),
    ),
    '',
    '## Device memory',
    '',
    'The same driver comes by its memory in two ways: until Linux 5.2 by `hmm_devmem`, which led the callbacks of the pagemap to those of the driver, and had ' +
      'a counter of its own; since 5.3 by callbacks of the pagemap. What was lost with them is nothing but a layer. What the older way could not ' +
      'promise lay elsewhere: until 6.0 a fault held neither the page that it asked for nor, with it, the record of the region. An empty cell: the way has no ' +
      'such promise.',
    '',
    row(['requirement', ...WAYS.map(({ name }) => name)]),
    row(['---', ...WAYS.map(() => '---')]),
    ...requirements
      .filter(({ id }) => OF_DEVICE_MEMORY.includes(id))
      .map(({ id, title }) => row([`${id}: ${title}`, ...WAYS.map((way) => verdictOn(id, way))])),
    '',
  ].join('\n')
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url))
  writeFileSync(new URL('../../docs/generations.md', import.meta.url), await generationsPage())
