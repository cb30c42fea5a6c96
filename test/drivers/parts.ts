/** What the drivers of these tests have in common. */
import { expect, test } from 'vitest'
import { scenariosFor } from '../../spec/index.js'
import { check, type Injection } from '../../src/checker/index.js'
import {
  type Driver,
  dirtyPages,
  flushDevice,
  type Mirror,
  mapPage,
  rangeOf,
  unmapPages,
} from '../../src/driver/index.js'
import {
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  type HmmRange,
  hmm_range_fault,
  isMappable,
  mmu_interval_set_seq,
  type NotifierRange,
  type Task,
} from '../../src/kernel/index.js'
import { type Parameters, procedure, type Running, step } from '../../src/world/index.js'

/** What the device asks for. */
export interface Wanted {
  readonly start: number
  readonly end: number
  readonly write: boolean
}

/** The walk, under the mmap lock. */
export const walkPages = procedure(function* walk_pages(
  current: Task,
  mirror: Mirror,
  { start, end, write }: Wanted,
): Running<number> {
  const { mmapLock } = mirror.mm
  yield* mmapLock.lockRead()
  const error = yield* hmm_range_fault(current, rangeOf(mirror, current), {
    start,
    end,
    defaultFlags: HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0),
    pfnFlagsMask: 0,
    owner: -1,
  })
  yield* mmapLock.unlockRead()
  return error
})

/** Programs the pages that the range has. */
export const mapPages = procedure(function* map_pages(
  mirror: Mirror,
  range: HmmRange,
  start: number,
  end: number,
): Running<void> {
  for (let page = start; page < end; page++)
    yield* step('map a page', () => {
      if (isMappable(range, page)) mapPage(mirror, range, page)
      return 0
    })
})

/** The callback of a driver that has the mirror's update lock. */
export const invalidate: Driver['invalidate'] = procedure(function* invalidate(
  _current: Task,
  mirror: Mirror,
  range: NotifierRange,
  curSeq: number,
): Running<number> {
  if (range.blockable) yield* mirror.updateLock.lock()
  else if (!(yield* mirror.updateLock.trylock())) return 0
  yield* step('set_seq and unmap', () => {
    mmu_interval_set_seq(mirror.notifier, curSeq)
    dirtyPages(mirror, range)
    unmapPages(mirror, range)
    return 0
  })
  yield* flushDevice(mirror, range)
  yield* mirror.updateLock.unlock()
  return 1
})

/** Tests that the driver holds in every scenario that any driver can be put into, or in those of them that are named. */
export function holdsEverywhere(driver: Driver, among?: readonly string[]): void {
  const all = scenariosFor(driver)
  const chosen = among === undefined ? all : all.filter(({ name }) => among.includes(name.split(' ')[0]))
  test.each(chosen.map((scenario) => [scenario.name, scenario] as const))(
    '%s holds',
    { timeout: 120_000 },
    async (_, scenario) => {
      const { verdict, violation } = await check(scenario, { bounds: 'smoke' })
      expect(violation && `${violation.clause}: ${violation.detail}`).toBeUndefined()
      expect(verdict).toBe('holds')
    },
  )
}

/** Checks the driver in the scenario called `name`. */
export function checkIn(
  driver: Driver,
  name: string,
  set: Parameters = {},
  defects: readonly Injection[] = [],
) {
  const scenario = scenariosFor(driver).find((candidate) => candidate.name === `${name} (${driver.name})`)
  if (scenario === undefined) throw new Error(`no scenario ${name} for drivers`)
  return check(scenario, { bounds: 'smoke', set, defects })
}

/** Scenarios in which a driver of many states is tried where all would take minutes. */
const SAMPLE = [
  'munmap',
  'madvise',
  'mprotect',
  'exit',
  'two-faults',
  'unmap-and-close',
  'insert-and-remove',
  'close-at-once',
  'close-versus-fault',
  'swap',
  'refused-requests',
  'oom-reaper',
  'huge-page-mapped-whole',
]

/** The names of a sample of the scenarios that `driver` can be put into; of all with HMM_SPEC_WHOLE=1. */
export function sampleFor(driver: Driver): string[] {
  const names = scenariosFor(driver).map(({ name }) => name.split(' ')[0])
  return process.env.HMM_SPEC_WHOLE === '1' ? names : names.filter((name) => SAMPLE.includes(name))
}
