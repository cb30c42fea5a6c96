/**
 * What traces have shown that sequences of operations cannot: each is refused with another text, at the line that shows it.
 */
import { expect, test } from 'vitest'
import { driverOfRaces } from '../../src/conformance/validate/driver.js'
import { Search } from '../../src/conformance/validate/search.js'
import { parseTrace } from '../../src/conformance/validate/trace/ftrace.js'
import { kernelOf, raceOf } from '../../src/conformance/validate/trace/race.js'
import { RaceWorld, type WorldOptions } from '../../src/conformance/validate/world.js'
import { allocateAndCopy, systemFrames } from '../../src/driver/index.js'
import { dmirror_device_evict_chunk } from '../../src/driver/recorded/index.js'
import {
  collectAt,
  devicePageAt,
  do_swap_page,
  FaultHolds,
  folio_put,
  folio_unlock,
  getPage,
  migrate_device_unmap,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrateToRam,
  SELECT_DEVICE_PRIVATE,
  softleaf_entry_wait_on_locked,
  type Task,
  tryLockPage,
} from '../../src/kernel/index.js'
import { BLOCKED, become, override, procedure, type Running, step } from '../../src/world/index.js'
import { linesOf } from './traces.js'

/** The verdict on a race with other texts, and the line of the first event that does not fit. */
function searched(name: string, options: WorldOptions) {
  const trace = parseTrace(linesOf(name).join('\n'), name)
  const race = raceOf(trace, kernelOf(trace))
  const { verdict, next } = new Search(new RaceWorld(race, options), race).search()
  return { verdict, line: race.events[next]?.line }
}

/** Who does not get the folio lock waits for it, as from 7.0 on. */
const waitsForTheLock = override(
  do_swap_page,
  () =>
    function* (current, mm, page): Running<number> {
      const { frames } = current.machine
      const found = yield* mm.ptl.critical('look again, and lock the page', () => {
        const pfn = devicePageAt(mm, page)
        if (pfn <= 0) return { pfn: 0, isLocked: false }
        const isLocked = tryLockPage(frames[pfn])
        if (isLocked) getPage(frames[pfn])
        return { pfn, isLocked }
      })
      if (found.pfn === 0) return 0
      if (!found.isLocked) return yield* become(softleaf_entry_wait_on_locked, mm, page, found.pfn, current)
      const error = yield* migrateToRam(current, mm, page, { pfn: found.pfn, holds: FaultHolds.lock })
      yield* folio_unlock(frames[found.pfn])
      yield* folio_put(frames[found.pfn])
      return error
    },
)

test('on 6.1 a fault on a device page does not wait for the folio lock', () => {
  expect(searched('linux-6.1-race-OC', {}).verdict).toBe('accepted')
  // A CPU has found the page that is being evicted, and goes on to ask the driver.
  expect(searched('linux-6.1-race-OC', { replaced: [waitsForTheLock] })).toEqual({
    verdict: 'refused',
    line: 6970,
  })
})

const NO_MORE = -1

/** The next page, in whatever order, is brought back before another is looked at. */
const evictNext = procedure(
  'evict the next page',
  function* (
    current: Task,
    device: { readonly memory: Task['machine']['deviceMemory'][number] },
    done: readonly number[],
  ): Running<void> {
    const { frames, owner } = device.memory
    const found = yield* step(
      'lock a page, and hold it',
      (choice) => {
        if (choice === frames.length) return NO_MORE
        if (done.includes(choice)) return BLOCKED
        return collectAt(current, frames[choice], 0) ? choice : BLOCKED
      },
      frames.length + 1,
    )
    if (found === NO_MORE) return
    const args = {
      mm: current.machine.mms[0],
      start: 0,
      end: 1,
      owner,
      select: SELECT_DEVICE_PRIVATE,
      fromDevice: true as const,
    }
    yield* migrate_device_unmap(current, args)
    yield* allocateAndCopy(current, args, systemFrames(current))
    yield* migrate_vma_pages(current, args)
    yield* migrate_vma_finalize(current, args)
    yield* become(evictNext, current, device, [...done, found])
  },
)

const evictsPageByPage = override(
  dmirror_device_evict_chunk,
  () =>
    function* (current, device) {
      yield* evictNext(current, device, [])
    },
)

test('a device is evicted as a whole: a page stays locked until all have been unmapped', () => {
  expect(searched('linux-7.3-race-OO', {}).verdict).toBe('accepted')
  // The page was unmapped before another, and a migration that comes after that still finds it locked.
  const driver = [...driverOfRaces, evictsPageByPage]
  expect(searched('linux-7.3-race-OO', { driver })).toEqual({ verdict: 'refused', line: 849 })
})
