/** The explorer without its page: runs that are made step by step, checks, searches, addresses. */
import { beforeEach, describe, expect, test } from 'vitest'
import { defects, scenarioOf } from '../../spec/index.js'
import { check, type TraceStep } from '../../src/checker/index.js'
import { AddressError, addressOf, codesOf, placeOf } from '../../src/explorer/address.js'
import type { Snapshot } from '../../src/explorer/messages.js'
import type { Goal } from '../../src/explorer/reach.js'
import { Session, StaleAddressError } from '../../src/explorer/session.js'
import { type Subject, SubjectError } from '../../src/explorer/subject.js'
import { WalkError } from '../../src/explorer/walk.js'

const M2: Subject = { scenario: 'munmap', bounds: 'smoke', set: {}, defect: 'M2' }

let session: Session
beforeEach(() => {
  session = new Session()
})

const movesOf = (steps: readonly TraceStep[]) => steps.map(({ thread, choice }) => ({ thread, choice }))

/** What the explorer is given for a defect. */
function subjectFor({ name, scenario, set, generation }: (typeof defects)[number]): Subject {
  return {
    scenario,
    bounds: 'smoke',
    set: set ?? {},
    ...(generation === undefined ? {} : { release: generation }),
    defect: name,
  }
}

function defect(name: string): (typeof defects)[number] {
  return defects.find((one) => one.name === name) as (typeof defects)[number]
}

/** The run that the checker finds for a defect. */
async function runOf(name: string): Promise<readonly TraceStep[]> {
  const one = defect(name)
  const scenario = scenarioOf(one) as NonNullable<ReturnType<typeof scenarioOf>>
  const { violation } = await check(scenario, {
    bounds: 'smoke',
    set: one.set ?? {},
    defects: [one],
    audit: 'off',
  })
  return violation?.trace.steps ?? []
}

describe('a run by hand', () => {
  test('every thread is shown with what it can do, and what is blocked by whom', async () => {
    let now = await session.answer('open', {
      subject: { scenario: 'munmap', bounds: 'smoke', set: {} },
      run: [],
    })
    expect(now.now.map(({ name }) => name)).toEqual(now.threads)
    const unmaps = now.now.find(({ step }) => step.startsWith('down_write'))
    expect(unmaps?.ways).toMatchObject([{ choice: 0, is: 'enabled' }])
    // The device is taken to where it wants the same lock for reading.
    now = await session.answer('take', { moves: [{ thread: unmaps?.thread ?? -1, choice: 0 }] })
    const waiting = () =>
      now.now.find(({ ways }) => ways.length > 0 && ways.every(({ is }) => is === 'blocked'))
    for (let i = 0; i < 20 && waiting() === undefined; i++)
      now = await session.answer('take', { moves: [{ thread: 0, choice: 0 }] })
    expect(waiting()?.step).toMatch(/^down_read mm\[0\]\.mmap_lock$/)
    const lock = now.state.locks.find(({ name }) => name === 'mm[0].mmap_lock')
    expect(lock).toEqual({
      name: 'mm[0].mmap_lock',
      holders: [{ thread: unmaps?.thread, how: 'writes' }],
      waiters: [waiting()?.thread],
    })
    await expect(session.answer('take', { moves: [{ thread: 0, choice: 0 }] })).rejects.toThrow(WalkError)
  })

  test('the state after each step is that before it with what the step changed', async () => {
    const steps = await runOf('M2')
    let now = await session.answer('open', { subject: M2, run: [] })
    now = await session.answer('load', { moves: movesOf(steps), at: 0 })
    const values = new Map(now.state.fields.map(({ name, value }) => [name, value]))
    for (let at = 1; at <= steps.length; at++) {
      now = await session.answer('go', { at })
      for (const { cell, after } of steps[at - 1].changes) values.set(cell, after)
      expect(now.state.fields.map(({ name, value }) => [name, value])).toEqual([...values])
    }
    expect(now.broken).toMatchObject({ clause: 'C8' })
  })

  test('a step back and another way leads elsewhere', async () => {
    await session.answer('open', { subject: M2, run: [] })
    await session.answer('take', {
      moves: [
        { thread: 0, choice: 0 },
        { thread: 0, choice: 0 },
      ],
    })
    await session.answer('go', { at: 1 })
    const now = await session.answer('take', { moves: [{ thread: 1, choice: 0 }] })
    expect(now.steps.map(({ thread }) => thread)).toEqual([0, 1])
    expect(now.at).toBe(2)
  })

  test('what is chosen must be there', async () => {
    const open = (subject: Subject) => session.answer('open', { subject, run: [] })
    await expect(open({ ...M2, scenario: '<img>' })).rejects.toThrow(SubjectError)
    await expect(open({ ...M2, defect: 'M0' })).rejects.toThrow('there is no defect "M0"')
    await expect(open({ ...M2, release: '2.4' })).rejects.toThrow('there is no release "2.4"')
    await expect(open({ ...M2, set: { pages: 99 } })).rejects.toThrow(/pages of scenario munmap is 1 to/)
    await expect(open({ ...M2, set: { cows: 1 } })).rejects.toThrow(/has no parameter cows/)
  })
})

describe('an address', () => {
  test('says all that it was made of', () => {
    const subject: Subject = { ...M2, bounds: 'deep', set: { pages: 2 }, release: '6.1' }
    expect(placeOf(addressOf(subject, []))).toEqual({ subject, run: [] })
  })

  test('that says nothing is refused', () => {
    for (const text of [
      '',
      'x',
      'scenario=munmap&cows=1',
      'scenario=munmap&run=0',
      'scenario=munmap&run=0-abc&at=2',
    ])
      expect(() => placeOf(text), text).toThrow(AddressError)
  })

  // Each kind of breach: a claim of a step, one in the middle of a step, an invariant, a deadlock, one of a release.
  const names = [
    'M2',
    'D32',
    'H10',
    ...defects
      .filter(({ generation }) => generation !== undefined)
      .slice(0, 2)
      .map(({ name }) => name),
  ]
  test.each(names)('of the run of %s leads to it', async (name) => {
    const steps = await runOf(name)
    const place = placeOf(addressOf(subjectFor(defect(name)), steps))
    const now = await session.answer('open', place)
    expect(now.steps).toEqual(steps)
    expect(now.end).toMatchObject({ clause: defect(name).requirement })
    expect(addressOf(now.subject, now.steps)).toBe(addressOf(place.subject, steps))
  })

  test('of another version is refused, naming the step that differs', async () => {
    const steps = await runOf('M2')
    const { subject, run } = placeOf(addressOf(M2, steps))
    const other = (at: number, change: object) =>
      run.map((step, i) => (i === at ? { ...step, ...change } : step))
    await expect(session.answer('open', { subject, run: other(5, { code: 'zzz' }) })).rejects.toThrow(
      new RegExp(`step 6 differs: .* now takes "${steps[5].step}"`),
    )
    await expect(session.answer('open', { subject, run: other(5, { choice: 9 }) })).rejects.toThrow(
      StaleAddressError,
    )
    // Without the defect the same steps lead elsewhere.
    const { defect: _, ...healthy } = subject
    await expect(session.answer('open', { subject: healthy, run })).rejects.toThrow(
      /step \d+ (differs|cannot be taken)/,
    )
  })

  test('has check values that depend on everything before', async () => {
    const steps = await runOf('M2')
    const changed = steps.map((step, i) => (i === 0 ? { ...step, result: 'other' } : step))
    const [before, after] = [codesOf(steps), codesOf(changed)]
    expect(before.filter((code, i) => code === after[i]).length).toBeLessThan(2)
  })
})

describe('a check', () => {
  test('finds what the command finds, and knows how far each step is from it', async () => {
    await session.answer('open', { subject: M2, run: [] })
    const { result, mapped } = await session.answer('check', {})
    const steps = await runOf('M2')
    expect(result).toMatchObject({ verdict: 'violated', violation: { clause: 'C8' } })
    expect(result.violation?.trace.steps).toEqual(steps)
    expect(mapped?.exhaustive).toBe(true)
    let now: Snapshot = await session.answer('load', { moves: movesOf(steps), at: 0 })
    for (const [at, { thread, choice }] of steps.entries()) {
      now = await session.answer('go', { at })
      const way = now.now[thread].ways[choice]
      const left = steps.length - at - 1
      if (left === 0) expect(way.broken).toMatchObject({ clause: 'C8' })
      else expect(way.ahead).toEqual({ clause: 'C8', steps: left })
    }
    // Nothing is nearer than the shortest run.
    now = await session.answer('go', { at: 0 })
    for (const { ways } of now.now)
      for (const { ahead } of ways)
        if (ahead !== undefined && ahead !== 'none')
          expect(ahead.steps).toBeGreaterThanOrEqual(steps.length - 1)
  })

  test('where no breach is ahead, no run breaks anything', async () => {
    await session.answer('open', { subject: M2, run: [] })
    await session.answer('check', {})
    let now = await session.answer('open', { subject: M2, run: [] })
    const isSafe = () =>
      now.now.flatMap(({ ways }) => ways).filter(({ ahead }) => ahead === 'none').length > 0
    expect(isSafe()).toBe(true)
    const safe = now.now.find(({ ways }) => ways.some(({ ahead }) => ahead === 'none'))
    now = await session.answer('take', { moves: [{ thread: safe?.thread ?? 0, choice: 0 }] })
    const found = await session.answer('search', { goal: { kind: 'clause', clause: 'C8' }, from: now.at })
    expect(found).toMatchObject({ moves: undefined, exhaustive: true })
  })

  test('is stopped', async () => {
    const subject: Subject = { scenario: 'four-threads', bounds: 'deep', set: {} }
    await session.answer('open', { subject, run: [] })
    const checked = session.answer('check', {}, () => void session.answer('stop', {}))
    expect((await checked).result.verdict).toBe('interrupted')
  })
})

describe('the shortest run', () => {
  const lengthOf = async (goal: Goal, from = 0) =>
    (await session.answer('search', { goal, from })).moves?.length

  test('to a clause is as long as the checker’s', async () => {
    await session.answer('open', { subject: M2, run: [] })
    expect(await lengthOf({ kind: 'clause', clause: 'C8' })).toBe((await runOf('M2')).length)
  })

  test('to a step ends with it, and from there on goes on', async () => {
    const steps = await runOf('M2')
    await session.answer('open', { subject: M2, run: [] })
    const { procedure, step } = steps[5]
    const found = await session.answer('search', { goal: { kind: 'step', procedure, step }, from: 0 })
    const now = await session.answer('load', { moves: found.moves ?? [], at: 0 })
    expect(now.steps.at(-1)).toMatchObject({ procedure, step })
    expect(now.steps.slice(0, -1).every((one) => one.procedure !== procedure || one.step !== step)).toBe(true)
    expect(await lengthOf({ kind: 'clause', clause: 'C8' }, now.steps.length)).toBeGreaterThan(0)
  })

  test('to a transition takes it with its last step', async () => {
    await session.answer('open', { subject: M2, run: [] })
    const goal: Goal = { kind: 'transition', chart: 'range', state: 'begin', event: 'FAULTED' }
    const { moves } = await session.answer('search', { goal, from: 0 })
    const now = await session.answer('load', { moves: moves ?? [], at: 0 })
    expect(now.steps.at(-1)?.changes).toContainEqual(
      expect.objectContaining({ before: 'begin', after: 'faulted', ghost: true }),
    )
  })

  test('to what does not happen is none, after all states', async () => {
    await session.answer('open', {
      subject: { scenario: 'retry-protocol', bounds: 'smoke', set: {} },
      run: [],
    })
    const found = await session.answer('search', { goal: { kind: 'clause', clause: 'C1' }, from: 0 })
    expect(found).toMatchObject({ moves: undefined, exhaustive: true, states: 8816 })
  })
})
