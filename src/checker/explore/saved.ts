/**
 * What an exploration has found, in a form that outlives its process: numbers, and arrays of bytes. Where threads stand is not in
 * it, since a generator cannot be written down: it is found again by taking those steps anew that answered something new.
 *
 * @module
 */
import type { SavedSamples } from '../audit/samples.js'
import type { SavedDigest } from '../digest.js'

/** Arrays by name, each in pieces that can be written and read one after the other. */
export type Parts = Readonly<Record<string, readonly Uint8Array[]>>

/** An exploration between two batches of states. */
export interface SavedExploration {
  readonly facts: SavedFacts
  readonly parts: Parts
}

/** The numbers of an exploration. They are plain data: JSON keeps them. */
export interface SavedFacts {
  /** Milliseconds that it took until then. */
  readonly elapsedMs: number
  readonly states: number
  /** 32-bit words of a state. */
  readonly words: number
  /** Number of the state that is explored next, and of the first one of the next level. */
  readonly head: number
  readonly levelEnd: number
  readonly transitions: number
  readonly depth: number
  /** Locations that threads have reached. */
  readonly locations: number
  readonly edges?: number
  readonly reached: readonly boolean[]
  readonly exercised: readonly number[]
  /** By chart: how often each of its transitions was taken. */
  readonly taken: Readonly<Record<string, readonly number[]>>
  readonly guarded: number
  /** By clause: how often a step was held to it. */
  readonly asserted: readonly (readonly [clause: string, times: number])[]
  readonly samples?: SavedSamples
  readonly digest?: SavedDigest
}

/** The bytes of `array`. */
export function bytesOf(array: Uint32Array | Uint16Array | Uint8Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

/** The same bytes as words of 32 bits. */
export function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
}

/** The same bytes as words of 16 bits. */
export function halvesOf(bytes: Uint8Array): Uint16Array {
  return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2)
}
