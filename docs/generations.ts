/**
 * Writes `docs/generations.md`: the promises that each generation of the mirroring API keeps and breaks. Every cell is
 * the verdict of a check. Run by `npm run docs`, compiled.
 *
 * @module
 */
import { realpathSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defects, requirements, scenarios, scenariosIn } from '../spec/index.js'
import { WITH_SEQUENCE } from '../spec/requirement.js'
import { holdsIn } from '../spec/requirements.js'
import { check, type Injection, survey } from '../src/checker/index.js'
import { type Generation, generations } from '../src/generations/index.js'
import { faultWithoutReference } from '../src/generations/profiles.js'
import { interfaceChanges } from '../src/linux/interface.js'
import type { Scenario } from '../src/world/index.js'

/** The scenarios behind the table, by the start of their names; `hmm-` are those of one generation only. */
const SCENARIOS = ['munmap', 'madvise', 'mprotect', 'zero-page', 'oom-reaper', 'exit', 'snapshot', 'hmm-']

const YES = 'yes'
/** The clause holds, but no claim about states or steps exercised it: steps may assert it. */
const SILENT = '(yes)'

/** The verdicts of one generation, by requirement. */
type Verdicts = ReadonlyMap<string, string>

function scenariosOf(generation: Generation, clause?: string): Scenario[] {
  const all = scenariosIn(generation, clause === undefined ? {} : { clause })
  return all.filter(({ name }) => SCENARIOS.some((start) => name.startsWith(start)))
}

/** The first scenario that breaks `clause`, with the length of its trace; undefined if none does. */
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

/** The verdicts of `generation`: every scenario is checked once; each clause that does not hold is claimed alone. */
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
    // Without a sequence number a clause about it cannot be broken.
    else if (holding === WITH_SEQUENCE) verdicts.set(id, '')
    else verdicts.set(id, (await broken(generation, id)) ?? '')
  }
  return verdicts
}

/** The pattern of the kernel's documentation, where it omits what the generation's driver does. */
function documented({ name }: Generation): readonly Injection[] {
  return defects.filter((defect) => defect.name === 'D55' && defect.generation === name)
}

/** The interfaces by which a driver obtained device memory, and the scenarios of each. */
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

/** The clauses that concern device memory which is added and removed. */
const OF_DEVICE_MEMORY = ['C30', 'C31', 'C44', 'plugging', 'poisoned', 'use-after-free']

/** The verdict on `clause` for an interface: the shortest run of its scenarios that breaks it, if there is one. */
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

/** What has changed in the headers since 6.16. */
export function interfaceSection(): string[] {
  return [
    '## The interface since 6.16',
    '',
    'Before is the header of Linux 6.12.117, after that of the mm tree, mid-2026: both were read. No header of a release between ' +
      'was, so that the release of a change rests on what is named; a dash where nothing told. Between 6.1.192 and 6.12.117 ' +
      '`hmm.h` is the same, and of `mmu_notifier.h` a driver that mirrors sees that `change_pte` has gone, and that ' +
      '`invalidate_range` is `arch_invalidate_secondary_tlbs`.',
    '',
    '| header | before | after | release | which rests on |',
    '| --- | --- | --- | --- | --- |',
    ...interfaceChanges.map(
      ({ header, before, after, release, known }) =>
        `| \`${header}\` | ${before} | ${after} | ${release ?? '–'} | ${known} |`,
    ),
    '',
  ]
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
  // If these scenarios break the clause in one generation, they exercise it in every other.
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
    '# Promises by generation',
    '',
    '<!-- Written by docs/generations.ts from checks: change what is checked, then `npm run docs`. -->',
    '',
    row(['generation', 'kernels', 'characteristics']),
    row(['---', '---', '---']),
    ...generations.map(({ name, kernels, summary }) => row([name, kernels, summary])),
    '',
    'Each column holds the verdicts of `hmm-spec check --generation NAME --bounds smoke` on the scenarios ' +
      `${SCENARIOS.slice(0, -1).join(', ')} and on those of the generation alone, with the driver that was written for it. ` +
      '*no* names the first scenario that breaks the clause, and the number of steps of its shortest trace. An empty ' +
      'cell is a clause about something that the generation does not have, or that none of these scenarios exercises.',
    '',
    'C1 is claimed as it holds today: the device maps nothing where the CPU maps nothing. The documentation before 5.5 lets the ' +
      'device keep the old page while the CPU maps nothing. Linux 4.17 breaks even that: in zero-page device and CPU map ' +
      'different pages (the defect X260). X261 (5.0) and D55 (5.4) are the other two; `hmm-spec explain` says what fixes each.',
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
    'A driver obtains its device memory in one of two ways: until Linux 5.2 through `hmm_devmem`, which forwarded the callbacks of ' +
      'the pagemap to those of the driver and had a reference counter of its own; since 5.3 through the callbacks of the pagemap. ' +
      'Removing `hmm_devmem` removed a layer and no promise. The promises that the older interface broke were broken elsewhere: ' +
      'until 6.0 a CPU fault held no reference to the page that it asked for, and so none to the record of the region. An ' +
      'empty cell: the interface makes no such promise.',
    '',
    row(['requirement', ...WAYS.map(({ name }) => name)]),
    row(['---', ...WAYS.map(() => '---')]),
    ...requirements
      .filter(({ id }) => OF_DEVICE_MEMORY.includes(id))
      .map(({ id, title }) => row([`${id}: ${title}`, ...WAYS.map((way) => verdictOn(id, way))])),
    '',
    ...interfaceSection(),
  ].join('\n')
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url))
  writeFileSync(new URL('../../docs/generations.md', import.meta.url), await generationsPage())
