/**
 * Checks of an encoding: the helpers must return the pfn that was encoded, and special values must
 * be distinct. The kernel checks none of this. A driver that gets it wrong maps the wrong page.
 *
 * @see reference A.1, C25
 * @module
 */
import { SpecificationError } from '../../world/index.js'
import { type DriverEncoding, HMM_PFN_VALUE_MAX, HmmPfnFlag, HmmPfnValue } from './driver.js'
import { hex, isWord, PAGE_SHIFT } from './word.js'

/** The rules, in the order in which they are checked. */
export type EncodingRule =
  | 'flag-count'
  | 'value-count'
  | 'not-a-word'
  | 'shift-too-large'
  | 'empty-flag'
  | 'flags-overlap'
  | 'flag-in-pfn'
  | 'none-aliased'
  | 'value-looks-valid'
  | 'value-has-valid-flag'

/** An encoding that cannot work, with the rule that it breaks. */
export class EncodingError extends SpecificationError {
  /**
   * @param rule - the broken rule
   * @param message - what is wrong and what to do
   */
  constructor(
    readonly rule: EncodingRule,
    message: string,
  ) {
    super('scenario', message)
  }
}

const FLAG_NAMES = Object.keys(HmmPfnFlag)
const VALUE_NAMES = Object.keys(HmmPfnValue)

/** Flags that may be 0. A driver without device memory needs no DEVICE_PRIVATE. */
const MAY_BE_EMPTY: readonly number[] = [HmmPfnFlag.HMM_PFN_DEVICE_PRIVATE]

/**
 * Checks the encoding that a driver declares.
 *
 * @param flagCount - `HMM_PFN_FLAG_MAX` of the release: 3 from 4.17 to 5.6, 2 in 5.7
 * @returns the encoding itself
 * @throws EncodingError that names the broken rule, and what to do
 */
export function validateEncoding(encoding: DriverEncoding, flagCount: 2 | 3): DriverEncoding {
  mustHaveAll(encoding, flagCount)
  mustFit(encoding)
  flagsMustBeApart(encoding)
  valuesMustBeApart(encoding)
  return encoding
}

function mustHaveAll({ flags, values }: DriverEncoding, flagCount: number): void {
  if (flags.length !== flagCount)
    throw new EncodingError(
      'flag-count',
      `flags has ${flags.length} entries; give one for each of ${FLAG_NAMES.slice(0, flagCount).join(', ')}`,
    )
  if (values.length !== HMM_PFN_VALUE_MAX)
    throw new EncodingError(
      'value-count',
      `values has ${values.length} entries; give one for each of ${VALUE_NAMES.join(', ')}`,
    )
}

function mustFit({ flags, values, pfnShift }: DriverEncoding): void {
  const words = [...flags.map((of, i) => [FLAG_NAMES[i], of] as const), ...named(values)]
  for (const [name, of] of words)
    if (!isWord(of))
      throw new EncodingError('not-a-word', `${name} is ${of}; an entry is an unsigned word of 64 bits`)
  if (!Number.isInteger(pfnShift) || pfnShift < 0 || pfnShift > PAGE_SHIFT)
    throw new EncodingError(
      'shift-too-large',
      `pfn_shift is ${pfnShift}; use 0 to PAGE_SHIFT (${PAGE_SHIFT}), beyond which the highest bits of a pfn are lost`,
    )
}

function named(values: readonly bigint[]): (readonly [string, bigint])[] {
  return values.map((of, i) => [VALUE_NAMES[i], of] as const)
}

function flagsMustBeApart({ flags, pfnShift }: DriverEncoding): void {
  const below = (1n << BigInt(pfnShift)) - 1n
  flags.forEach((flag, i) => {
    if (flag === 0n && !MAY_BE_EMPTY.includes(i))
      throw new EncodingError(
        'empty-flag',
        `${FLAG_NAMES[i]} has no bit, so it can never be set; give it one`,
      )
    flags.slice(0, i).forEach((other, j) => {
      if (flag & other)
        throw new EncodingError(
          'flags-overlap',
          `${FLAG_NAMES[j]} and ${FLAG_NAMES[i]} share ${hex(flag & other)}; give each bits of its own`,
        )
    })
    if (flag & ~below)
      throw new EncodingError(
        'flag-in-pfn',
        `${FLAG_NAMES[i]} has ${hex(flag & ~below)}, which overlaps the pfn (from bit ${pfnShift} on; the helpers shift and ` +
          'mask nothing); move the flag below, or raise pfn_shift',
      )
  })
}

function valuesMustBeApart({ flags, values, pfnShift }: DriverEncoding): void {
  const none = values[HmmPfnValue.HMM_PFN_NONE]
  for (const [name, of] of named(values)) {
    if (name !== 'HMM_PFN_NONE' && of === none)
      throw new EncodingError(
        'none-aliased',
        `${name} and HMM_PFN_NONE are both ${hex(of)}; an absent page and one that cannot be mirrored must differ ` +
          '(HMM_PFN_ERROR and HMM_PFN_SPECIAL may be the same)',
      )
  }
  const valid = flags[HmmPfnFlag.HMM_PFN_VALID]
  const all = flags.reduce((sum, flag) => sum | flag, 0n)
  const below = (1n << BigInt(pfnShift)) - 1n
  for (const [name, of] of named(values)) {
    const low = of & below
    // A valid entry has each flag whole or not at all, and no other bit below the pfn.
    if (
      (low & valid) === valid &&
      (low & ~all) === 0n &&
      flags.every((flag) => [0n, flag].includes(low & flag))
    )
      throw new EncodingError(
        'value-looks-valid',
        `${name} is ${hex(of)}, and so is a valid entry for pfn ${hex(of >> BigInt(pfnShift))}; choose a word without ` +
          'HMM_PFN_VALID',
      )
    if (of & valid)
      throw new EncodingError(
        'value-has-valid-flag',
        `${name} is ${hex(of)}, which has ${hex(of & valid)} of HMM_PFN_VALID: as a request it asks for a fault; choose a ` +
          'word without it',
      )
  }
}
