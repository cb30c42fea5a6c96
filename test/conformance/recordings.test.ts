/**
 * The oracle equals a real kernel on recorded sequences.
 */
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { conformFile, type KernelVersion } from '../../src/conformance/index.js'

function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}.jsonl.gz`, import.meta.url))
}

interface File {
  readonly name: string
  readonly kernel: KernelVersion
  readonly sequences: number
  /** Operations in all of them. */
  readonly operations: number
}

const FILES: readonly File[] = [
  { name: 'linux-6.1-sequences', kernel: '6.1', sequences: 263, operations: 4635 },
  { name: 'linux-6.1-random', kernel: '6.1', sequences: 800, operations: 15596 },
  { name: 'linux-6.1-new', kernel: '6.1', sequences: 503, operations: 19567 },
  { name: 'linux-6.1-minimal', kernel: '6.1', sequences: 60, operations: 340 },
  { name: 'linux-6.12-sequences', kernel: '6.12', sequences: 263, operations: 4635 },
]

describe.each(FILES)('$name', ({ name, kernel, sequences, operations }) => {
  it('is matched in every sequence', async () => {
    expect(await conformFile(fixture(name), { kernel })).toEqual({
      sequences,
      operations,
      matched: sequences,
      mismatched: 0,
      unsupported: 0,
      mismatches: [],
      unsupportedOperations: {},
    })
  })
})
