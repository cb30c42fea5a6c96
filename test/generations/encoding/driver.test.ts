/**
 * Encodings that a driver chooses: what goes in comes out, what is special is told apart, and an encoding that cannot do
 * this is refused.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ADDRESS_ENCODING,
  type DriverEncoding,
  driver,
  EncodingError,
  FIXED_AS_DRIVER,
  fixed,
  HMM_RANGE_DEFAULT_TIMEOUT,
  HmmPfnFlag,
  HmmPfnValue,
  MAX_PFN,
  NO_PFN,
  ULONG_MAX,
  validateEncoding,
} from '../../../src/generations/index.js'
import { anyPfn, validEncoding } from './encodings.js'

const { HMM_PFN_VALID, HMM_PFN_WRITE, HMM_PFN_DEVICE_PRIVATE } = HmmPfnFlag
const { HMM_PFN_ERROR, HMM_PFN_NONE, HMM_PFN_SPECIAL } = HmmPfnValue

const anyEncoding = fc.oneof(validEncoding(3), validEncoding(2))

/** The rule for which `encoding` is refused; undefined if it is not. */
function refused(encoding: DriverEncoding): string | undefined {
  try {
    validateEncoding(encoding, encoding.flags.length === 2 ? 2 : 3)
    return undefined
  } catch (error) {
    if (error instanceof EncodingError) return error.rule
    throw error
  }
}

describe('every valid encoding', () => {
  it('is accepted', () => {
    fc.assert(fc.property(anyEncoding, (encoding) => refused(encoding) === undefined))
  })

  it('gives back the page and the frame that were put in, with any flags', () => {
    fc.assert(
      fc.property(anyEncoding, anyPfn, fc.boolean(), fc.boolean(), (encoding, pfn, write, devicePrivate) => {
        const bare = driver.hmmDeviceEntryFromPfn(encoding, pfn)
        expect(driver.hmmDeviceEntryFromPage(encoding, { pfn })).toBe(bare)
        const entry = driver.encode(encoding, { kind: 'valid', pfn, write, devicePrivate })
        for (const of of [bare, entry]) {
          expect(driver.hmmDeviceEntryToPfn(encoding, of)).toBe(pfn)
          expect(driver.hmmDeviceEntryToPage(encoding, of)).toEqual({ pfn })
        }
        // A driver without a flag for device memory cannot tell it from other memory.
        const told = devicePrivate && (encoding.flags[HMM_PFN_DEVICE_PRIVATE] ?? 0n) !== 0n
        expect(driver.decode(encoding, entry)).toEqual({ kind: 'valid', pfn, write, devicePrivate: told })
      }),
    )
  })

  it('gives no page and no frame for a special value, and tells them apart', () => {
    fc.assert(
      fc.property(anyEncoding, (encoding) => {
        for (const value of encoding.values) {
          expect(driver.hmmDeviceEntryToPage(encoding, value)).toBeNull()
          expect(driver.hmmDeviceEntryToPfn(encoding, value)).toBe(NO_PFN)
        }
        const aliased = encoding.values[HMM_PFN_ERROR] === encoding.values[HMM_PFN_SPECIAL]
        const kinds = (['none', 'error', 'special'] as const).map(
          (kind) => driver.decode(encoding, driver.encode(encoding, { kind })).kind,
        )
        expect(kinds).toEqual(['none', 'error', aliased ? 'error' : 'special'])
      }),
    )
  })

  it('gives no page for a word without VALID', () => {
    fc.assert(
      fc.property(anyEncoding, fc.bigInt({ min: 0n, max: ULONG_MAX }), (encoding, word) => {
        const entry = word & ~encoding.flags[HMM_PFN_VALID]
        expect(driver.hmmDeviceEntryToPage(encoding, entry)).toBeNull()
        expect(driver.hmmDeviceEntryToPfn(encoding, entry)).toBe(NO_PFN)
      }),
    )
  })
})

describe('an encoding is refused', () => {
  const good = ADDRESS_ENCODING
  const flags = (...of: bigint[]): DriverEncoding => ({ ...good, flags: of })
  const values = (error: bigint, none: bigint, special: bigint): DriverEncoding => ({
    ...good,
    values: [error, none, special],
  })

  it.each<[string, string, DriverEncoding, RegExp]>([
    ['a flag too few', 'flag-count', flags(1n), /give one for each of HMM_PFN_VALID, HMM_PFN_WRITE/],
    ['a value too few', 'value-count', { ...good, values: [0n, 1n] }, /HMM_PFN_ERROR, HMM_PFN_NONE/],
    ['a negative flag', 'not-a-word', flags(-1n, 2n, 4n), /HMM_PFN_VALID is -1; .*64 bits/],
    ['a value of 65 bits', 'not-a-word', values(1n << 64n, 0n, 2n), /HMM_PFN_ERROR is 18446744073709551616/],
    ['a shift above PAGE_SHIFT', 'shift-too-large', { ...good, pfnShift: 13 }, /is 13; use 0 to PAGE_SHIFT/],
    ['a negative shift', 'shift-too-large', { ...good, pfnShift: -1 }, /is -1/],
    ['half a shift', 'shift-too-large', { ...good, pfnShift: 4.5 }, /is 4.5/],
    ['no bit for WRITE', 'empty-flag', flags(1n, 0n, 4n), /HMM_PFN_WRITE has no bit/],
    ['a shared bit', 'flags-overlap', flags(1n, 3n, 4n), /HMM_PFN_VALID and HMM_PFN_WRITE share 0x1/],
    [
      'a flag in the pfn',
      'flag-in-pfn',
      flags(1n, 1n << 12n, 4n),
      /HMM_PFN_WRITE has 0x1000.*raise pfn_shift/,
    ],
    ['a flag above the pfn', 'flag-in-pfn', flags(1n << 63n, 2n, 4n), /HMM_PFN_VALID has 0x8000000000000000/],
    [
      'NONE and ERROR alike',
      'none-aliased',
      values(0n, 0n, 2n),
      /HMM_PFN_ERROR and HMM_PFN_NONE are both 0x0/,
    ],
    ['NONE and SPECIAL alike', 'none-aliased', values(2n, 0n, 0n), /HMM_PFN_SPECIAL and HMM_PFN_NONE/],
    [
      'a value like an entry',
      'value-looks-valid',
      values(0x5003n, 0n, 2n),
      /is 0x5003.*valid entry for pfn 0x5/,
    ],
    ['a value with VALID', 'value-has-valid-flag', values(0x5009n, 0n, 2n), /has 0x1 of HMM_PFN_VALID/],
  ])('%s: %s', (_what, rule, encoding, message) => {
    expect(refused(encoding)).toBe(rule)
    expect(() => validateEncoding(encoding, encoding.flags.length === 2 ? 2 : 3)).toThrow(message)
  })

  const anyBit = fc.integer({ min: 0, max: 63 }).map((i) => 1n << BigInt(i))

  it.each<[string, (encoding: DriverEncoding, bit: bigint, pfn: bigint) => DriverEncoding]>([
    [
      'flags-overlap',
      ({ flags, ...e }) => ({ ...e, flags: flags.map((f, i) => (i === 1 ? f | flags[0] : f)) }),
    ],
    [
      'flag-in-pfn',
      ({ flags, ...e }, bit) => ({
        ...e,
        flags: flags.map((f, i) => (i === 0 ? f | (bit < 1n << BigInt(e.pfnShift) ? 1n << 63n : bit) : f)),
      }),
    ],
    ['none-aliased', ({ values, ...e }) => ({ ...e, values: [values[1], values[1], values[2]] })],
    ['shift-too-large', ({ pfnShift, ...e }, bit) => ({ ...e, pfnShift: pfnShift + 12 + Number(bit % 7n) })],
    [
      'value-looks-valid',
      ({ values, ...e }, _bit, pfn) => ({
        ...e,
        values: [driver.hmmDeviceEntryFromPfn({ values, ...e }, pfn), values[1], values[2]],
      }),
    ],
  ])('whatever it was before: %s', (rule, spoil) => {
    fc.assert(
      fc.property(validEncoding(3), anyBit, anyPfn, (encoding, bit, pfn) => {
        expect(refused(spoil(encoding, bit, pfn))).toBe(rule)
      }),
    )
  })

  it('or gives back what is put in: there is no third kind', () => {
    // Small words and few bits, so that both kinds are common.
    const small = fc.bigInt({ min: 0n, max: 31n })
    const few = fc.integer({ min: 0, max: 4 }).map((bit) => 1n << BigInt(bit))
    const any = fc.record({
      flags: fc.tuple(few, few, few),
      values: fc.tuple(small, small, small),
      pfnShift: fc.integer({ min: 0, max: 13 }),
    })
    let accepted = 0
    fc.assert(
      fc.property(any, (encoding) => {
        if (refused(encoding) !== undefined) return
        accepted++
        for (let pfn = 0n; pfn < 32n; pfn++)
          for (const write of [false, true]) {
            const told = { kind: 'valid', pfn, write, devicePrivate: false } as const
            expect(driver.decode(encoding, driver.encode(encoding, told))).toEqual(told)
          }
        expect(driver.decode(encoding, driver.encode(encoding, { kind: 'none' })).kind).toBe('none')
        expect(driver.decode(encoding, driver.encode(encoding, { kind: 'error' })).kind).toBe('error')
      }),
      { numRuns: 5000, seed: 1 },
    )
    expect(accepted).toBeGreaterThan(50)
  })

  it('only if something is lost: with a shift beyond PAGE_SHIFT the highest frame does not come back', () => {
    const wide = { ...ADDRESS_ENCODING, pfnShift: 13 }
    expect(driver.hmmDeviceEntryToPfn(wide, driver.hmmDeviceEntryFromPfn(wide, MAX_PFN))).not.toBe(MAX_PFN)
    const widest = { ...ADDRESS_ENCODING, pfnShift: 12 }
    expect(driver.hmmDeviceEntryToPfn(widest, driver.hmmDeviceEntryFromPfn(widest, MAX_PFN))).toBe(MAX_PFN)
  })

  it('only if something is lost: a flag within the pfn comes back as another frame', () => {
    const high = flags(1n, 1n << 63n, 4n)
    const entry = driver.encode(high, { kind: 'valid', pfn: 5n, write: true, devicePrivate: false })
    expect(driver.hmmDeviceEntryToPfn(high, entry)).toBe(5n | (1n << 51n))
  })

  it('only if something is lost: a page is taken for a special value', () => {
    const like = values(0x5001n, 0n, 2n)
    expect(driver.hmmDeviceEntryToPage(like, driver.hmmDeviceEntryFromPfn(like, 5n))).toBeNull()
  })
})

describe('the flags of the enumerations', () => {
  it('are numbered as the kernel does', () => {
    expect([HMM_PFN_VALID, HMM_PFN_WRITE, HMM_PFN_DEVICE_PRIVATE]).toEqual([0, 1, 2])
    expect([HMM_PFN_ERROR, HMM_PFN_NONE, HMM_PFN_SPECIAL]).toEqual([0, 1, 2])
    expect(driver.HMM_PFN_FLAG_MAX).toEqual({ '4.17': 3, '5.7': 2 })
    expect(driver.HMM_PFN_VALUE_MAX).toBe(3)
    expect(HMM_RANGE_DEFAULT_TIMEOUT).toBe(1000)
  })

  it('a driver whose valid bit is bit 3 says so in flags', () => {
    const third = validateEncoding({ flags: [1n << 3n, 1n], values: [2n, 0n, 2n], pfnShift: 4 }, 2)
    expect(driver.hmmDeviceEntryFromPfn(third, 1n) & (1n << 3n)).not.toBe(0n)
  })
})

describe('the bits that were fixed before drivers chose', () => {
  it('are an encoding that a driver may declare', () => {
    expect(refused(FIXED_AS_DRIVER)).toBeUndefined()
  })

  it('give back what was put in; an entry that is not valid is no page and no frame', () => {
    fc.assert(
      fc.property(anyPfn, (pfn) => {
        expect(fixed.hmmPfnToPfn(fixed.hmmPfnFromPfn(pfn))).toBe(pfn)
        expect(fixed.hmmPfnToPage(fixed.hmmPfnFromPage({ pfn }))).toEqual({ pfn })
        const invalid = fixed.hmmPfnFromPfn(pfn) & ~fixed.HMM_PFN_VALID
        expect(fixed.hmmPfnToPfn(invalid)).toBe(NO_PFN)
        expect(fixed.hmmPfnToPage(invalid)).toBeNull()
      }),
    )
  })

  it('mean the same to the helpers before and after the patch', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: ULONG_MAX }), anyPfn, (word, pfn) => {
        for (const entry of [word, fixed.HMM_PFN_ERROR, fixed.HMM_PFN_SPECIAL, 0n]) {
          expect(driver.hmmPfnToPfn(FIXED_AS_DRIVER, entry)).toBe(fixed.hmmPfnToPfn(entry))
          expect(driver.hmmPfnToPage(FIXED_AS_DRIVER, entry)).toEqual(fixed.hmmPfnToPage(entry))
        }
        expect(driver.hmmPfnFromPfn(FIXED_AS_DRIVER, pfn)).toBe(fixed.hmmPfnFromPfn(pfn))
        expect(driver.hmmPfnFromPage(FIXED_AS_DRIVER, { pfn })).toBe(fixed.hmmPfnFromPage({ pfn }))
      }),
    )
  })
})
