/** What is read off the source of procedures agrees with the procedures themselves. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { defects, requirements } from '../../spec/index.js'
import { declaredSteps } from '../../src/checker/index.js'
import * as driver from '../../src/driver/index.js'
import { generations } from '../../src/generations/index.js'
import * as kernel from '../../src/kernel/index.js'
import { readProcedures } from '../../src/publish/procedures.js'
import type { AnyProcedure } from '../../src/world/index.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { procedures, overrides } = readProcedures(root)
const byName = new Map(procedures.map((procedure) => [procedure.name, procedure]))
const byId = new Map(procedures.map((procedure) => [procedure.id, procedure]))

const exported = [...Object.values(kernel), ...Object.values(driver)].filter(
  (value): value is AnyProcedure => typeof value === 'function' && 'procedureName' in value,
)

test('every procedure that is exported is found', () => {
  expect(exported.length).toBeGreaterThan(100)
  const missing = exported.filter(({ procedureName }) => !byName.has(procedureName))
  expect(missing.map(({ procedureName }) => procedureName)).toEqual([])
})

test('every step that a procedure declares is found in its text', () => {
  const found = new Set(procedures.flatMap(({ name, steps }) => steps.map((step) => `${name}: ${step.name}`)))
  const missing = declaredSteps(exported).filter(({ procedure, step }) => !found.has(`${procedure}: ${step}`))
  expect(missing).toEqual([])
})

test('identifiers are unique, callers and callees are two sides of one thing', () => {
  expect(byId.size).toBe(procedures.length)
  for (const { id, callees } of procedures)
    for (const callee of callees) expect(byId.get(callee)?.callers).toContain(id)
})

test('links lead from names in the text to procedures', () => {
  const walk = byName.get('hmm_range_fault')
  expect(walk?.links.length).toBeGreaterThan(0)
  for (const { text, links } of procedures)
    for (const { start, end, to } of links) {
      expect(text.slice(start, end)).toMatch(/^[\w$]+$/)
      expect(byId.has(to)).toBe(true)
    }
})

test('what is claimed are requirements', () => {
  const known = new Set(requirements.map(({ id }) => id))
  const claimed = new Set(procedures.flatMap(({ claims }) => claims))
  expect(claimed.size).toBeGreaterThan(10)
  for (const clause of claimed) expect(known).toContain(clause)
})

test('every defect and every generation that replaces texts has them', () => {
  const owners = (kind: string) =>
    new Set(overrides.filter((one) => one.kind === kind).map(({ owner }) => owner))
  const [ofDefects, ofGenerations] = [owners('defect'), owners('generation')]
  for (const { name, overrides } of defects) if (overrides.length > 0) expect(ofDefects).toContain(name)
  for (const { name, overrides } of generations)
    if (overrides.length > 0) expect(ofGenerations).toContain(name)
})

const made: string[] = []
afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true })
})

/** A project of its own, of these files. */
function project(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'hmm-spec-'))
  made.push(folder)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

const PROJECT = {
  'package.json': JSON.stringify({ exports: { './all': { default: './dist/lib/all.js' } } }),
  'tsconfig.json': JSON.stringify({
    compilerOptions: { target: 'ES2022', module: 'NodeNext', moduleResolution: 'NodeNext', types: [] },
  }),
  'lib/world.ts': `
export declare function procedure(...parts: unknown[]): any
export declare function override(target: unknown, make: unknown): any
export declare function onStep(target: unknown, name: string, replace: unknown): any
export declare function step(name: string, run: unknown): Generator<unknown, any, any>
export declare function choose(name: string, outcomes: number): Generator<unknown, any, any>
export declare function become(...parts: unknown[]): Generator<unknown, any, any>
export declare function claim(clause: string, holds: boolean): void
export class Lock {
  constructor(readonly name: string) {}
  *lock(): Generator<unknown, any, any> {
    return yield* step(\`lock \${this.name}\`, () => 0)
  }
}
`,
  'lib/all.ts': `
import { become, choose, claim, Lock, onStep, override, procedure, step } from './world.js'

const gate: Lock = new Lock('gate')
declare const callback: () => Generator<unknown, any, any>
declare const chart: { signal(event: string): void }

function free(): void {
  claim('C7', true)
  chart.signal('FREED')
}

/** Part of its caller's text. */
function* both() {
  yield* step('helper step', () => 0)
}

/**
 * Named by a text.
 *
 * @kernel do_it
 */
export const named = procedure('named (part)', function* () {
  yield* gate.lock()
  yield* step('free it', () => free())
  if (yield* choose('time-out', 2)) return yield* become(unnamed, 1)
  yield* callback()
})

export const unnamed = procedure(function* mmu_thing(n: number) {
  yield* both()
  yield* named(n)
  if (n > 0) return yield* become(mmu_thing, n - 1)
})

const broken = override(unnamed, () => function* () { yield* step('nothing', () => 0) })
const unfreed = onStep(named, 'free it', () => () => 0)
export const defects = [{ name: 'Z1', requirement: 'C7', overrides: [broken, unfreed] }]
`,
}

test('both ways to write a procedure are read: the name as a text, and as that of the generator', () => {
  const { procedures, overrides } = readProcedures(project(PROJECT))
  expect(procedures).toMatchObject([
    {
      id: 'named-part',
      name: 'named (part)',
      symbol: 'named',
      kernel: 'do_it',
      file: 'lib/all.ts',
      summary: 'Named by a text.',
      steps: [
        { name: 'lock gate', kind: 'lock', signals: [] },
        { name: 'free it', kind: 'step', signals: ['FREED'], claims: ['C7'] },
        { name: 'time-out', kind: 'choice' },
      ],
      signals: ['FREED'],
      claims: ['C7'],
      callees: ['mmu_thing'],
      callers: ['mmu_thing'],
      open: ['callback'],
    },
    {
      id: 'mmu_thing',
      name: 'mmu_thing',
      kernel: 'mmu_thing',
      steps: [{ name: 'helper step', kind: 'step' }],
      callees: ['named-part', 'mmu_thing'],
      callers: ['named-part', 'mmu_thing'],
    },
  ])
  expect(overrides).toMatchObject([
    { owner: 'Z1', kind: 'defect', target: 'mmu_thing', file: 'lib/all.ts' },
    { owner: 'Z1', kind: 'defect', target: 'named-part', step: 'free it' },
  ])
  expect(overrides[0].step).toBeUndefined()
})
