/**
 * What the tracer prints, as it is read.
 */
import { describe, expect, test } from 'vitest'
import { type ProbeEvent, parseTrace } from '../../src/conformance/validate/trace/ftrace.js'
import { linesOf, RACES } from './traces.js'

const ENTRY =
  '              tD-156     (    155) [001] .....    19.662659: read_begin: (mmu_interval_read_begin+0x0/0xc0) sub=0xff1100000b58d918 start=0x0 last=0xffffffffffffefff inv_seq=11'
const RETURN =
  '              tD-156     (    155) [001] ...2.    19.662703: drv_do_read_r: (dmirror_read+0x96/0x110 [test_hmm] <- dmirror_do_read) ret=-2'
const MARK = '           probe-52      [000] .....     3.049064: tracing_mark_write: D> dev_read 1 2'

const read = (...lines: string[]) => parseTrace(lines.join('\n'), 'race.txt')

test('an entry', () => {
  expect(read(ENTRY).events).toEqual([
    {
      kind: 'probe',
      line: 1,
      task: 'tD',
      pid: 156,
      tgid: 155,
      cpu: 1,
      time: 19662659,
      function: 'mmu_interval_read_begin',
      at: 'entry',
      fields: new Map([
        ['sub', 0xff1100000b58d918n],
        ['start', 0n],
        ['last', 0xffffffffffffefffn],
        ['inv_seq', 11n],
      ]),
    },
  ])
})

test('a return is that of the function, and not of its caller', () => {
  const [event] = read(RETURN).events as ProbeEvent[]
  expect(event).toMatchObject({ function: 'dmirror_do_read', at: 'return' })
  expect(event.fields.get('ret')).toBe(-2n)
})

test('the caller of a return may itself have a probe at its return', () => {
  const line = RETURN.replace('dmirror_read+0x96/0x110 [test_hmm]', "[unknown/kretprobe'd]")
  expect(read(line).events).toMatchObject([{ function: 'dmirror_do_read', at: 'return' }])
})

test('a mark, of a trace without processes', () => {
  const [event] = read(MARK).events
  expect(event).toMatchObject({ kind: 'mark', text: 'D> dev_read 1 2', pid: 52 })
  expect(event).not.toHaveProperty('tgid')
})

test('events of other tracers are counted', () => {
  const line = '   tD-156   (    155) [001] d....    19.662659: sched_switch: prev_comm=tD next_comm=tU'
  expect(read(ENTRY, line).others).toEqual(new Map([['sched_switch', 1]]))
})

test('lost events are told, with their line', () => {
  const full = '# entries-in-buffer/entries-written: 100/140   #P:2'
  expect(read(full, ENTRY, 'CPU:1 [LOST 12 EVENTS]', RETURN).lost).toEqual([
    { line: 1, events: 40 },
    { line: 3, events: 12 },
  ])
})

describe('errors name file and line', () => {
  test.each([
    [[ENTRY, 'what?'], /^race\.txt:2: "what\?" is no line of a trace/],
    [['# tracer: nop'], /^race\.txt:1: no event of a kprobe and no mark/],
  ])('%j', (lines, message) => {
    expect(() => read(...lines)).toThrow(message)
  })
})

test.each(RACES)('every line of $name is read', ({ name }) => {
  const lines = linesOf(name)
  const { events, others, lost } = parseTrace(lines.join('\n'), name)
  expect(events).toHaveLength(lines.filter((line) => !line.startsWith('#')).length)
  expect(others.size).toBe(0)
  expect(lost.filter(({ line }) => line > 12)).toEqual([])
})
