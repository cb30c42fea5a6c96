/**
 * What ties the specification together: every clause has a check that exists, every claim has a clause, every clause
 * kills a defect. Nothing is explored here; what only a run can tell is in `defects.test.ts`.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { defects, type Requirement, requirements, scenarios } from '../../spec/index.js'
import { declaredSteps } from '../../src/checker/index.js'
import * as driver from '../../src/driver/index.js'
import * as kernel from '../../src/kernel/index.js'
import type { AnyProcedure, Model, Scenario } from '../../src/world/index.js'

/** Requirements that no scenario exercises as it is run by default, and why. */
const NOT_BY_DEFAULT: Readonly<Record<string, string>> = {
  'asked-only': 'no kernel keeps it: it is claimed only with strict=1 of over-fault, by a test',
}

/** What the checker holds by itself. */
const HELD_BY_CHECKER = ['deadlock', 'abstraction']

/** A model of `scenario` at its smoke bounds, and one for each parameter at its largest. */
function models(scenario: Scenario): Model[] {
  const smoke = Object.fromEntries(
    Object.entries(scenario.parameters).map(([name, { smoke }]) => [name, smoke]),
  )
  const largest = Object.entries(scenario.parameters).map(([name, { max }]) => ({ ...smoke, [name]: max }))
  return [smoke, ...largest].map((parameters) => scenario.build(parameters))
}

interface Claim {
  readonly clause: string | undefined
  readonly name: string
}

const claims: readonly Claim[] = scenarios
  .flatMap(models)
  .flatMap(({ invariants = [], stepClaims = [], witnesses = [], progress = [] }): Claim[] => [
    ...invariants,
    ...stepClaims,
    ...witnesses.map(({ clause, name }) => ({ clause, name })),
    ...progress,
  ])

/** A top-level declaration of a source file: its names, and the clauses that its text claims. */
interface Place {
  readonly file: string
  readonly names: readonly string[]
  readonly clauses: readonly string[]
}

function placesIn(file: string): Place[] {
  const text = readFileSync(file, 'utf8')
  const declaration = /^(?:export )?(?:abstract )?(?:const|let|class|function\*?|interface|type) (\w+)/gm
  const starts = [...text.matchAll(declaration)]
  return starts.map((start, i) => {
    const body = text.slice(start.index, starts[i + 1]?.index ?? text.length)
    const procedure = /^(?:export )?const \w+ = procedure\(\s*(?:'([^']+)'|function\* (\w+))/.exec(body)
    const claimed = body.matchAll(/(?:\bclaim\(|\bnew Violation\()\s*(?:'([^']+)'|([^'\s]))/g)
    return {
      file,
      names: [start[1], ...(procedure ? [procedure[1] ?? procedure[2]] : [])],
      // `claim` itself passes its clause on.
      clauses: [...claimed].flatMap(([, clause]) => (clause === undefined ? [] : [clause])),
    }
  })
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${folder}/${name}`)
}

const places = ['src/machine', 'src/kernel', 'src/device', 'src/driver', 'src/generations', 'src/world']
  .flatMap(sources)
  .flatMap(placesIn)

const procedures = [...new Set([...Object.values(kernel), ...Object.values(driver)])].filter(
  (value): value is AnyProcedure => typeof value === 'function' && 'procedureName' in value,
)
const steps = declaredSteps(procedures).map(({ procedure, step }) => `${procedure}: ${step}`)

const known = new Map(requirements.map((requirement) => [requirement.id, requirement]))

/** What is wrong with `check` of `requirement`; undefined if it is there. */
function missing({ id }: Requirement, check: string): string | undefined {
  const [, kind, target] = /^(assert|step|checker|test): ?(.+)$/.exec(check) ?? []
  switch (kind) {
    case undefined:
      return claims.some(({ name }) => name === check) ? undefined : 'no claim of that name'
    case 'assert':
      return places.some(({ names, clauses }) => names.includes(target) && clauses.includes(id))
        ? undefined
        : `no claim of ${id} in ${target}`
    case 'step':
      return steps.includes(target) ? undefined : 'no such step'
    case 'checker':
      return HELD_BY_CHECKER.includes(target) ? undefined : 'the checker holds no such thing'
    default:
      return existsSync(target) ? undefined : 'no such file'
  }
}

describe('requirements', () => {
  it('are those of mirroring and migration, each once, the numbered ones first', () => {
    const numbers = Array.from({ length: 27 }, (_, i) => `C${i + 1}`)
    expect(requirements.map(({ id }) => id)).toEqual([
      ...numbers,
      'C28',
      'C29',
      'C30',
      'C31',
      'C32',
      'C33',
      'C34',
      'C35',
      'C36',
      'C37',
      'C38',
      'C39',
      'C40',
      'C41',
      'C42',
      'C43',
      'C44',
      'C45',
      'C46',
      'C47',
      'C48',
      'C49',
      'C50',
      'C51',
      'C52',
      'area-rights',
      'asked-only',
      'atomic-sleep',
      'backed-access',
      'callback-users',
      'coherent',
      'data',
      'deadlock',
      'dma-mapping',
      'encoding',
      'eviction',
      'exclusive-kept',
      'lock-discipline',
      'lock-order',
      'lru',
      'migrate-range',
      'non-blocking',
      'own-objects',
      'page-tables',
      'plugging',
      'pmd-entries',
      'poisoned',
      'progress',
      'refinement',
      'revoked',
      'system-calls',
      'two-pass',
      'use-after-free',
      'user-faults',
      'work-items',
      'write-tracking',
    ])
  })

  it.each(requirements.map((requirement) => [requirement.id, requirement] as const))(
    '%s has a title, a text, a source, and checks that exist',
    (_, requirement) => {
      const { title, text, source, checks } = requirement
      expect(title).not.toBe('')
      expect(text).toMatch(/\.$/)
      expect(source).not.toEqual([])
      expect(checks).not.toEqual([])
      const wrong = checks.map((check) => [check, missing(requirement, check)]).filter(([, why]) => why)
      expect(wrong).toEqual([])
    },
  )

  it.each(requirements.map(({ id }) => id))('%s is broken by a defect', (id) => {
    const breaking = defects.filter(({ requirement }) => requirement === id)
    expect(breaking).not.toEqual([])
  })

  it.each(requirements.map(({ id }) => id))('%s is exercised by a scenario', (id) => {
    const exercising = scenarios.filter(({ exercises }) => exercises.includes(id))
    if (id in NOT_BY_DEFAULT) expect(exercising).toEqual([])
    else expect(exercising).not.toEqual([])
  })
})

describe('claims', () => {
  it('are of requirements, which name them', () => {
    const stray = claims.filter(
      ({ clause, name }) => clause === undefined || !known.get(clause)?.checks.includes(name),
    )
    expect(stray).toEqual([])
  })

  it('have one clause a name', () => {
    const clauses = new Map<string, Set<string | undefined>>()
    for (const { name, clause } of claims) clauses.set(name, (clauses.get(name) ?? new Set()).add(clause))
    expect([...clauses].filter(([, of]) => of.size > 1)).toEqual([])
  })

  it('inside steps are of requirements, which name the place', () => {
    const stray = places.flatMap(({ file, names, clauses }) =>
      clauses
        .filter((clause) => {
          const requirement = known.get(clause)
          if (requirement === undefined) return true
          return !names.some((name) => requirement.checks.includes(`assert:${name}`))
        })
        .map((clause) => `${clause} in ${names.join(' or ')} (${file})`),
    )
    expect(stray).toEqual([])
  })

  it('inside steps are found where they are known to be', () => {
    const found = places.flatMap(({ names, clauses }) => clauses.map((clause) => `${clause} in ${names[0]}`))
    expect(found).toEqual(
      expect.arrayContaining(['C20 in hmm_range_fault', 'C25 in mapPage', 'lock-discipline in GuardedCell']),
    )
  })
})

describe('scenarios', () => {
  it.each(scenarios.map(({ name, exercises }) => [name, exercises] as const))(
    '%s exercises requirements that exist, each named once',
    (_, exercises) => {
      expect(exercises.filter((id) => !known.has(id))).toEqual([])
      expect(new Set(exercises).size).toBe(exercises.length)
    },
  )
})

describe('defects', () => {
  it('have names of their own', () => {
    expect(new Set(defects.map(({ name }) => name)).size).toBe(defects.length)
  })

  it('go by other names that are mutations of the reference, and the name of no other defect', () => {
    const names = new Set(defects.map(({ name }) => name))
    for (const { name, aliases = [], source } of defects)
      for (const alias of aliases) {
        expect(names.has(alias), name).toBe(false)
        expect(source.join(' '), name).toMatch(new RegExp(`G\\.3 .*\\b${alias}\\b`))
      }
    const mutations = [...names, ...defects.flatMap(({ aliases = [] }) => aliases)]
    for (const mutation of [9, 10, 11, 12, 15, 19, 31, 32]) expect(mutations).toContain(`M${mutation}`)
  })

  it('have the texts that they replace one by one', () => {
    for (const { name, overrides } of defects)
      expect(
        new Set(overrides.map(({ target, step }) => `${target.procedureName}: ${step}`)).size,
        name,
      ).toBe(overrides.length)
  })

  it.each(defects.map((defect) => [defect.name, defect] as const))(
    '%s breaks a requirement in a scenario, both of which exist',
    (_, { requirement, scenario, set = {}, kind, source, steps }) => {
      expect(known.has(requirement)).toBe(true)
      const shown = scenarios.find(({ name }) => name === scenario)
      expect(Object.keys(shown?.parameters ?? {})).toEqual(expect.arrayContaining(Object.keys(set)))
      expect(shown).toBeDefined()
      expect(['history', 'mutation', 'hazard']).toContain(kind)
      expect(source).not.toEqual([])
      // That something never happens has no trace.
      const isWitnessed = models(shown as Scenario).some(({ witnesses = [] }) =>
        witnesses.some(({ clause }) => clause === requirement),
      )
      if (!isWitnessed) expect(steps).toBeGreaterThan(0)
    },
  )

  it('change something: without overrides a defect is a hazard, or a bug of its generation, that is there without them', () => {
    const untouched = defects.filter(({ overrides }) => overrides.length === 0)
    expect(untouched.map(({ name, kind }) => [name, kind])).toEqual([
      ['D27', 'history'],
      ['H5', 'hazard'],
      ['H7', 'hazard'],
      ['X260', 'hazard'],
      ['X261', 'hazard'],
    ])
  })
})
