/**
 * The oracle equals a real kernel on recorded sequences. Of the longest files every fifth sequence is compared here; all of
 * them by `hmm-spec conform FILE`, by `npm run evidence`, and with HMM_SPEC_WHOLE=1.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { conformText, type KernelVersion } from '../../src/conformance/index.js'

function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}.jsonl.gz`, import.meta.url))
}

interface File {
  readonly name: string
  readonly kernel: KernelVersion
  readonly sequences: number
  /** Operations in all of them. */
  readonly operations: number
  /** Operations in every fifth, for the longest files. */
  readonly sample?: number
}

const EVERY = process.env.HMM_SPEC_WHOLE === '1' ? 1 : 5

const FILES: readonly File[] = [
  { name: 'linux-6.1-sequences', kernel: '6.1', sequences: 263, operations: 4635 },
  { name: 'linux-6.1-random', kernel: '6.1', sequences: 800, operations: 15596 },
  { name: 'linux-6.1-new', kernel: '6.1', sequences: 503, operations: 19567, sample: 3878 },
  { name: 'linux-6.1-minimal', kernel: '6.1', sequences: 60, operations: 340 },
  { name: 'kernel/minimal-6.1', kernel: '6.1', sequences: 23, operations: 164 },
  { name: 'kernel/sequences-6.1', kernel: '6.1', sequences: 387, operations: 15840, sample: 3170 },
  { name: 'kernel/ksm-6.1', kernel: '6.1', sequences: 237, operations: 5075 },
  { name: 'linux-6.12-sequences', kernel: '6.12', sequences: 263, operations: 4635 },
  { name: 'linux-7.3-new', kernel: '7.3', sequences: 503, operations: 19567, sample: 3878 },
  { name: 'linux-7.3-minimal', kernel: '7.3', sequences: 60, operations: 340 },
]

/** The lines of a fixture. */
function linesOf(name: string): string[] {
  return gunzipSync(readFileSync(fixture(name)))
    .toString('utf8')
    .split('\n')
}

describe.each(FILES)('$name', ({ name, kernel, sample, ...whole }) => {
  // The longest have twenty thousand operations.
  it('is matched in every sequence', { timeout: 900_000 }, () => {
    const all = linesOf(name).filter((line) => line !== '')
    expect(all).toHaveLength(whole.sequences)
    const sampled = sample !== undefined && EVERY > 1
    const lines = sampled ? all.filter((_, line) => line % EVERY === 0) : all
    const operations = sampled ? sample : whole.operations
    expect(conformText(lines.join('\n'), { kernel })).toEqual({
      sequences: lines.length,
      operations,
      matched: lines.length,
      mismatched: 0,
      unsupported: 0,
      mismatches: [],
      unsupportedOperations: {},
    })
  })
})

/** Sequences with operations that were new: those that are answered, and how many those are. */
describe.each([
  { name: 'linux-6.1-beyond', kernel: '6.1', matched: 102 },
  { name: 'linux-7.3-beyond', kernel: '7.3', matched: 102 },
] as const)('$name', ({ name, kernel, matched }) => {
  it('is matched in every sequence that is answered, and the others are named in docs/not-modelled.md', () => {
    const page = readFileSync(new URL('../../docs/not-modelled.md', import.meta.url), 'utf8')
    const rows = [...page.matchAll(/^\| `([^`]+)` \|/gm)].map(([, operation]) => operation)
    const result = conformText(linesOf(name).join('\n'), { kernel })
    expect(result.mismatches).toEqual([])
    expect(result.matched).toBe(matched)
    const named = Object.keys(result.unsupportedOperations)
    expect(named.filter((operation) => !rows.includes(operation))).toEqual([])
  })
})
