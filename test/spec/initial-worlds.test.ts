/**
 * Worlds that no kernel can be in are refused, by the name of the scenario and the field.
 */
import { describe, expect, it } from 'vitest'
import { type InitialPage, type MirrorScenario, mirrorScenario } from '../../spec/index.js'
import { VM_READ, VmaKind } from '../../src/kernel/index.js'
import { SpecificationError } from '../../src/world/index.js'

function refusalOf(page: InitialPage, more: Partial<MirrorScenario> = {}): unknown {
  const scenario = mirrorScenario({
    name: 'odd',
    summary: 'A world that no kernel can be in.',
    exercises: [],
    parameters: {},
    world: () => ({
      pages: [page, {}],
      mirrors: [{ name: 'gpu' }],
      spareFrames: 1,
      invalidations: 1,
      threads: [{ name: 'cpu', calls: () => [] }],
      ...more,
    }),
  })
  try {
    scenario.build({})
    return undefined
  } catch (error) {
    return error
  }
}

const impossible: readonly [string, InitialPage, Partial<MirrorScenario>?][] = [
  ['flags', { touched: true, flags: VM_READ }],
  ['flags', { touched: true, readOnly: true, flags: 0 }],
  ['kind', { touched: true, kind: VmaKind.none }],
  ['file', { kind: VmaKind.file }],
  ['file', { file: 0 }, { files: [1] }],
  ['pgoff', { kind: VmaKind.file, file: 0, pgoff: 1, touched: true }, { files: [1] }],
  ['swappedOut', { swappedOut: true }, { swapSlots: 1 }],
  ['swappedOut', { touched: true, swappedOut: true }],
  ['swapCached', { touched: true, swapCached: true }],
  ['swapCached', { swapCached: true }, { swapSlots: 1 }],
  ['swapCached', { touched: true, swappedOut: true, swapCached: true }, { swapSlots: 1 }],
  ['onDevice', { touched: true, onDevice: true }],
  ['onDevice', { onDevice: true }, { bareMemory: 1 }],
  ['exclusive', { touched: true, exclusive: true }],
  ['exclusive', { exclusive: true }, { mirrors: [{ name: 'gpu', exclusive: true }] }],
  ['uffdWp', { touched: true, uffdWp: true }, { swapSlots: 1 }],
  ['inBatchOf', { touched: true, inBatchOf: 0 }],
  ['mirroredBy', { touched: true, mirroredBy: [1] }],
  ['mirroredBy', { mirroredBy: [0] }],
  ['mirroredBy', { touched: true, mirroredBy: [0] }, { mirrors: [{ name: 'gpu', detached: true }] }],
  ['mirroredBy', { touched: true, mirroredBy: [0] }, { mirrors: [{ name: 'gpu', start: 1 }] }],
]

describe('initial worlds', () => {
  it.each(impossible)('%s of %o is refused', (field, page, more) => {
    const error = refusalOf(page, more)
    expect(error).toBeInstanceOf(SpecificationError)
    expect(error).toMatchObject({ code: 'scenario' })
    expect(String(error)).toContain(`scenario odd: pages[0].${field}: `)
  })

  it('a mirror of more than there is, or of a process that there is not, is refused', () => {
    expect(String(refusalOf({}, { mirrors: [{ name: 'gpu', last: 2 }] }))).toContain('mirrors[0].last')
    expect(String(refusalOf({}, { mirrors: [{ name: 'gpu', process: 1 }] }))).toContain('mirrors[0].process')
  })

  it('what a kernel can be in is not', () => {
    expect(refusalOf({ touched: true, readOnly: true, flags: VM_READ, mirroredBy: [0] })).toBeUndefined()
    expect(refusalOf({ touched: true, swappedOut: true }, { swapSlots: 1 })).toBeUndefined()
  })
})
