/**
 * Promises that were once checked by nothing, or by less than their text says. Each has a claim by that text, which objects to
 * the defects that break it, in the scenario that has the ingredients.
 */
import { describe, expect, it } from 'vitest'
import {
  type Defect,
  defects,
  mirrorScenario,
  requirements,
  scenarioOf,
  scenarios,
} from '../../spec/index.js'
import { swapVersusDevice } from '../../spec/memory/scenarios/swap.js'
import { check } from '../../src/checker/index.js'
import { VM_READ } from '../../src/kernel/index.js'
import { vacuityOf } from '../../src/report/vacuity.js'
import type { Scenario } from '../../src/world/index.js'

interface Promised {
  readonly promise: string
  /** What of the requirement's text says it. */
  readonly text: RegExp
  readonly clause: string
  /** By defect: the claim that objects to it. */
  readonly caught: Readonly<Record<string, string>>
}

const promises: readonly Promised[] = [
  {
    promise: 'no notifier is inserted into an address space without users',
    clause: 'C19',
    text: /notifier cannot be inserted into such an address space/,
    caught: { X310: 'a notifier is inserted only into an address space with users' },
  },
  {
    promise: 'an entry never grants more than its VMA',
    clause: 'area-rights',
    text: /writable only in a VMA with VM_WRITE/,
    caught: { X300: 'an entry grants no more than its area' },
  },
  {
    promise: 'no mapping is dropped twice',
    clause: 'use-after-free',
    text: /mappings \(_mapcount\)/,
    caught: { X309: 'use-after-free', D58: 'use-after-free' },
  },
  {
    promise: 'the TLB of a CPU grants no more than the page table',
    clause: 'C47',
    text: /there is a present entry that maps the same frame/,
    caught: {
      X301: 'a TLB grants no more than the page table',
      X302: 'a TLB grants no more than the page table',
      X303: 'a TLB grants no more than the page table',
      X304: 'a TLB grants no more than the page table',
      X316: 'a CPU does not look up what its TLB permits',
    },
  },
  {
    promise: 'mremap and fork take the data along',
    clause: 'data',
    text: /mremap, fork and migration preserve the data/,
    caught: {
      X307: 'a page that was written to has an entry',
      X308: 'a page that was written to has an entry',
    },
  },
  {
    promise: 'mprotect changes what it was called for',
    clause: 'system-calls',
    text: /When mprotect returns/,
    caught: { X305: 'a system call has done what it was called for' },
  },
  {
    promise: 'a migration that should map, maps',
    clause: 'C52',
    text: /migrate_vma_pages has mapped the new page/,
    caught: { X306: 'what has migrated to a hole is mapped' },
  },
  {
    promise: 'a device that asks for pages gets all of them',
    clause: 'C5',
    text: /able to handle a fault on every page/,
    caught: { X37: 'a device gets each page that it asks for', X319: 'a fault is served whole' },
  },
  {
    promise: 'no lock that comes before the update lock is taken under it, by any driver',
    clause: 'C18',
    text: /not for a folio lock.*every driver/,
    caught: {
      X312: 'no lock that comes before the update lock is taken under it',
      D34: 'no lock that comes before the update lock is taken under it',
    },
  },
  {
    promise: 'what a device writes is not lost in swap',
    clause: 'C39',
    text: /written after its slot, by a CPU or a device, is dirty/,
    caught: {
      H23: 'a page that differs from its copy in swap is dirty',
      X54: 'a page that differs from its copy in swap is dirty',
      T58: 'a page that differs from its copy in swap is dirty',
    },
  },
  {
    promise: 'a callback does not drop the last user',
    clause: 'callback-users',
    text: /not give it up \(mmput\) from its own callback/,
    caught: {
      X311: 'a callback does not drop the last user of the address space',
      T52: 'a callback does not drop the last user of the address space',
    },
  },
  {
    promise: 'no page stays mapped for DMA, whether the device faults again or not',
    clause: 'dma-mapping',
    text: /whether the device faults on them again or not/,
    caught: {
      X314: 'no page stays mapped for DMA that the process has lost',
      X269: 'a range is mapped for DMA whole, or not at all',
    },
  },
  {
    promise: 'faults that migrate one range are served, and a driver that does it right holds',
    clause: 'C49',
    text: /a device access or a prefault completes or fails/,
    caught: { X338: 'a device access ends', X339: 'a device access ends' },
  },
  {
    promise: 'the device is programmed only where the range is validated, under the update lock',
    clause: 'C8',
    text: /only under the lock that the driver takes to program its device/,
    caught: {
      M2: 'the device is programmed only from a validated walk',
      X485: 'a range is validated only under the update lock',
    },
  },
]

function defectNamed(name: string): Defect {
  const found = defects.find((one) => one.name === name)
  if (found === undefined) throw new Error(`no defect ${name}`)
  return found
}

describe.each(promises)('$clause: $promise', ({ clause, text, caught }) => {
  const requirement = requirements.find(({ id }) => id === clause)

  it('is what the text of the requirement says', () => {
    expect(requirement?.text).toMatch(text)
  })

  it('holds in the scenarios of its defects', async () => {
    for (const name of Object.keys(caught)) {
      const result = await check(scenarioOf(defectNamed(name)) as Scenario, { bounds: 'smoke' })
      expect(result.verdict).toBe('holds')
    }
  })

  it.each(Object.entries(caught))('%s breaks the claim "%s"', async (name, claim) => {
    const defect = defectNamed(name)
    const scenario = scenarioOf(defect) as Scenario
    const { violation } = await check(scenario, { bounds: 'smoke', set: defect.set ?? {}, defects: [defect] })
    expect(violation).toMatchObject({ clause, claim })
  })
})

describe('beside the claims', () => {
  it('a world whose entries grant more than its VMAs is refused', () => {
    const scenario = mirrorScenario({
      name: 'read-only area',
      summary: 'A VMA without VM_WRITE, and an entry that may be written.',
      exercises: [],
      parameters: {},
      world: () => ({
        pages: [{ touched: true, flags: VM_READ }],
        mirrors: [{ name: 'gpu' }],
        spareFrames: 1,
        invalidations: 1,
        threads: [{ name: 'cpu', calls: () => [] }],
      }),
    })
    expect(() => scenario.build({})).toThrow('flags')
  })

  it('any driver can be put where swap takes what its device writes', () => {
    expect(swapVersusDevice.withDriver).toBeDefined()
  })

  it('a clause that only a scenario names counts as exercised by none', () => {
    const { requirements: counted } = vacuityOf([], { transitions: [], steps: [], requirements })
    const named = new Set(scenarios.flatMap(({ exercises }) => exercises))
    for (const { clause } of promises) {
      expect(named).toContain(clause)
      expect(counted.never).toContain(clause)
    }
  })
})
