/** State that mirrors share: of a process, whatever the device, and of a device, whatever the process. */
import { describe, expect, test } from 'vitest'
import { call, mirrorScenario } from '../../spec/index.js'
import { check } from '../../src/checker/index.js'
import { defineDriver, deviceAccess, type Mirror, type MirrorSetting } from '../../src/driver/index.js'
import { LockRank, munmap } from '../../src/kernel/index.js'
import { type Layout, Mutex, Pool, procedure } from '../../src/world/index.js'
import { checkIn, holdsEverywhere } from './parts.js'
import { sharedStateDriver } from './shared-state.js'

/** Two processes use one device, and each has a mirror of it. */
const oneDevice = mirrorScenario({
  name: 'one-device',
  summary: 'Two processes access memory by one device, and one of them unmaps its page.',
  exercises: ['C3'],
  parameters: {},
  world: () => ({
    processes: 2,
    forked: true,
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu' }, { name: 'gpu of the other', sameDevice: true, process: 1 }],
    spareFrames: 1,
    invalidations: 1,
    threads: [
      { name: 'device', devices: [0], calls: ({ mirrors: [gpu] }) => [call(deviceAccess, gpu, 0, 1)] },
      {
        name: 'device of the other',
        process: 1,
        devices: [1],
        calls: ({ mirrors: [, other] }) => [call(deviceAccess, other, 0, 1)],
      },
      { name: 'cpu', calls: () => [call(munmap, 0, 1)] },
    ],
  }),
})

const inOneDevice = (twist?: Parameters<typeof sharedStateDriver>[1]) => {
  const scenario = oneDevice.withDriver?.(sharedStateDriver('shared', twist))
  if (scenario === undefined) throw new Error('it takes no driver')
  return check(scenario, { bounds: 'smoke' })
}

/** A driver that is refused for the state that `declare` gives it. */
const refusedDriver = (declare: (mirror: MirrorSetting) => object) =>
  defineDriver({
    name: 'refused',
    state: (_: Layout, mirror) => ({ process: declare(mirror) }),
    invalidate: procedure(function* invalidate(_current, _mirror: Mirror<unknown>) {
      return 1
    }),
    fault: procedure(function* fault(_current, _mirror: Mirror<unknown>) {
      return 0
    }),
  })

describe('a lock for each process and a ring for each device', () => {
  holdsEverywhere(sharedStateDriver('shared'), [
    'munmap',
    'two-devices',
    'exit',
    'unmap-and-close',
    'insert-and-remove',
  ])

  test('holds where two processes use one device', { timeout: 120_000 }, async () => {
    const { verdict, violation } = await inOneDevice()
    expect(violation && `${violation.clause}: ${violation.detail}`).toBeUndefined()
    expect(verdict).toBe('holds')
  })

  test('the ring is written without the lock of the device', async () => {
    expect((await inOneDevice('ring without its lock')).violation).toMatchObject({
      clause: 'lock-discipline',
    })
  })

  test('a fault takes the lock of the device before that of the process', async () => {
    const { violation } = await checkIn(sharedStateDriver('shared', 'device lock first'), 'two-devices')
    expect(violation?.clause).toMatch(/^(deadlock|lock-order)$/)
  })

  test('what the pool of a process has is freed before its last mirror is', async () => {
    const { violation } = await checkIn(sharedStateDriver('shared', 'command is kept'), 'unmap-and-close')
    expect(violation).toMatchObject({
      clause: 'own-objects',
      detail: 'process[0].driver.command[0] is never freed',
    })
  })
})

test.each<[string, (l: Layout, turn: number) => object]>([
  ['another lock', (l, turn) => ({ lock: new Mutex(l, 'lock', { rank: LockRank.update + turn }) })],
  [
    'another guard',
    (l, turn) => {
      const lock = new Mutex(l, 'lock')
      return { lock, tail: l.counter('tail', 1, turn === 0 ? {} : { guardedBy: lock }) }
    },
  ],
  ['another bound', (l, turn) => ({ tail: l.counter('tail', 1 + turn) })],
  ['a field more', (l, turn) => ({ a: l.flag('a'), ...(turn === 0 ? {} : { b: l.flag('b') }) })],
  [
    'a larger pool',
    (l, turn) => ({ pool: new Pool(l, 'command', 1 + turn, (each) => ({ page: each.flag('page') })) }),
  ],
])('refused: the same text that declares %s for another mirror', async (_what, declare) => {
  let turn = 0
  const driver = refusedDriver((mirror) => {
    const now = turn++
    return mirror.perProcess((l) => declare(l, now))
  })
  await expect(checkIn(driver, 'two-devices')).rejects.toThrow(/declares the state of process\[0\] twice/)
})

test.each<[string, (l: Layout, turn: number) => object, RegExp]>([
  ['a plain object', () => ({ kept: {} }), /state.kept is a plain object/],
  [
    'another text each time',
    (l, turn) => (turn === 0 ? { a: l.flag('a') } : { b: l.flag('b') }),
    /declares the state of process\[0\] twice/,
  ],
])('refused: %s', async (_what, declare, message) => {
  let turn = 0
  const driver = refusedDriver((mirror) => {
    const now = turn++
    const texts = [(l: Layout) => declare(l, 0), (l: Layout): object => declare(l, 1)]
    return mirror.perProcess(texts[Math.min(now, 1)])
  })
  await expect(checkIn(driver, 'two-devices')).rejects.toThrow(message)
})
