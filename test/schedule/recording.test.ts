/** What Linux 6.1 did as its threads were held: see test/fixtures/kernel/README.md. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it, test } from 'vitest'

interface Recorded {
  readonly schedule: string
  readonly held: boolean
  readonly forced: boolean
  readonly threads: readonly { readonly op: string; readonly answer: string }[]
  readonly final: readonly { readonly op: string; readonly answer: string; readonly expected: string }[]
  readonly seen: boolean
  readonly log: readonly string[]
}

const fixture = (name: string) => readFileSync(new URL(`../fixtures/kernel/${name}`, import.meta.url))
const recorded = (name: string): Recorded[] =>
  gunzipSync(fixture(name))
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

const held = recorded('schedules-6.1.jsonl.gz')
const free = recorded('schedules-6.1-free.jsonl.gz')

/** The lines of a schedule that is kept, by their first word. */
function linesOf(name: string): Map<string, string[]> {
  const text = readFileSync(new URL(`../../suite/schedules/${name}.txt`, import.meta.url), 'utf8')
  const lines = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [first] = line.split(' ')
    lines.set(first, [...(lines.get(first) ?? []), line.slice(first.length + 1)])
  }
  return lines
}

test('every schedule was forced each time, and its breach was seen', () => {
  const counts = new Map<string, number>()
  for (const { schedule, forced, seen } of held) {
    expect({ schedule, forced, seen }).toEqual({ schedule, forced: true, seen: true })
    counts.set(schedule, (counts.get(schedule) ?? 0) + 1)
  }
  expect(Object.fromEntries(counts)).toEqual({ H17: 20, H10: 20, H18: 20, H26: 20, H1: 20 })
})

test('with nobody held the races come about sometimes, or never', () => {
  const seen = (name: string) => free.filter((run) => run.schedule === name && run.seen).length
  expect(free.every((run) => !run.held && run.log.length === 0)).toBe(true)
  expect(['H17', 'H10', 'H18', 'H26'].map((name) => [name, seen(name)])).toEqual([
    ['H17', 0],
    ['H10', 44],
    // There is no race in it: any order shows it.
    ['H18', 100],
    ['H26', 22],
  ])
})

test('H16 crashes the kernel where the model says', () => {
  const text = fixture('schedules-6.1-H16.txt').toString()
  expect(text).toMatch(/^hmm_schedule: H16 begins\nBUG: unable to handle page fault/)
  expect(text).toContain('RIP: 0010:dmirror_do_read+')
})

describe.each(['H1', 'H10', 'H17', 'H18', 'H26'])('%s', (name) => {
  const lines = linesOf(name)
  const runs = held.filter(({ schedule }) => schedule === name)

  it('performed what the schedule says', () => {
    for (const { threads, final } of runs) {
      expect(threads.map(({ op }, i) => `${i} ${op}`)).toEqual(lines.get('thread'))
      expect(final.map(({ op, expected }) => `${expected} ${op}`)).toEqual(lines.get('final'))
    }
  })

  it('each thread was held where the schedule says, until another had come to its place or had ended', () => {
    const holds = (lines.get('hold') ?? []).map((line) => {
      const [thread, of, at, , other, count] = line.split(' ')
      return { thread, place: of === 'begin' ? of : `${of} ${at}`, other, count: Number(count) }
    })
    for (const { log } of runs) {
      const came = new Map<string, number>()
      const passed = new Map<string, number>()
      const ended = new Set<string>()
      for (const line of log) {
        const [, thread, what, place] = /^(\d) (stands at|passes|has ended) ?(.*)$/.exec(line) ?? []
        const own = holds.filter((hold) => hold.thread === thread)
        const next = (counts: Map<string, number>) => {
          const index = counts.get(thread) ?? 0
          counts.set(thread, index + 1)
          return own[index]
        }
        if (what === 'stands at') expect(next(came).place).toBe(place)
        else if (what === 'passes') {
          const hold = next(passed)
          expect(hold.place).toBe(place)
          expect((came.get(hold.other) ?? 0) >= hold.count || ended.has(hold.other), line).toBe(true)
        } else ended.add(thread)
      }
      expect([...passed.values()].reduce((a, b) => a + b, 0)).toBe(holds.length)
    }
  })

  it('what is seen is an answer that is not the expected one', () => {
    for (const { final } of runs) expect(final.some(({ answer, expected }) => answer !== expected)).toBe(true)
  })
})
