/**
 * The truth tables of hmm_pte_need_fault: for what is asked of a page and what the CPU's entry grants, whether a fault is
 * needed, in every generation. `.` nothing, `f` fault, `w` write fault.
 *
 * @see reference B.3, D22b
 */
import { describe, expect, it } from 'vitest'
import {
  ADDRESS_ENCODING,
  type DriverEncoding,
  FIXED_AS_DRIVER,
  HmmPfnFlag,
  needFault51,
  needFault57,
  needFault58,
  needFault417,
  needFaultAsPatched,
  type Requests,
  top,
} from '../../../src/generations/index.js'
import { hmm_pte_need_fault } from '../../../src/kernel/index.js'

/** By `HMM_NEED_` bits; a write fault is both. */
const SHOWN = '.f?w'

/** The driver's bits for letters: V, W, D(evice private). */
function bits({ flags }: DriverEncoding, letters: string): bigint {
  return [...letters].reduce((sum, letter) => sum | flags['VWD'.indexOf(letter)], 0n)
}

/** Any subset of V, W, D: what may be asked. */
const ASKED = ['', 'V', 'W', 'VW', 'D', 'VD', 'WD', 'VWD']
/** What an entry of the CPU can grant: nothing, a page to be read or written, device memory to be read or written. */
const GRANTED = ['', 'V', 'VW', 'VD', 'VWD']

/** By what is asked (rows) and what the CPU grants (columns `-  V  VW  VD  VWD`). */
const AS_INTENDED: Readonly<Record<string, string>> = {
  '': '.....',
  V: 'f....',
  W: '.....',
  VW: 'ww...',
  D: '.....',
  VD: 'f..ff',
  WD: '.....',
  VWD: 'ww.ww',
}

/** The same as the text of seed 002 has it. */
const AS_PATCHED: Readonly<Record<string, string>> = {
  '': '.....',
  V: '.ffff',
  W: '.....',
  VW: '..f.f',
  D: '.....',
  VD: '.ffff',
  WD: '.....',
  VWD: '..f.w',
}

const ENCODINGS: readonly [string, DriverEncoding][] = [
  ['the fixed bits', FIXED_AS_DRIVER],
  ['addresses', ADDRESS_ENCODING],
  ['flags of several bits', { flags: [0x11n, 0x102n, 0x204n], values: [2n, 0n, 2n], pfnShift: 10 }],
]

const cells = ASKED.flatMap((asked) => GRANTED.map((granted, column) => ({ asked, granted, column })))

describe.each(ENCODINGS)('with %s', (_name, encoding) => {
  it.each(cells)('4.17: asked [$asked], granted [$granted]', ({ asked, granted, column }) => {
    const [want, cpu] = [bits(encoding, asked), bits(encoding, granted)]
    expect(SHOWN[needFault417(encoding, true, want, cpu)]).toBe(AS_INTENDED[asked][column])
    expect(needFault417(encoding, false, want, cpu)).toBe(0)
  })

  it.each(cells)('seed 002: asked [$asked], granted [$granted]', ({ asked, granted, column }) => {
    const [want, cpu] = [bits(encoding, asked), bits(encoding, granted)]
    expect(SHOWN[needFaultAsPatched(encoding, true, want, cpu)]).toBe(AS_PATCHED[asked][column])
    expect(needFaultAsPatched(encoding, false, want, cpu)).toBe(0)
  })
})

describe('the patch of seed 002 (D22b)', () => {
  it('is wrong in 16 of the 20 cells in which something is asked for, and right where nothing is', () => {
    const wrong = cells.filter(
      ({ asked, column }) => AS_INTENDED[asked][column] !== AS_PATCHED[asked][column],
    )
    expect(wrong.filter(({ asked }) => !asked.includes('V'))).toEqual([])
    expect(wrong).toHaveLength(16)
    // What is missing and asked for is never faulted in.
    expect(
      cells.filter(({ granted }) => granted === '').every(({ asked }) => AS_PATCHED[asked][0] === '.'),
    ).toBe(true)
  })
})

/** What counts of a request: every combination of defaults, mask and entry comes to the same as what is left of them. */
describe.each([
  ['5.1', needFault51Of, AS_INTENDED, 'VWD'],
  ['5.7', needFault57Of, AS_INTENDED, 'VW'],
  ['5.8', needFault58Of, AS_INTENDED, 'VW'],
] as const)('%s, with defaults and a mask', (_kernel, need, table, letters) => {
  const subsets = ASKED.filter((of) => [...of].every((letter) => letters.includes(letter)))
  const granted = GRANTED.filter((of) => [...of].every((letter) => letters.includes(letter)))

  it.each(subsets.flatMap((defaults) => subsets.map((mask) => [defaults, mask] as const)))(
    'default [%s], mask [%s]: every request, every entry',
    (defaults, mask) => {
      for (const asked of subsets)
        for (const cpu of granted) {
          const counts = [...letters].filter(
            (letter) => defaults.includes(letter) || (mask.includes(letter) && asked.includes(letter)),
          )
          const expected = table[counts.join('')][GRANTED.indexOf(cpu)]
          expect(SHOWN[need(defaults, mask, asked, cpu)], `asked [${asked}], granted [${cpu}]`).toBe(expected)
        }
    },
  )
})

const WITH_DEVICE = ADDRESS_ENCODING
const WITHOUT_DEVICE: DriverEncoding = { ...ADDRESS_ENCODING, flags: ADDRESS_ENCODING.flags.slice(0, 2) }

function requests(encoding: DriverEncoding, defaults: string, mask: string): DriverEncoding & Requests {
  return { ...encoding, defaultFlags: bits(encoding, defaults), pfnFlagsMask: bits(encoding, mask) }
}

function needFault51Of(defaults: string, mask: string, asked: string, cpu: string): number {
  const range = requests(WITH_DEVICE, defaults, mask)
  expect(needFault51(range, false, bits(WITH_DEVICE, asked), bits(WITH_DEVICE, cpu))).toBe(0)
  return needFault51(range, true, bits(WITH_DEVICE, asked), bits(WITH_DEVICE, cpu))
}

function needFault57Of(defaults: string, mask: string, asked: string, cpu: string): number {
  const range = requests(WITHOUT_DEVICE, defaults, mask)
  return needFault57(range, bits(WITHOUT_DEVICE, asked), bits(WITHOUT_DEVICE, cpu))
}

const TOP_BITS = { flags: [top.HMM_PFN_REQ_FAULT, top.HMM_PFN_REQ_WRITE], values: [], pfnShift: 0 }

function needFault58Of(defaults: string, mask: string, asked: string, cpu: string): number {
  return needFault58(requests(TOP_BITS, defaults, mask), bits(TOP_BITS, asked), bits(TOP_BITS, cpu))
}

describe('the model of the kernel', () => {
  const small = (letters: string) => Number([...letters].reduce((sum, l) => sum | (1 << 'VW'.indexOf(l)), 0))
  const subsets = ['', 'V', 'W', 'VW']

  it('decides as 5.8 does, in every cell', () => {
    for (const defaults of subsets)
      for (const mask of subsets)
        for (const asked of subsets)
          for (const cpu of ['', 'V', 'VW']) {
            const request = { start: 0, end: 1, seq: 1, owner: -1 }
            const range = { ...request, defaultFlags: small(defaults), pfnFlagsMask: small(mask) }
            expect(hmm_pte_need_fault(range, small(asked), small(cpu))).toBe(
              needFault58Of(defaults, mask, asked, cpu),
            )
          }
  })
})

describe('as the documentation uses defaults and mask', () => {
  const { HMM_PFN_VALID, HMM_PFN_WRITE } = HmmPfnFlag
  const [valid, write] = [ADDRESS_ENCODING.flags[HMM_PFN_VALID], ADDRESS_ENCODING.flags[HMM_PFN_WRITE]]
  /** What is needed for three untouched pages, of which the array asks for the given things. */
  const three = (range: Requests, array: readonly bigint[]) =>
    array.map((asked) => SHOWN[needFault51({ ...ADDRESS_ENCODING, ...range }, true, asked, 0n)]).join('')
  const garbage = [0n, valid | write, write]

  it('prefault a range to be read: what the array holds is ignored', () => {
    expect(three({ defaultFlags: valid, pfnFlagsMask: 0n }, garbage)).toBe('fff')
  })

  it('prefault a range to be read, with one page to be written', () => {
    expect(three({ defaultFlags: valid, pfnFlagsMask: write }, [0n, write, 0n])).toBe('fwf')
  })

  it('ask page by page', () => {
    expect(three({ defaultFlags: 0n, pfnFlagsMask: valid | write }, [valid, valid | write, 0n])).toBe('fw.')
  })

  it('take a snapshot: without defaults and mask nothing is asked', () => {
    expect(three({ defaultFlags: 0n, pfnFlagsMask: 0n }, garbage)).toBe('...')
  })

  it('a mask that nobody has set lets through what the array happens to hold (D31)', () => {
    expect(three({ defaultFlags: valid, pfnFlagsMask: valid | write }, garbage)).toBe('fww')
  })
})
