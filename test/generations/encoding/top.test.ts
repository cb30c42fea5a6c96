/**
 * Entries with flags in the top bits, and the flags that a walk leaves alone.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dma, MAX_PFN, top, ULONG_MAX } from '../../../src/generations/index.js'
import { anyPfn } from './encodings.js'

const { TOP_5_8, TOP_5_9, TOP_6_16 } = top
const anyWord = fc.bigInt({ min: 0n, max: ULONG_MAX })

describe.each([
  ['5.8', TOP_5_8, MAX_PFN],
  ['5.9', TOP_5_9, MAX_PFN],
  ['6.16', TOP_6_16, MAX_PFN],
] as const)('entries of %s', (_kernel, encoding, largest) => {
  it('give back page, address and order', () => {
    const orders = encoding.orderShift === undefined ? 0 : 31
    fc.assert(
      fc.property(
        anyPfn,
        fc.boolean(),
        fc.boolean(),
        fc.integer({ min: 0, max: orders }),
        (pfn, valid, write, order) => {
          const entry = top.encodeOutput(encoding, { page: { pfn }, valid, write, order })
          expect(top.hmmPfnToPage(encoding, entry)).toEqual({ pfn })
          expect(top.hmmPfnToPhys(encoding, entry)).toBe(pfn << 12n)
          expect(top.hmmPfnToMapOrder(encoding, entry)).toBe(order)
          expect((entry & top.HMM_PFN_VALID) !== 0n).toBe(valid)
          expect((entry & top.HMM_PFN_WRITE) !== 0n).toBe(write)
          expect(entry & top.HMM_PFN_ERROR).toBe(0n)
        },
      ),
    )
  })

  it('have room for every frame below the flags', () => {
    expect(largest & encoding.flags).toBe(0n)
  })

  it('tell nothing there, an error, and a page apart', () => {
    const page = top.encodeOutput(encoding, { page: { pfn: 0n }, valid: true })
    const kinds = [0n, top.encodeOutput(encoding, { error: true }), page]
    expect(new Set(kinds).size).toBe(3)
    expect(kinds.map((entry) => (entry & top.HMM_PFN_VALID) !== 0n)).toEqual([false, false, true])
  })

  it('keep what is sticky of the input, and nothing else', () => {
    fc.assert(
      fc.property(anyWord, anyPfn, (input, pfn) => {
        const output = { page: { pfn }, valid: true }
        const stored = top.storeOutput(encoding, input, output)
        expect(stored & encoding.sticky).toBe(input & encoding.sticky)
        expect(stored & ~encoding.sticky).toBe(top.encodeOutput(encoding, output))
      }),
    )
  })
})

describe('the bits', () => {
  it('are where the kernel has them', () => {
    const { HMM_PFN_VALID, HMM_PFN_WRITE, HMM_PFN_ERROR } = top
    const { HMM_PFN_DMA_MAPPED, HMM_PFN_P2PDMA, HMM_PFN_P2PDMA_BUS } = top
    const bits = [
      HMM_PFN_VALID,
      HMM_PFN_WRITE,
      HMM_PFN_ERROR,
      HMM_PFN_DMA_MAPPED,
      HMM_PFN_P2PDMA,
      HMM_PFN_P2PDMA_BUS,
    ]
    expect(bits).toEqual([63n, 62n, 61n, 60n, 59n, 58n].map((i) => 1n << i))
    expect(top.HMM_PFN_REQ_FAULT).toBe(HMM_PFN_VALID)
    expect(top.HMM_PFN_REQ_WRITE).toBe(HMM_PFN_WRITE)
    expect([TOP_5_8, TOP_5_9, TOP_6_16].map(({ orderShift }) => orderShift)).toEqual([undefined, 56, 53])
    expect(TOP_5_9.flags).toBe(0xff00_0000_0000_0000n)
    expect(TOP_6_16.flags).toBe(0xffe0_0000_0000_0000n)
  })

  it('of the order touch no flag', () => {
    for (const encoding of [TOP_5_9, TOP_6_16]) {
      const all = top.encodeOutput(encoding, { order: 31 })
      expect(all & (top.HMM_PFN_VALID | top.HMM_PFN_WRITE | top.HMM_PFN_ERROR | encoding.sticky)).toBe(0n)
      expect(all & encoding.flags).toBe(all)
    }
  })

  it('are not looked at by hmm_pfn_to_page: an entry with nothing in it is frame 0', () => {
    expect(top.hmmPfnToPage(TOP_6_16, 0n)).toEqual({ pfn: 0n })
    expect(top.hmmPfnToPage(TOP_6_16, top.HMM_PFN_ERROR)).toEqual({ pfn: 0n })
  })
})

/** A device that remembers what it maps, or maps nothing. */
function device(works = true) {
  const mapped: bigint[] = []
  const unmapped: bigint[] = []
  return {
    mapped,
    unmapped,
    map: (phys: bigint) => {
      if (!works) return dma.DMA_MAPPING_ERROR
      mapped.push(phys)
      return phys + 0x1_0000n
    },
    unmap: (address: bigint) => void unmapped.push(address),
    busAddress: (phys: bigint) => phys + 0x2_0000n,
  }
}

function walked(...pfns: readonly bigint[]) {
  const map = dma.hmmDmaMapAlloc(pfns.length)
  pfns.forEach((pfn, i) => {
    map.pfnList[i] = top.storeOutput(TOP_6_16, map.pfnList[i], { page: { pfn }, valid: true })
  })
  return map
}

describe('an array that remembers what is mapped for DMA', () => {
  it('maps a page once, also if the walk is done again', () => {
    const map = walked(5n)
    const gpu = device()
    const address = dma.hmmDmaMapPfn(gpu, map, 0, 'none')
    expect(address).toBe(0x1_5000n)
    map.pfnList[0] = top.storeOutput(TOP_6_16, map.pfnList[0], {
      page: { pfn: 5n },
      valid: true,
      write: true,
    })
    expect(dma.hmmDmaMapPfn(gpu, map, 0, 'none')).toBe(address)
    expect(gpu.mapped).toEqual([0x5000n])
    expect(map.pfnList[0] & top.HMM_PFN_WRITE).not.toBe(0n)
  })

  it.each([
    ['none', 0n, [0x1_5000n]],
    ['thru-host-bridge', top.HMM_PFN_P2PDMA, [0x1_5000n]],
    ['bus-addr', top.HMM_PFN_P2PDMA_BUS, []],
  ] as const)('unmaps what it has mapped, once (%s)', (state, flag, unmapped) => {
    const map = walked(5n)
    const before = map.pfnList[0]
    const gpu = device()
    dma.hmmDmaMapPfn(gpu, map, 0, state)
    expect(map.pfnList[0]).toBe(before | top.HMM_PFN_DMA_MAPPED | flag)
    expect(dma.hmmDmaUnmapPfn(gpu, map, 0)).toBe(true)
    expect(map.pfnList[0]).toBe(before)
    expect(dma.hmmDmaUnmapPfn(gpu, map, 0)).toBe(false)
    expect(gpu.unmapped).toEqual(unmapped)
  })

  it('another device on the bus is asked for its address each time', () => {
    const map = walked(5n)
    const gpu = device()
    expect(dma.hmmDmaMapPfn(gpu, map, 0, 'bus-addr')).toBe(0x2_5000n)
    expect(dma.hmmDmaMapPfn(gpu, map, 0, 'bus-addr')).toBe(0x2_5000n)
    expect(gpu.mapped).toEqual([])
  })

  it.each([
    ['a page that cannot be reached', 'not-supported', true],
    ['a mapping that fails', 'none', false],
    ['a mapping that fails on the way through the host bridge', 'thru-host-bridge', false],
  ] as const)('%s is DMA_MAPPING_ERROR, and the entry stays as it was', (_what, state, works) => {
    const map = walked(5n)
    const before = map.pfnList[0]
    expect(dma.hmmDmaMapPfn(device(works), map, 0, state)).toBe(dma.DMA_MAPPING_ERROR)
    expect(map.pfnList[0]).toBe(before)
    expect(dma.hmmDmaUnmapPfn(device(), map, 0)).toBe(false)
  })

  it('does not unmap an entry that is not valid, whatever it says', () => {
    const map = dma.hmmDmaMapAlloc(1)
    map.pfnList[0] = top.HMM_PFN_DMA_MAPPED
    const gpu = device()
    expect(dma.hmmDmaUnmapPfn(gpu, map, 0)).toBe(false)
    expect(gpu.unmapped).toEqual([])
  })

  it('that was not zeroed believes in mappings that nobody made (D47)', () => {
    const map = walked(5n)
    map.pfnList[0] |= top.HMM_PFN_DMA_MAPPED
    map.pfnList[0] = top.storeOutput(TOP_6_16, map.pfnList[0], { page: { pfn: 5n }, valid: true })
    const gpu = device()
    expect(dma.hmmDmaMapPfn(gpu, map, 0, 'none')).toBe(0n)
    expect(gpu.mapped).toEqual([])
    expect(dma.hmmDmaUnmapPfn(gpu, map, 0)).toBe(true)
    expect(gpu.unmapped).toEqual([0n])
  })
})
