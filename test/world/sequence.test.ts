/** Sequence numbers in fields, and what protects a field. */
import { describe, expect, it } from 'vitest'
import { act, acting } from '../../src/world/acting.js'
import {
  any,
  both,
  exclusive,
  Layout,
  Mutex,
  NOBODY,
  old,
  type Protection,
  READ_ONCE,
  RwSemaphore,
  shared,
} from '../../src/world/index.js'

function declare() {
  const layout = new Layout({ threads: 2 })
  const counters = layout.array('notifier', 2, (l) => ({ seq: l.counter('seq', 9) }))
  const [first, second] = counters
  const holder = layout.scope('holder', (l) => ({
    own: l.sequence('own', first),
    copy: l.sequence('copy', first),
    other: l.sequence('other', second),
  }))
  return { layout, world: layout.initial(), first, holder }
}

describe('a sequence number', () => {
  it('is copied from field to field', () => {
    const { holder } = declare()
    holder.own.number = 5
    holder.copy = holder.own
    holder.own.clear()
    expect([holder.own.number, holder.copy.number]).toEqual([0, 5])
  })

  it('is read without its lock, and as it was before the step', () => {
    const { holder, world } = declare()
    acting.before = world.slice()
    holder.own.number = 3
    expect(READ_ONCE(holder).own.number).toBe(3)
    expect(old(holder).own.number).toBe(0)
    expect(() => {
      old(holder).own.number = 1
    }).toThrow('holder.own is only read here')
  })

  it('is not copied from one notifier to another', () => {
    const { holder } = declare()
    expect(() => {
      holder.other = holder.own
    }).toThrow('holder.other was set to holder.own, which is a number of another notifier')
  })

  it('is known to the layout, and bounded by what it counts', () => {
    const { layout, holder } = declare()
    expect(layout.sequences.map(({ cell }) => cell.name)).toEqual([
      'holder.own',
      'holder.copy',
      'holder.other',
    ])
    expect(() => {
      holder.own.number = 10
    }).toThrow('outside its declared bound 0..9')
  })
})

describe('a protection', () => {
  const layout = new Layout({ threads: 2 })
  const mutex = new Mutex(layout, 'mutex')
  const sem = new RwSemaphore(layout, 'sem')
  const holding = (mode: 'read' | 'write', alsoMutex: boolean) => {
    layout.initial()
    if (mode === 'read') sem.readers.value = 1
    else sem.writer.value = 1
    if (alsoMutex) mutex.owner.value = 1
  }

  it.each<[string, Protection, string]>([
    // Held for reading, the same with the mutex, for writing: r and w say what may be done.
    ['a lock', sem, 'r r rw'],
    ['shared', shared(sem), 'rw rw rw'],
    ['exclusive', exclusive(sem), '- - rw'],
    ['both', both(shared(sem), mutex), '- rw -'],
    ['any', any(exclusive(sem), both(shared(sem), mutex)), '- rw rw'],
  ])('%s', (_, protection, allowed) => {
    const said = (['read', 'both', 'write'] as const).map((mode) => {
      holding(mode === 'write' ? 'write' : 'read', mode === 'both')
      const may = `${protection.heldBy(0) ? 'r' : ''}${protection.heldForWritingBy(0) ? 'w' : ''}`
      return may === '' ? '-' : may
    })
    expect(said.join(' ')).toBe(allowed)
    expect(protection.heldBy(1)).toBe(false)
  })

  it('is asked for where its field is accessed', () => {
    const guarded = new Layout({ threads: 1 })
    const lock = new RwSemaphore(guarded, 'lock')
    const record = guarded.scope('it', (l) => ({ on: l.flag('on', { guardedBy: exclusive(lock) }) }))
    guarded.initial()
    lock.readers.value = 1
    act(0, new Set())
    expect(() => record.on).toThrow('it.on is read without lock (exclusive), which guards it')
    acting.thread = NOBODY
  })
})
