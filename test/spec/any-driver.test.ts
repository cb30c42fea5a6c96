/**
 * Scenarios that any driver can be put into: what they find in drivers that munmap alone lets pass.
 */
import { describe, expect, it } from 'vitest'
import { mirroringScenarios, scenariosFor } from '../../spec/index.js'
import { check } from '../../src/checker/index.js'
import {
  type Driver,
  flushDevice,
  lockForInvalidation,
  populate,
  referenceDriver,
  unmapPages,
} from '../../src/driver/index.js'
import { Errno, folio_lock, mmu_interval_set_seq, unlockPage } from '../../src/kernel/index.js'
import { procedure, type Scenario, step } from '../../src/world/index.js'

function scenarioFor(driver: Driver, name: string): Scenario {
  const found = scenariosFor(driver).find((scenario) => scenario.name.startsWith(`${name} (`))
  if (found === undefined) throw new Error(`${name} is not for any driver`)
  return found
}

/** Never says that what its device wrote is dirty. */
const neverDirty: Driver = {
  ...referenceDriver,
  name: 'never dirty',
  invalidate: procedure(function* invalidate_undirtied(_current, mirror, range, curSeq) {
    if (!(yield* lockForInvalidation(mirror, range))) return 0
    yield* step('set_seq and unmap', () => {
      mmu_interval_set_seq(mirror.notifier, curSeq)
      unmapPages(mirror, range)
      return 0
    })
    yield* flushDevice(mirror, range)
    yield* mirror.updateLock.unlock()
    return 1
  }),
}

/** Serves the first page, and no other. */
const never: Driver = {
  ...referenceDriver,
  name: 'never',
  fault: procedure(function* fault_of_the_first_page(current, mirror, start, end, write) {
    return start > 0 ? -Errno.EFAULT : yield* populate(current, mirror, start, end > 1 ? 1 : end, write)
  }),
}

/** Waits for the folio lock of what it maps, under its update lock. */
const folioUnderUpdate: Driver = {
  ...referenceDriver,
  name: 'folio under update',
  invalidate: procedure(function* invalidate_with_folio_lock(current, mirror, range, curSeq) {
    if (!(yield* lockForInvalidation(mirror, range))) return 0
    const pfn = yield* step('find the page', () => mirror.pageTable[range.start].frame?.pfn ?? 0)
    if (pfn) {
      yield* folio_lock(mirror.frames[pfn])
      yield* step('unlock the page', () => {
        unlockPage(mirror.frames[pfn])
        return 0
      })
    }
    yield* mirror.updateLock.unlock()
    return yield* referenceDriver.invalidate(current, mirror, range, curSeq)
  }),
}

describe('any driver', () => {
  it('is put into swap, files, migration and exit', () => {
    const names = scenariosFor(never).map(({ name }) => name.replace(' (never)', ''))
    expect(names).toEqual(
      expect.arrayContaining([
        'swap',
        'shared-file',
        'migrate',
        'migrate-and-fork',
        'exit',
        'unplug-and-poison',
        'evict',
      ]),
    )
    expect(names.length).toBeGreaterThan(mirroringScenarios.length / 2)
  })

  it('loses in swap what its device wrote if it never says that it is dirty', async () => {
    const { violation } = await check(scenarioFor(neverDirty, 'swap'), { bounds: 'smoke' })
    expect(violation).toMatchObject({ clause: 'C39' })
  })

  it('must serve each page that the CPU may access', async () => {
    const { violation } = await check(scenarioFor(never, 'munmap'), { bounds: 'smoke', set: { pages: 2 } })
    expect(violation).toMatchObject({ kind: 'step', clause: 'C5' })
  })

  it('takes no folio lock under its update lock', async () => {
    const { violation } = await check(scenarioFor(folioUnderUpdate, 'munmap'), { bounds: 'smoke' })
    expect(violation).toMatchObject({ clause: 'C18' })
  })
})
