/**
 * The oracle equals a real kernel on recorded sequences.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { comparePrefix, conformFile, type KernelVersion, parseLine } from '../../src/conformance/index.js'

function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}.jsonl.gz`, import.meta.url))
}

interface File {
  readonly name: string
  readonly kernel: KernelVersion
  readonly sequences: number
  /** Sequences with supported operations only, and the operations in them. */
  readonly matched: number
  readonly operations: number
  /** Operations before the first that is not supported, over all sequences. */
  readonly prefixes: number
}

const FILES: readonly File[] = [
  {
    name: 'linux-6.1-sequences',
    kernel: '6.1',
    sequences: 263,
    matched: 259,
    operations: 4590,
    prefixes: 4590,
  },
  {
    name: 'linux-6.1-random',
    kernel: '6.1',
    sequences: 800,
    matched: 800,
    operations: 15596,
    prefixes: 15596,
  },
  {
    name: 'linux-6.12-sequences',
    kernel: '6.12',
    sequences: 263,
    matched: 259,
    operations: 4590,
    prefixes: 4590,
  },
]

describe.each(FILES)('$name', ({ name, kernel, sequences, matched, operations, prefixes }) => {
  it('is matched in every sequence of supported operations', async () => {
    expect(await conformFile(fixture(name), { kernel })).toMatchObject({
      mismatches: [],
      sequences,
      operations,
      matched,
      mismatched: 0,
      unsupported: sequences - matched,
    })
  })

  it('counts each operation that is not supported once for each sequence', async () => {
    const { unsupported, unsupportedOperations } = await conformFile(fixture(name), { kernel })
    expect(Object.keys(unsupportedOperations)).toEqual(unsupported > 0 ? ['mmap_huge'] : [])
    expect(Math.max(...Object.values(unsupportedOperations))).toBeLessThanOrEqual(unsupported)
  })

  it('is matched up to the first operation that is not supported', () => {
    const lines = gunzipSync(readFileSync(fixture(name)))
      .toString('utf8')
      .trimEnd()
      .split('\n')
    const compared = lines.map((text, index) => comparePrefix(parseLine(name, index + 1, text), { kernel }))
    expect(compared.flatMap(({ mismatches }) => mismatches)).toEqual([])
    expect(compared.reduce((sum, { operations }) => sum + operations, 0)).toBe(prefixes)
  })
})
