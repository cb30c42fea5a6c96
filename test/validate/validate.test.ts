/**
 * Traces of a real kernel: all of them are runs of the model.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { validateTrace } from '../../src/conformance/index.js'
import { run, temporaryDirectory } from '../cli/project.js'
import { beginningOf, fileOf, linesOf, RACES } from './traces.js'

const WHOLE = process.env.HMM_SPEC_WHOLE === '1'

/** Lines of a sample, from the first operation on. */
const SAMPLE = 3000

describe.each(RACES)('$name', ({ name, kernel, events, operations }) => {
  test('is accepted, and the run that explains it is run again by other means', { timeout: 600_000 }, () => {
    const lines = WHOLE ? linesOf(name) : beginningOf(name, SAMPLE)
    const validation = validateTrace(lines.join('\n'), name)
    expect(validation).toMatchObject({ kernel, verdict: 'accepted', accepted: validation.events })
    expect(validation.explanation?.steps).toBeGreaterThan(validation.operations)
    expect(validation.windows).toBeGreaterThan(0)
    // Each signal of its lifecycles went to an actor of XState, which had a transition for it.
    expect(validation.explanation?.transitions.length).toBeGreaterThan(0)
    expect(validation.explanation?.refusedSignals).toEqual({})
    // Every explanation that there is was looked for: none was forgotten.
    expect(validation.forgottenBefore).toBeUndefined()
    if (WHOLE) expect(validation).toMatchObject({ events, operations })
    else expect(validation.events).toBeGreaterThan(800)
  })
})

describe('a trace that is cut off within an operation', () => {
  test('is judged up to its end', () => {
    const lines = beginningOf('linux-6.1-race-DU', 700)
    const cut = lines.findLastIndex((line) => line.includes('<- hmm_range_fault)'))
    const whole = validateTrace(lines.slice(0, cut + 1).join('\n'), 'cut')
    expect(whole).toMatchObject({ verdict: 'accepted', accepted: whole.events })
    const wrong = lines.slice(0, cut + 1).with(cut, lines[cut].replace(/ret=\S+/, 'ret=-5'))
    expect(validateTrace(wrong.join('\n'), 'cut').verdict).toBe('refused')
  })
})

describe('a refusal', () => {
  const lines = beginningOf('linux-6.1-race-DU', 700)
  const at = lines.findIndex((line, index) => index > 550 && line.includes('<- hmm_range_fault)'))
  const wrong = lines.with(at, lines[at].replace(/ret=\S+/, 'ret=-5'))

  test('names the line, what the model does instead, and where the threads can be', () => {
    const { verdict, refusal, accepted, events } = validateTrace(wrong.join('\n'), 'wrong.txt')
    expect(verdict).toBe('refused')
    expect(accepted).toBeLessThan(events)
    expect(refusal).toMatchObject({ line: at + 1, event: 'returns from hmm_range_fault (ret=-5)' })
    expect(refusal?.instead[0]).toMatch(/^returns from hmm_range_fault \(ret=(0|-16)\)$/)
    expect(refusal?.threads.map(({ thread }) => thread)).toHaveLength(2)
    expect(refusal?.before.length).toBeGreaterThan(0)
  })

  test('of a value that a probe has read says what there was to read', () => {
    const read = lines.findIndex((line, index) => index > 550 && line.includes('(mmu_interval_read_begin+'))
    const seq = Number(/inv_seq=(\d+)/.exec(lines[read])?.[1])
    const older = lines.with(read, lines[read].replace(/inv_seq=\d+/, `inv_seq=${seq - 2}`))
    const { refusal } = validateTrace(older.join('\n'), 'older.txt')
    expect(refusal?.line).toBeGreaterThan(read)
    expect(refusal?.threads.flatMap(({ places }) => places)).toContain(
      `enters mmu_interval_read_begin (inv_seq=${seq}), as its probe would have it`,
    )
  })

  test('of the command line is exit code 1', async () => {
    const file = join(temporaryDirectory(), 'wrong.txt')
    writeFileSync(file, wrong.join('\n'))
    const { code, out } = await run(`validate ${file}`)
    expect(code).toBe(1)
    expect(out).toContain(`${file}:${at + 1}: `)
    expect(out).toContain('No behaviour of the model has this event here.')
  })
})

describe('the command line', () => {
  const accepted = () => {
    const file = join(temporaryDirectory(), 'race.txt')
    writeFileSync(file, beginningOf('linux-6.1-race-DU', 500).join('\n'))
    return file
  }

  test('accepts', async () => {
    const { code, out } = await run(`validate ${accepted()}`)
    expect(code).toBe(0)
    expect(out).toMatch(/accepted .*\n/)
  })

  test('prints JSON', async () => {
    const { code, out } = await run(`validate ${accepted()} --format json`)
    const report = JSON.parse(out)
    expect(report).toMatchObject({
      format: 'hmm-spec-validate',
      exitCode: 0,
      verdict: 'accepted',
      kernel: '6.1',
    })
    expect(code).toBe(0)
  })

  test('a limit comes first: exit code 3', async () => {
    const { code, out } = await run(`validate ${accepted()} --state-limit 20`)
    expect(code).toBe(3)
    expect(out).toContain('Raise --state-limit.')
  })

  test.each([
    ['no such file', 'nowhere.txt', /cannot be read \(ENOENT\)/],
    [
      'no trace',
      new URL('../../package.json', import.meta.url).pathname,
      /package\.json:1: .* is no line of a trace/,
    ],
  ])('%s is exit code 2', async (_, file, message) => {
    const { code, err } = await run(`validate ${file}`)
    expect(code).toBe(2)
    expect(err).toMatch(message)
  })

  test('an operation without a procedure is named, with its line', async () => {
    const file = join(temporaryDirectory(), 'race.txt')
    const lines = beginningOf('linux-6.1-race-DU', 50)
    const at = lines.findIndex((line) => line.includes('D> dev_read'))
    writeFileSync(file, lines.with(at, lines[at].replace('dev_read 2 1', 'juggle 3')).join('\n'))
    const { code, err } = await run(`validate ${file}`)
    expect(code).toBe(2)
    expect(err).toContain(`race.txt:${at + 1}: there is no procedure for the operation "juggle 3"`)
  })

  test('a gzipped file is read', { timeout: 600_000 }, async () => {
    expect((await run(`validate ${fileOf('linux-6.1-race-DM')} --state-limit 50`)).code).toBe(3)
  })
})
