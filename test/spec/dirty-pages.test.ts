/**
 * H23: what a device writes to a clean page is lost to reclaim, unless somebody says that the page is dirty.
 */
import { describe, expect, it } from 'vitest'
import { defects, scenarios } from '../../spec/index.js'
import { check } from '../../src/checker/index.js'
import {
  HMM_PFN_WRITE,
  hmm_pte_need_fault,
  hmm_vma_walk_pmd,
  PteKind,
  readEntry,
} from '../../src/kernel/index.js'
import { override, READ_ONCE, type Scenario, step } from '../../src/world/index.js'

function found<T extends { readonly name: string }>(all: readonly T[], name: string): T {
  const one = all.find((each) => each.name === name)
  if (one === undefined) throw new Error(`no ${name}`)
  return one
}

const swap = found(scenarios, 'swap')
const hazard = found(defects, 'H23')

/** The walk tells a page as writable only if it is dirty: a fault to write makes it so. */
const onlyDirtyIsWritable = override(
  hmm_vma_walk_pmd,
  () =>
    function* (range, request, page) {
      return yield* step('read an entry', () => {
        const pte = READ_ONCE(range.notifier.mm.pte[page])
        const isClean = pte.kind === PteKind.present && !pte.dirty
        const granted = (flags: number) => (isClean ? flags & ~HMM_PFN_WRITE : flags)
        const next = readEntry(range, request, page, (asked, wanted, present) =>
          hmm_pte_need_fault(asked, wanted, granted(present)),
        )
        range.pfns[page].flags = granted(range.pfns[page].flags)
        return next
      })
    },
)

/** The scenario without the claim that a page is known to be dirty: what is left are the claims about data. */
const uncounted: Scenario = {
  ...swap,
  build: (parameters) => {
    const model = swap.build(parameters)
    const left = model.invariants?.filter(
      ({ name }) => name !== 'a page that differs from its copy in swap is dirty',
    )
    return { ...model, invariants: left ?? [] }
  },
}

describe('H23', () => {
  it('a page that is dropped as clean comes back as it was before the device wrote to it', async () => {
    const { violation } = await check(uncounted, { bounds: 'smoke', defects: [hazard] })
    expect(violation).toMatchObject({
      clause: 'C39',
      detail: 'page 0 of mm[0] is in slot 1, which holds 1; last written was 2',
    })
    expect(violation?.trace.steps).toHaveLength(29)
  })

  it.each([0, 1])('the reference marks what its device could write (clean=%i)', async (clean) => {
    const result = await check(swap, { bounds: 'smoke', set: { clean } })
    expect(result).toMatchObject({ verdict: 'holds', exhaustive: true })
  })

  it('a walk that takes only dirty pages for writable mends it for drivers that mark nothing', async () => {
    const mended = { name: 'mended', overrides: [...hazard.overrides, onlyDirtyIsWritable] }
    const result = await check(swap, { bounds: 'smoke', defects: [mended] })
    expect(result.violation?.detail).toBeUndefined()
    expect(result).toMatchObject({ verdict: 'holds', exhaustive: true })
  })
})
