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

/**
 * Rows whose implementation is still being built. They may be empty, or name what is planned; all others may not. The list shall become empty.
 */
const notYet: Readonly<Record<string, readonly string[]>> = {
  '001': [
    'hmm_devmem_add',
    'hmm_devmem_remove',
    'struct hmm_devmem_ops',
    'struct hmm_devmem',
    'hmm_devmem.completion',
    'hmm_devmem.pfn_first',
    'hmm_devmem.pfn_last',
    'hmm_devmem.resource',
    'hmm_devmem.device',
    'hmm_devmem.pagemap',
    'hmm_devmem.ops',
    'hmm_devmem.ref',
    'hmm_devmem_ref_release',
    'hmm_devmem_ref_exit',
    'hmm_devmem_ref_kill',
    'hmm_pagemap_ops',
    'errors of adding',
    'memory is the driver’s to manage',
    'callbacks only by way of hmm_devmem',
    'or without hmm_devmem',
    'no real resource',
    'the count of a free page is 1',
    'VM_FAULT_SIGBUS and poison',
    'the charge travels with the page',
    'hmm_range_dma_unmap',
  ],
  '002': [
    'struct hmm_range',
    'hmm_range.vma',
    'hmm_range.list',
    'hmm_range.start',
    'hmm_range.end',
    'hmm_range.valid',
    'hmm_vma_get_pfns',
    'hmm_vma_fault',
    'hmm_vma_range_done',
    'hmm_register',
    'hmm_mirror_register',
    'hmm_mirror_unregister',
    '-EBUSY where the lock was dropped',
    '-EPERM without VM_READ',
    '-ENOMEM without struct hmm',
    'after an error nothing is left',
  ],
  '003': [
    'hmm_mirror_register',
    'struct hmm_mirror_ops',
    'struct hmm_mirror',
    'struct hmm_update',
    'hmm_range_register',
    'hmm_range_unregister',
    'hmm_range_wait_until_valid',
    'hmm_range_valid',
  ],
  '004': [
    'struct hmm',
    'hmm.mmu_notifier',
    'hmm.ranges_lock',
    'hmm.ranges',
    'hmm.mirrors',
    'hmm.mirrors_sem',
    'hmm.wq',
    'hmm.notifiers',
    'struct hmm_range',
    'hmm_range.hmm',
    'hmm_range.list',
    'hmm_range.start',
    'hmm_range.end',
    'hmm_range.valid',
    'struct hmm_mirror',
    'hmm_mirror.hmm',
    'hmm_mirror.ops',
    'hmm_mirror.list',
    'struct hmm_mirror_ops',
    'hmm_mirror_register',
    'hmm_mirror_unregister',
    'hmm_range_register',
    'hmm_range_unregister',
    'hmm_range_wait_until_valid',
    'hmm_range_valid',
    'hmm_range_fault',
    'HMM_FAULT_ALLOW_RETRY',
    'HMM_FAULT_SNAPSHOT',
    'hmm_range_dma_map',
    'hmm_range_dma_unmap',
    'every mirror hears of every update',
    'one mirror for an address space',
    'the mirror is bound and unbound',
  ],
}

/** Rows of what this specification leaves out, which say why. */
const LEFT_OUT: Readonly<Record<string, readonly string[]>> = {
  '001': ['hmm_devmem_page_set_drvdata'],
  '002': ['hmm_vma_handle_pmd', 'pmd_to_hmm_pfn_flags'],
}

const MODULES: Readonly<Record<string, object>> = { driver, generations, kernel, models }

/** Interfaces and types, which leave nothing to import: by module, what its sources declare. */
function typesOf(module: string): Set<string> {
  const folder = module === 'models' ? 'models' : `src/${module}`
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  )
  return new Set(
    files.flatMap((file) =>
      [...readFileSync(`${folder}/${file}`, 'utf8').matchAll(/^export (?:interface|type) (\w+)/gm)].map(
        ([, name]) => name,
      ),
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
const isIn = (list: Readonly<Record<string, readonly string[]>>, seed: string, name: string) =>
  list[seed]?.includes(name) === true
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

  it('what is not there yet, and what is left out, are rows', () => {
    for (const list of [notYet, LEFT_OUT])
      for (const [seed, names] of Object.entries(list))
        for (const name of names)
          expect(
            rows.some(([of, row]) => of === seed && row === name),
            `${seed} ${name}`,
          ).toBe(true)
  })

  it.each(rows)('%s %s is found, or the row says why not', (seed, name, item) => {
    expect(item.meaning).not.toBe('')
    const empty = Object.entries(columns(item)).filter(([, names]) => names.length === 0)
    if (isIn(notYet, seed, name)) return
    if (isIn(LEFT_OUT, seed, name)) expect(item.because).toBeDefined()
    else {
      expect(empty.map(([column]) => column)).toEqual([])
      expect(item.because).toBeUndefined()
    }
  })

  it.each(rows)('%s %s names what exists', (seed, name, item) => {
    // It may name what is planned.
    if (isIn(notYet, seed, name)) return
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
    (seed, name, item) => {
      const { specified, checked, defects: named } = item
      if (isIn(notYet, seed, name) || isIn(LEFT_OUT, seed, name)) return
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
