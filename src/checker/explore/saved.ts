/**
 * A checkpoint of an exploration: numbers, and arrays of bytes. It has no locations of threads, since a generator cannot be
 * serialised. The steps that returned a new result are retaken instead: see `resume.ts`.
 *
 * @module
 */
import type { SavedSamples } from '../audit/samples.js'
import type { SavedDigest } from '../digest.js'

/** Arrays by name, each in chunks. */
export type Parts = Readonly<Record<string, readonly Uint8Array[]>>

/** An exploration between two batches of states. */
export interface SavedExploration {
  readonly facts: SavedFacts
  readonly parts: Parts
}

/** The numbers of an exploration. They are plain data: JSON keeps them. */
export interface SavedFacts {
  /** The time that the exploration has taken, in milliseconds. */
  readonly elapsedMs: number
  readonly states: number
  /** 32-bit words of a state. */
  readonly words: number
  /** The index of the next state to explore, and of the first state of the next level. */
  readonly head: number
  readonly levelEnd: number
  readonly transitions: number
  readonly depth: number
  /** The number of locations that threads have reached. */
  readonly locations: number
  readonly reached: readonly boolean[]
  readonly exercised: readonly number[]
  /** By chart: how often each of its transitions was taken. */
  readonly taken: Readonly<Record<string, readonly number[]>>
  readonly guarded: number
  /** By clause: how often a step was checked against it. */
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
