/**
 * That every row of the table of the seeds leads somewhere: to requirements, exports, scenarios, tests and defects that exist and
 * belong together.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { traceabilityPage } from '../../docs/traceability.js'
import * as models from '../../models/index.js'
import { defects, requirements, scenarios } from '../../spec/index.js'
import { type SeedItem, seeds } from '../../spec/seeds/index.js'
import * as driver from '../../src/driver/index.js'
import * as generations from '../../src/generations/index.js'
import * as kernel from '../../src/kernel/index.js'

const MODULES: Readonly<Record<string, object>> = { driver, generations, kernel, models }

/** Folders whose types a module passes on. */
const ALSO: Readonly<Record<string, string>> = { kernel: 'src/machine', driver: 'src/device' }

/** Interfaces and types, which leave nothing to import: by module, what its sources declare. */
function typesOf(module: string): Set<string> {
  const folders = [module === 'models' ? 'models' : `src/${module}`, ALSO[module] ?? []].flat()
  const files = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${folder}/${name}`),
  )
  return new Set(
    files.flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/^export (?:interface|type) (\w+)/gm)].map(([, name]) => name),
    ),
  )
}

const types = new Map(Object.keys(MODULES).map((module) => [module, typesOf(module)]))

/** True if `MODULE:NAME` is exported; a name may lead into a namespace: `driver.encode`. */
function isExported(symbol: string): boolean {
  const [module, path] = symbol.split(':')
  let at: unknown = MODULES[module]
  for (const name of path.split('.')) at = (at as Record<string, unknown> | undefined)?.[name]
  return at !== undefined || types.get(module)?.has(path) === true
}

const rows = seeds.flatMap(({ number, items }) => items.map((item) => [number, item.name, item] as const))
const columns = ({ specified, implemented, checked, defects }: SeedItem) => ({
  specified,
  implemented,
  checked,
  defects,
})

describe('the seeds', () => {
  it('are five, and every row is there once', () => {
    expect(seeds.map(({ number }) => number)).toEqual(['000', '001', '002', '003', '004'])
    for (const { items } of seeds) expect(new Set(items.map(({ name }) => name)).size).toBe(items.length)
  })

  it('are written to docs/traceability.md (npm run docs writes it)', () => {
    expect(readFileSync('docs/traceability.md', 'utf8')).toBe(traceabilityPage())
  })

  it.each(rows)('%s %s is found in every column', (_seed, _name, item) => {
    expect(item.meaning).not.toBe('')
    for (const names of Object.values(columns(item))) expect(names).not.toEqual([])
  })

  it.each(rows)('%s %s names what exists', (_seed, _name, item) => {
    const unknown = {
      specified: item.specified.filter((id) => !requirements.some((requirement) => requirement.id === id)),
      implemented: item.implemented.filter((symbol) => !isExported(symbol)),
      checked: item.checked.filter(
        (check) => !scenarios.some((scenario) => scenario.name === check) && !existsSync(check),
      ),
      defects: item.defects.filter((of) => !defects.some((defect) => defect.name === of)),
    }
    expect(unknown).toEqual({ specified: [], implemented: [], checked: [], defects: [] })
  })

  it.each(rows)(
    '%s %s: a check of its requirements is named, and a defect that breaks one',
    (_seed, _name, item) => {
      const { specified, checked, defects: named } = item
      const exercised = scenarios.some(
        (scenario) =>
          checked.includes(scenario.name) && scenario.exercises.some((id) => specified.includes(id)),
      )
      expect(exercised || checked.some((check) => check.startsWith('test/'))).toBe(true)
      expect(
        defects.some((defect) => named.includes(defect.name) && specified.includes(defect.requirement)),
      ).toBe(true)
    },
  )
})
