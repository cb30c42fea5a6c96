/**
 * Random encodings: valid ones of every shape, and ones that break one rule.
 *
 * @module
 */
import fc from 'fast-check'
import { type DriverEncoding, HmmPfnValue, not, PAGE_SHIFT } from '../../../src/generations/index.js'

/** Any frame number that has a physical address. */
export const anyPfn = fc.bigInt({ min: 0n, max: (1n << 52n) - 1n })

const anyWord = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })

/** A valid encoding of `flagCount` flags: the bits below the shift are dealt out to the flags, some to none. */
export function validEncoding(flagCount: 2 | 3): fc.Arbitrary<DriverEncoding> {
  return fc.integer({ min: flagCount, max: PAGE_SHIFT }).chain((pfnShift) =>
    fc
      .record({
        // Whose each bit is: a flag's, or nobody's. The first bits go to the flags that must have one.
        owners: fc.array(fc.integer({ min: 0, max: flagCount }), {
          minLength: pfnShift,
          maxLength: pfnShift,
        }),
        order: fc.shuffledSubarray(
          Array.from({ length: pfnShift }, (_, i) => i),
          { minLength: pfnShift, maxLength: pfnShift },
        ),
        words: fc.tuple(anyWord, anyWord, anyWord),
        alias: fc.boolean(),
      })
      .map(({ owners, order, words, alias }) => {
        const flags = new Array<bigint>(flagCount).fill(0n)
        owners.forEach((owner, i) => {
          const of = i < 2 ? i : owner
          if (of < flagCount) flags[of] |= 1n << BigInt(order[i])
        })
        const values = words.map((word) => word & not(flags[0]))
        if (alias) values[HmmPfnValue.HMM_PFN_SPECIAL] = values[HmmPfnValue.HMM_PFN_ERROR]
        return { flags, values, pfnShift }
      })
      .filter(({ values }) => values[0] !== values[1] && values[1] !== values[2]),
  )
}
