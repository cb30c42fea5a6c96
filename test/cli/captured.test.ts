/** What a driver's modules keep outside of the world, where neither text nor audit shows it. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { capturedBy, mustBeAsLoaded } from '../../src/cli/guards/captured.js'
import { asking } from '../../src/cli/guards/inspector.js'
import type { AnyProcedure } from '../../src/world/index.js'

const folder = fileURLToPath(new URL('../fixtures/cases/captured', import.meta.url))
const command = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))

beforeAll(() => mkdirSync(folder, { recursive: true }))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

// In a module of its own: what a test runner puts around this one is not to be looked at.
const KEPT = join(folder, 'kept.mjs')
const isOwn = (url: string) => url.includes('/captured/kept.mjs')
const kept = async () => {
  writeFileSync(
    KEPT,
    `import { procedure, step } from 'hmm-spec/world'
class Keeper {
  #hidden = 0
  shown = { list: [0] }
  bump() {
    this.#hidden++
    this.shown.list.push(this.#hidden)
  }
}
const keeper = new Keeper()
const noted = new Set()
const weak = new WeakMap()
const key = {}
const unchanged = { table: [1, 2, 3], when: new Date(0) }
export const keeps = procedure(function* keeps() {
  yield* step('keep', () => {
    keeper.bump()
    noted.add('seen')
    weak.set(key, 1)
    return unchanged.table.length
  })
})
export function counter() {
  let count = 0
  return procedure(function* counts() {
    yield* step('count', () => ++count)
  })
}
`,
  )
  return (await import(pathToFileURL(KEPT).href)) as {
    keeps: AnyProcedure
    counter(): AnyProcedure
  }
}
const stepOf = (procedure: AnyProcedure) => {
  const operation = procedure.body().next().value
  if (operation?.kind === 'step') operation.run(0)
}

test('private fields, sets and weak maps are looked at, whatever the text calls them', async () => {
  const { keeps } = await kept()
  const before = capturedBy([keeps], isOwn)
  expect(() => mustBeAsLoaded(before, capturedBy([keeps], isOwn), 'After nothing')).not.toThrow()
  stepOf(keeps)
  const after = capturedBy([keeps], isOwn)
  const changed = [...after]
    .filter(([key, { value }]) => before.get(key)?.value !== value)
    .map(([, { name }]) => name)
  expect(changed).toEqual(expect.arrayContaining([expect.stringMatching(/#hidden$/)]))
  expect(changed).toEqual(expect.arrayContaining([expect.stringMatching(/shown\.list\[1\]$/)]))
  expect(changed.some((name) => name.includes('noted'))).toBe(true)
  expect(changed.some((name) => name.includes('weak'))).toBe(true)
  expect(changed.some((name) => name.includes('unchanged'))).toBe(false)
  expect(() => mustBeAsLoaded(before, after, 'After munmap')).toThrow(
    /keeps state outside of the world\. After munmap `/,
  )
})

test('of two functions that share a text each has its own variables', async () => {
  const { counter } = await kept()
  const [first, second] = [counter(), counter()]
  const before = capturedBy([first, second], isOwn)
  stepOf(second)
  expect(() => mustBeAsLoaded(before, capturedBy([first, second], isOwn), 'After munmap')).toThrow(
    /`count` was 0 when it was loaded, and is 1/,
  )
})

test('functions of others are not looked into', async () => {
  const { keeps } = await kept()
  const found = [...capturedBy([keeps], () => false).keys()]
  expect(found.filter((place) => !/^(global|setting) /.test(place))).toEqual([])
})

test('a driver whose module is warm after the first run is named with its variable', () => {
  const file = join(folder, 'warm.mjs')
  writeFileSync(
    file,
    `import { flushDevice, referenceDriver, unmapPages } from 'hmm-spec/driver'
import { mmu_interval_set_seq } from 'hmm-spec/kernel'
import { procedure, step } from 'hmm-spec/world'
const kept = { warm: false }
const remember = (what) => { what.warm = true }
const invalidate = procedure(function* inv(c, m, range, seq) {
  if (!range.blockable) return 0
  yield* m.updateLock.lock()
  yield* step('set seq, unmap', () => {
    mmu_interval_set_seq(m.notifier, seq)
    unmapPages(m, range)
    if (!kept.warm) remember(kept)
    return 0
  })
  yield* flushDevice(m, range)
  yield* m.updateLock.unlock()
  return 1
})
export default { ...referenceDriver, name: 'warm', invalidate }
`,
  )
  const { status, stdout } = spawnSync(
    process.execPath,
    [command, 'check', 'munmap', '--driver', file, '--bounds', 'smoke', '--audit', 'off', '--workers', '1'],
    { encoding: 'utf8' },
  )
  expect(stdout.replace(/\s+/g, ' ')).toContain('what it reaches beside the world does not change')
  expect(status).toBe(2)
})

test('who waits hears of each answer while a large package is looked through', async () => {
  const large = join(folder, 'large.mjs')
  const functions = Array.from(
    { length: 200 },
    (_, i) => `export const f${i} = (() => { const n = ${i}; return () => n })()`,
  )
  writeFileSync(large, functions.join('\n'))
  const module = (await import(pathToFileURL(large).href)) as Record<string, () => number>
  let heard = 0
  asking.heard = () => heard++
  try {
    capturedBy([], (url) => url.includes('/captured/large.mjs'), Object.values(module))
  } finally {
    asking.heard = undefined
  }
  expect(heard).toBeGreaterThan(functions.length)
})
