/** How the explorer shows a state, a text and a run. */
import { expect, test } from 'vitest'
import { chromeTrace } from '../../src/explorer/chrome-trace.js'
import { Session } from '../../src/explorer/session.js'
import { type PublishedTexts, textFor } from '../../src/explorer/texts.js'
import { entryText, viewOf } from '../../src/explorer/view.js'

const field = (name: string, value: string) => ({ name, value, ghost: false })

test('an entry of a page table in a few words', () => {
  const entry = (fields: Record<string, string>) =>
    entryText(Object.entries(fields).map(([name, value]) => field(`mm[0].pte[0].${name}`, value)))
  expect(entry({ kind: 'none', frame: '0', write: '0' })).toBe('–')
  expect(entry({ kind: 'present', frame: '1', write: '1' })).toBe('frame 1 rw')
  expect(entry({ kind: 'present', frame: 'frame[2]', write: '0', soft_dirty: '1' })).toBe(
    'frame 2 ro soft dirty',
  )
  expect(entry({ kind: 'swap', frame: '0', write: '0', slot: '3' })).toBe('swap slot 3')
  expect(entry({ frame: 'none', write: '0' })).toBe('–')
})

test('every field of a state is shown in one part of it', async () => {
  const session = new Session()
  for (const scenario of ['munmap', 'migrate', 'retry-protocol']) {
    const { scenarios } = await session.answer('catalogue', {})
    const found = scenarios.find(({ name }) => name.startsWith(scenario))
    const { state } = await session.answer('open', {
      subject: { scenario: found?.name ?? '', bounds: 'smoke', set: {} },
      run: [],
    })
    const { pages, frames, windows, rest } = viewOf(state)
    const inGrids = [pages, frames]
      .flatMap(({ rows }) => rows.flatMap(({ cells }) => cells.flat()))
      .concat(windows)
    const shown = [
      ...inGrids.flatMap(({ fields }) => fields),
      ...rest.flatMap(({ fields }) => fields.map(({ name }) => name)),
    ]
    const locks = state.locks.flatMap(({ name }) => [
      name,
      `${name}.writer`,
      `${name}.readers`,
      `${name}.waiting`,
    ])
    const charts = state.charts.map(({ of }) => `${of}.lifecycle`)
    // A frame that stands for none, and a window that is closed, are not shown.
    const left = state.fields
      .map(({ name }) => name)
      .filter(
        (name) =>
          ![...shown, ...locks, ...charts].includes(name) && !/^(frame\[0\]|range\[\d+\])\./.test(name),
      )
    expect(left).toEqual([])
    expect(new Set(shown).size).toBe(shown.length)
  }
})

const texts: PublishedTexts = {
  procedures: {
    walk: [
      {
        id: 'walk',
        kernel: 'walk_page',
        file: 'src/walk.ts',
        line: 10,
        text: "procedure(\n  step('look', …)\n  mm.mmapLock.lockRead()\n  gpu.updateLock.lock()\n  other.lock()\n)",
        steps: [['look', 11]],
      },
    ],
  },
  overrides: [{ owner: 'M2', target: 'walk', file: 'spec/m2.ts', line: 5, text: "x\n  step('look', …)" }],
}

test('the line of a step, by its name or by its lock', () => {
  const lines = (step: string) => textFor(texts, 'walk', step, [])?.current
  expect(lines('look')).toEqual([11])
  expect(lines('down_read mm[0].mmap_lock')).toEqual([12])
  expect(lines('lock gpu.update')).toEqual([13])
  expect(lines('lock nobody')).toEqual([13, 14])
  expect(lines('constructor')).toEqual([])
  expect(textFor(texts, 'constructor', 'look', [])).toBeUndefined()
})

test('a defect’s text stands in for the procedure’s', () => {
  expect(textFor(texts, 'walk', 'look', ['M2'])).toMatchObject({
    id: 'walk',
    owner: 'M2',
    file: 'spec/m2.ts',
    current: [6],
  })
})

test('a run as a trace of Chrome: every step, every lock on a track of its own', async () => {
  const session = new Session()
  const subject = { scenario: 'munmap', bounds: 'smoke' as const, set: {}, defect: 'M2' }
  await session.answer('open', { subject, run: [] })
  const { result } = await session.answer('check', {})
  const { threads, steps } = result.violation?.trace ?? { threads: [], steps: [] }
  const { traceEvents } = chromeTrace({ threads, steps }, 'munmap', 'C8')
  const bars = traceEvents.filter(({ ph }) => ph === 'X')
  expect(bars.filter(({ dur, args }) => dur === 1000 && args !== undefined)).toHaveLength(steps.length)
  expect(bars.some(({ name }) => name === 'writes under mm[0].mmap_lock')).toBe(true)
  expect(traceEvents.at(-1)).toMatchObject({ ph: 'i', name: 'C8', ts: steps.length * 1000 })
  const tracks = new Set(traceEvents.filter(({ ph }) => ph === 'M').map(({ tid }) => tid))
  for (const { tid } of bars) expect(tracks).toContain(tid)
  // Nothing overlaps on a track.
  for (const track of tracks) {
    const on = bars.filter(({ tid }) => tid === track).sort((a, b) => (a.ts ?? 0) - (b.ts ?? 0))
    for (const [i, bar] of on.slice(1).entries())
      expect(bar.ts).toBeGreaterThanOrEqual((on[i].ts ?? 0) + (on[i].dur ?? 0))
  }
})
