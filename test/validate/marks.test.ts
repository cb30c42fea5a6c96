/**
 * The marks of a race.
 */
import { describe, expect, test } from 'vitest'
import { parseTrace } from '../../src/conformance/validate/trace/ftrace.js'
import { parseMark, parseRaceOperation } from '../../src/conformance/validate/trace/marks.js'
import { raceOf } from '../../src/conformance/validate/trace/race.js'
import { beginningOf } from './traces.js'

describe('a mark', () => {
  test.each([
    ['D> dev_read 1 2', { kind: 'begin', text: 'dev_read 1 2' }],
    ['D< rc=-14 faults=2', { kind: 'end', answer: new Map(Object.entries({ rc: -14, faults: 2 })) }],
    ['F> child_exited', { kind: 'exited' }],
    ['d_untouched 0 p: mmap 0 4 rw', undefined],
  ])('%s', (text, mark) => {
    expect(parseMark(text)).toEqual(mark)
  })
})

describe('an operation', () => {
  test.each([
    ['dev_write 1 2', ['dev_write'], false],
    ['munmap+mmap 5 1', ['munmap', 'mmap'], false],
    ['migrate_to_dev2 1 2', ['migrate_to_dev'], true],
    ['open', ['open'], true],
    ['close2', ['close'], true],
    ['fork', ['fork'], false],
  ])('%s', (text, names, ownFile) => {
    const read = parseRaceOperation(text)
    expect(read?.operations.map(({ name }) => name)).toEqual(names)
    expect(read?.ownFile).toBe(ownFile)
  })

  test.each(['juggle 3', 'snapshot 0 0 4', 'ptes 0 4'])('%s has no procedure', (text) => {
    expect(parseRaceOperation(text)).toBeUndefined()
  })

  test('wrong arguments are told', () => {
    expect(() => parseRaceOperation('munmap 0')).toThrow(/munmap takes 2 arguments, not 1/)
    expect(() => parseRaceOperation('mprotect 0 1 rx')).toThrow(/"rx" is not a protection/)
  })
})

describe('a race', () => {
  const lines = beginningOf('linux-6.1-race-DU', 100)
  const read = (changed: readonly string[]) => raceOf(parseTrace(changed.join('\n'), 'race.txt'), '6.1')

  test('has its window, its notifiers and its threads', () => {
    expect(read(lines)).toMatchObject({
      base: 0x100000000000n,
      notifiers: 2,
      sequenceOffset: 0n,
      threads: [{ name: 'tD-2673' }, { name: 'tU-2674' }],
    })
  })

  test('is of one process', () => {
    const at = lines.findLastIndex((line) => line.includes('tracing_mark_write'))
    const other = lines.with(at, lines[at].replace('(   2670)', '(   2671)'))
    expect(() => read(other)).toThrow(`race.txt:${at + 1}: a mark of another process`)
  })

  test('needs marks', () => {
    const without = lines.filter((line) => !line.includes('tracing_mark_write'))
    expect(() => read(without)).toThrow('race.txt:1: no mark of a race')
  })

  test('needs an address', () => {
    const without = lines.filter((line) => !/dmirror_do_|migrate_vma_setup|make_device/.test(line))
    expect(() => read(without)).toThrow('race.txt:1: no operation is followed by an event of its thread')
  })
})
