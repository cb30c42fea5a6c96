/** What a driver's modules keep outside of the world, where neither text nor audit shows it. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { capturedBy, mustBeAsLoaded } from '../../src/cli/captured.js'
import { acting, procedure, step } from '../../src/world/index.js'

const folder = fileURLToPath(new URL('../fixtures/cases/captured', import.meta.url))
const command = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))

beforeAll(() => mkdirSync(folder, { recursive: true }))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

class Keeper {
  #hidden = 0
  shown = { list: [0] }
  bump() {
    this.#hidden++
    this.shown.list.push(this.#hidden)
  }
}
const keeper = new Keeper()
const noted = new Set<string>()
const weak = new WeakMap<object, number>()
const key = {}
const unchanged = { table: [1, 2, 3], when: new Date(0) }

const keeps = procedure(function* keeps() {
  yield* step('keep', () => {
    keeper.bump()
    noted.add('seen')
    weak.set(key, 1)
    return unchanged.table.length + acting.thread
  })
})

test('private fields, sets and weak maps are looked at, whatever the text calls them', () => {
  const own = () => true
  const before = capturedBy([keeps], own)
  expect(() => mustBeAsLoaded(before, capturedBy([keeps], own), 'nothing')).not.toThrow()
  const operation = keeps.body().next().value
  if (operation?.kind === 'step') operation.run(0)
  acting.thread = -1
  const after = capturedBy([keeps], own)
  const changed = [...after]
    .filter(([key, { value }]) => before.get(key)?.value !== value)
    .map(([, { name }]) => name)
  expect(changed).toEqual(expect.arrayContaining([expect.stringMatching(/#hidden$/)]))
  expect(changed).toEqual(expect.arrayContaining([expect.stringMatching(/shown\.list\[1\]$/)]))
  expect(changed.some((name) => name.includes('noted'))).toBe(true)
  expect(changed.some((name) => name.includes('weak'))).toBe(true)
  expect(changed.some((name) => name.includes('unchanged') || name.includes('acting'))).toBe(false)
  expect(() => mustBeAsLoaded(before, after, 'munmap')).toThrow(
    /keeps state outside of the world\. After munmap `/,
  )
})

function counter() {
  let count = 0
  return procedure(function* counts() {
    yield* step('count', () => ++count)
  })
}

test('of two functions that share a text each has its own variables', () => {
  const [first, second] = [counter(), counter()]
  const own = () => true
  const before = capturedBy([first, second], own)
  const operation = second.body().next().value
  if (operation?.kind === 'step') operation.run(0)
  acting.thread = -1
  expect(() => mustBeAsLoaded(before, capturedBy([first, second], own), 'munmap')).toThrow(
    /`count` was 0 when it was loaded, and is 1/,
  )
})

test('functions of others are not looked into', () => {
  expect(capturedBy([keeps], () => false).size).toBe(0)
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
  expect(stdout.replace(/\s+/g, ' ')).toContain('`kept.warm` was false when it was loaded, and is true')
  expect(status).toBe(2)
})
