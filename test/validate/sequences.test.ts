/**
 * The trace of the directed sequences: one operation after another, so that the model has one behaviour. It is that of the kernel;
 * and no other is taken for it.
 */
import { describe, expect, test } from 'vitest'
import { validateTrace } from '../../src/conformance/index.js'
import { seeded } from './mutations.js'
import { linesOf } from './traces.js'

const TRACE = 'linux-6.1-directed'
const whole = linesOf(TRACE)

/** The lines of some sequences: what their processes do. */
function sequences(...names: readonly string[]): readonly string[] {
  const pids = new Set(
    whole.flatMap((line) => {
      const mark = /^\s*(\S+)\s.* tracing_mark_write: (\w+) /.exec(line)
      return mark && names.includes(mark[2]) ? [mark[1]] : []
    }),
  )
  return whole.filter((line) => pids.has(/^\s*(\S+)\s/.exec(line)?.[1] ?? ''))
}

const judge = (lines: readonly string[]) => validateTrace(lines.join('\n'), 'trace.txt')

const SAMPLE = sequences(
  'd_write_upgrade',
  'd_migrate_other_owner',
  'd_exclusive_of_migrated',
  'd_fork_private',
)

/** Lines of operations, whose events are of the window: after the first mark of a process, and before it ends. */
const AT = SAMPLE.flatMap((line, index) => {
  const pid = /^\s*(\S+)\s/.exec(line)?.[1] ?? ''
  const isOwn = (each: string) => each.trimStart().startsWith(`${pid} `)
  const isBegun = SAMPLE.slice(0, index).some((each) => isOwn(each) && each.includes('tracing_mark_write'))
  const hasEnded = SAMPLE.slice(0, index + 1).some((each) => isOwn(each) && each.includes('event=5'))
  return isBegun && !hasEnded ? [index] : []
})

const INSIDE = /(start|addr)=0x1000000/

type Change = (lines: readonly string[], at: number) => readonly string[]
type Kind = readonly [name: string, at: (line: string, before: string) => boolean, change: Change]

const replaced =
  (what: RegExp, by: string | ((...found: string[]) => string)): Change =>
  (lines, at) =>
    lines.with(at, lines[at].replace(what, by as string))
const doubled: Change = (lines, at) => lines.toSpliced(at, 0, lines[at])
const dropped: Change = (lines, at) => lines.toSpliced(at, 1)

const KINDS: readonly Kind[] = [
  [
    'an older number is returned',
    (line) => line.includes('<- mmu_interval_read_begin)'),
    replaced(/ seq=(\d+)/, (_, seq) => ` seq=${Number(seq) - 2}`),
  ],
  [
    'a walk goes by a number within an invalidation',
    (line) => line.includes('(hmm_range_fault+'),
    replaced(/notifier_seq=(\d+)/, (_, seq) => `notifier_seq=${Number(seq) + 1}`),
  ],
  [
    'an invalidation ends twice',
    (line, before) => line.includes('(mn_itree_inv_end+') && before.includes('invalidate_range_end+'),
    doubled,
  ],
  [
    'an invalidation ends that has not begun',
    (line, before) =>
      line.includes('(mn_itree_inv_start_range+') && before.includes('invalidate_range_start+'),
    dropped,
  ],
  [
    'a callback has another number',
    (line) => line.includes('(dmirror_interval_invalidate+') && INSIDE.test(line),
    replaced(/cur_seq=(\d+)/, (_, seq) => `cur_seq=${Number(seq) + 2}`),
  ],
  ['an impossible answer', (line) => line.includes('<- hmm_range_fault)'), replaced(/ret=\S+/, 'ret=-5')],
  [
    'a function is left twice',
    (line) => /<- (hmm_range_fault|dmirror_do_fault|migrate_vma_setup|handle_mm_fault)\)/.test(line),
    doubled,
  ],
  [
    'a function is left by a task that is not in it',
    (line) => /<- (hmm_range_fault|migrate_vma_setup)\)/.test(line),
    replaced(/probe-\d+/, 'probe-9'),
  ],
  [
    'another page',
    (line) => /\((handle_mm_fault|migrate_vma_setup|dmirror_do_read)\+/.test(line) && INSIDE.test(line),
    replaced(/(start|addr)=0x1000000(\d)/, '$1=0x1000007$2'),
  ],
  ['an event is missing', (line) => /\((hmm_range_fault|migrate_vma_\w+)\+/.test(line), dropped],
  [
    'an operation is another one',
    (line) => / p: dev_read 0 /.test(line),
    replaced(/dev_read 0/, 'snapshot 0'),
  ],
]

const EACH = 8

test('is accepted, all of it', { timeout: 120_000 }, () => {
  const { verdict, sequences: count, operations, events, accepted, passedOver, explanation } = judge(whole)
  expect({ verdict, count, operations, events, accepted }).toEqual({
    verdict: 'accepted',
    count: 65,
    operations: 814,
    events: 8500,
    accepted: 8500,
  })
  // No operation is left out, and no event that the table has no reason for.
  expect([...passedOver.unjudged.keys()]).not.toContain('marks')
  expect(explanation?.refusedSignals).toEqual({})
  expect(explanation?.transitions.length).toBeGreaterThan(20)
})

test('the sample that is changed is accepted as it is', () => {
  expect(judge(SAMPLE)).toMatchObject({ verdict: 'accepted', sequences: 4 })
})

describe.each(KINDS)('%s', (_, isAt, change) => {
  test('is refused, always', { timeout: 120_000 }, () => {
    const random = seeded(1)
    const found = AT.filter((index) => isAt(SAMPLE[index], SAMPLE[index - 1]))
    expect(found.length).toBeGreaterThan(1)
    for (let count = 0; count < EACH; count++) {
      const at = found[Math.floor(random() * found.length)]
      const changed = change(SAMPLE, at)
      expect(changed).not.toEqual(SAMPLE)
      const { verdict, refusal } = judge(changed)
      expect([verdict, at, SAMPLE[at]]).toEqual(['refused', at, SAMPLE[at]])
      expect(refusal?.instead.length).toBe(1)
    }
  })
})

test('a refusal says what the model does in the place of the event', () => {
  const at = AT.find((index) => SAMPLE[index].includes('<- hmm_range_fault)')) ?? -1
  const { refusal } = judge(SAMPLE.with(at, SAMPLE[at].replace(/ret=\S+/, 'ret=-5')))
  expect(refusal).toMatchObject({
    line: at + 1,
    event: 'returns from hmm_range_fault (ret=-5)',
    instead: ['returns from hmm_range_fault (ret=0)'],
  })
})

test('marks that cannot be read are told of, with their line', () => {
  const at = SAMPLE.findIndex((line) => line.includes('d_write_upgrade 1 p: '))
  expect(() => judge(SAMPLE.with(at, SAMPLE[at].replace('d_write_upgrade 1', 'd_write_upgrade 4')))).toThrow(
    `trace.txt:${at + 1}: operations are missing before "d_write_upgrade 4"`,
  )
})
