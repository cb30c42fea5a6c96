/**
 * The contents of pages, in the language and in the world.
 *
 * @module
 */
import { SpecificationError } from '../world/index.js'
import type { Operation } from './operations.js'
import { FILE_CONTENTS, filePages } from './size.js'

/** A page's first word: a number, or its digits where a number would not be exact. */
export type Value = number | string

/** Page i of a device write gets the value plus i, in 64 bits. */
export function valuesWritten(operation: Operation & { readonly name: 'dev_write' }): bigint[] {
  return Array.from({ length: operation.end - operation.start }, (_, i) =>
    BigInt.asUintN(64, operation.value + BigInt(i)),
  )
}

/** The values of a sequence as small numbers: a page of the world holds one of them. */
export class Values {
  private readonly known: bigint[] = [0n]
  private readonly ids = new Map<bigint, number>([[0n, 0]])

  constructor(operations: readonly Operation[]) {
    for (const operation of operations)
      if (operation.name === 'cpu_write') this.add(operation.value)
      else if (operation.name === 'dev_write') for (const value of valuesWritten(operation)) this.add(value)
    for (let page = 0; page < filePages(operations); page++) this.add(FILE_CONTENTS + BigInt(page))
  }

  /** The largest of the small numbers. */
  get largest(): number {
    return Math.max(1, this.known.length - 1)
  }

  private add(value: bigint): void {
    if (this.ids.has(value)) return
    this.ids.set(value, this.known.length)
    this.known.push(value)
  }

  /** The small number that stands for `value`. */
  idOf(value: bigint): number {
    const id = this.ids.get(value)
    if (id === undefined)
      throw new SpecificationError(
        'scenario',
        `the oracle was not made for the value ${value}; give it the whole sequence`,
      )
    return id
  }

  /** The value that `id` stands for. */
  valueOf(id: number): Value {
    const value = this.known[id]
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value)
  }
}
