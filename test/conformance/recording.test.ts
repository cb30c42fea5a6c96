/**
 * Files of recordings that cannot be read: what is said, and that nothing else is lost.
 */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { conformFile, conformText, RecordingError } from '../../src/conformance/index.js'

const GOOD =
  '{"seq":"good","ops":["mmap 0 1 rw","cpu_read 0"],"results":[{"rc":0},{"rc":0,"val":0,"minflt":1}]}'

function sequence(ops: unknown, results: unknown): string {
  return JSON.stringify({ seq: 's', ops, results })
}

function errorOf(text: string): RecordingError {
  try {
    conformText(text, { kernel: '6.1' }, 'trace.jsonl')
  } catch (error) {
    if (error instanceof RecordingError) return error
    throw error
  }
  throw new Error('no error')
}

describe('a line that cannot be read', () => {
  const cases: readonly [what: string, line: string, message: RegExp][] = [
    ['is not JSON', '{"seq":', /^trace\.jsonl:2: is not JSON .*each line holds one sequence/],
    ['is not an object', '[]', /^trace\.jsonl:2: is not an object; a line is/],
    ['has no name', '{"ops":[],"results":[]}', /^trace\.jsonl:2: "seq" is missing or not a text/],
    [
      'has no operations',
      '{"seq":"s","results":[]}',
      /^trace\.jsonl:2: sequence s: "ops" is missing or not a list/,
    ],
    [
      'has no results',
      '{"seq":"s","ops":[]}',
      /^trace\.jsonl:2: sequence s: "results" is missing or not a list/,
    ],
    [
      'has a result too few',
      sequence(['fork'], []),
      /^trace\.jsonl:2: sequence s has 1 operations and 0 results/,
    ],
    [
      'has an operation of a child that is not there',
      sequence(['fork', 'c:exit', 'c:ptes 0 1'], [{ rc: 0 }, { rc: 0 }, { rc: 0 }]),
      /:2: sequence s, operation 2 \(c:ptes 0 1\): there is no child; a child is there from "fork" to "c:exit"/,
    ],
    [
      'has an operation that is none',
      sequence([3], [{ rc: 0 }]),
      /:2: sequence s, operation 0 is not a text: 3/,
    ],
    [
      'has an operation that only a child has',
      sequence(['exit'], [{ rc: 0 }]),
      /operation 0 \(exit\): there is no operation "exit"; there are mmap, /,
    ],
    [
      'has an argument too few',
      sequence(['mmap 0 1'], [{ rc: 0 }]),
      /operation 0 \(mmap 0 1\): mmap takes 3 arguments, not 2: mmap PAGE PAGES rw\|ro\|wo\|none/,
    ],
    [
      'has a bad number',
      sequence(['munmap 0 x'], [{ rc: 0 }]),
      /"x" is not a number of pages below 4095: munmap PAGE PAGES/,
    ],
    [
      'has a bad protection',
      sequence(['mprotect 0 1 rx'], [{ rc: 0 }]),
      /"rx" is not a protection \(rw, ro, wo or none\)/,
    ],
    ['has a bad device', sequence(['dev_read 3 0 1'], [{ rc: 0 }]), /"3" is not a device \(0 to 2\)/],
    [
      'has a value of more than 64 bits',
      sequence(['cpu_write 0 18446744073709551616'], [{ rc: 0 }]),
      /is not a number of 64 bits/,
    ],
    [
      'has a range beyond every window',
      sequence(['munmap 4000 1000'], [{ rc: 0 }]),
      /munmap reaches to page 5000; a window has at most 4095 pages/,
    ],
    [
      'has a bad operation after an unsupported one',
      sequence(['fork', 'c:cpu_read'], [{ rc: 0 }, { rc: 0 }]),
      /operation 1 \(c:cpu_read\): cpu_read takes 1 argument, not 0/,
    ],
    [
      'has a result that is none',
      sequence(['munmap 0 1'], [null]),
      /result 0 \(munmap 0 1\) is not an object/,
    ],
    [
      'has a result without rc',
      sequence(['munmap 0 1'], [{}]),
      /result 0 \(munmap 0 1\): "rc" is missing or not an integer/,
    ],
    [
      'has a result with a bad list',
      sequence(['ptes 0 1'], [{ rc: 0, ptes: 'none' }]),
      /result 0 \(ptes 0 1\): "ptes" is not a list/,
    ],
  ]

  it.each(cases)('%s', (_what, line, message) => {
    const error = errorOf(`${GOOD}\n${line}\n\n${GOOD}\n`)
    expect(error.message).toMatch(message)
    expect(error.message).toMatch(/of the other 2 sequences 2 matched, 0 did not, 0 are not supported$/)
    expect(error.result).toMatchObject({ sequences: 2, matched: 2, operations: 4, mismatches: [] })
  })

  it('is named with every other one, up to ten', () => {
    const error = errorOf(`${'nonsense\n'.repeat(12)}${GOOD}`)
    expect(error.message.match(/^trace\.jsonl:\d+: is not JSON/gm)).toHaveLength(10)
    expect(error.message).toContain('and 2 lines more that cannot be read')
  })
})

describe('a mismatch', () => {
  it('names the sequence, line, operation, field and both answers; each field is one', () => {
    const wrong = sequence(['mmap 0 1 rw', 'cpu_read 0'], [{ rc: 0 }, { rc: -1, sig: 'SIGBUS' }])
    const where = { sequence: 's', line: 2, operation: 1, op: 'cpu_read 0' }
    expect(conformText(`${GOOD}\n${wrong}\n`, { kernel: '6.1' })).toMatchObject({
      sequences: 2,
      matched: 1,
      mismatched: 1,
      operations: 4,
      mismatches: [
        { ...where, field: 'rc', expected: -1, actual: 0 },
        { ...where, field: 'sig', expected: 'SIGBUS' },
        { ...where, field: 'val', actual: 0 },
      ],
    })
  })

  it('comes from minor faults too, where they were recorded', () => {
    expect(conformText(GOOD.replace('"minflt":1', '"minflt":9'), { kernel: '6.12' }).mismatches).toEqual([
      expect.objectContaining({ field: 'minflt', expected: 9, actual: 1 }),
    ])
    expect(conformText(GOOD.replace(',"minflt":1', ''), { kernel: '6.12' }).matched).toBe(1)
  })

  it('is found in values that a JSON number would round', () => {
    const ops = ['mmap 0 1 rw', 'cpu_write 0 9007199254740993', 'cpu_read 0']
    const line = (val: string) =>
      `{"seq":"s","ops":${JSON.stringify(ops)},"results":[{"rc":0},{"rc":0},{"rc":0,"val":${val}}]}`
    expect(conformText(line('9007199254740993'), { kernel: '6.1' }).mismatched).toBe(0)
    expect(conformText(line('9007199254740992'), { kernel: '6.1' }).mismatched).toBe(1)
  })
})

describe('what is not supported', () => {
  it('is counted, and the sequence is not compared', () => {
    const line = sequence(
      ['fork', 'madv huge 0 1', 'madv collapse 0 1', 'c:madv nohuge 0 1'],
      [{ rc: 0 }, { rc: 0 }, { rc: 0 }, { rc: 0 }],
    )
    expect(conformText(line, { kernel: '6.1' })).toEqual({
      sequences: 1,
      operations: 0,
      matched: 0,
      mismatched: 0,
      unsupported: 1,
      mismatches: [],
      unsupportedOperations: { 'madv huge': 1, 'madv collapse': 1, 'c:madv nohuge': 1 },
    })
  })

  it('is any operation that nobody has heard of, once a sequence', () => {
    const line = sequence(['mmpa 0 1 rw', 'mmpa 1 1 rw'], [{ rc: 0 }, { rc: 0 }])
    expect(conformText(line, { kernel: '6.1' }).unsupportedOperations).toEqual({ mmpa: 1 })
  })
})

describe('a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'recordings-'))
  const options = { kernel: '6.1' } as const

  it('may be compressed', async () => {
    const [plain, compressed] = [join(folder, 'a.jsonl'), join(folder, 'a.jsonl.gz')]
    writeFileSync(plain, `${GOOD}\n`)
    writeFileSync(compressed, gzipSync(`${GOOD}\n`))
    expect(await conformFile(plain, options)).toEqual(await conformFile(compressed, options))
  })

  it('that says it is compressed and is not, is refused', async () => {
    const path = join(folder, 'b.jsonl.gz')
    writeFileSync(path, GOOD)
    await expect(conformFile(path, options)).rejects.toThrow(
      /b\.jsonl\.gz: ends in \.gz and is not compressed/,
    )
  })

  it('of a kernel that there are no recordings of, is refused', () => {
    expect(() => conformText(GOOD, { kernel: '5.4' as '6.1' })).toThrow(
      /kernels 6\.1, 6\.12, 7\.3, not of 5\.4/,
    )
  })
})
