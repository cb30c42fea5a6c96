/**
 * What traces have shown that sequences of operations cannot: each is refused with another text, at the line that shows it.
 */
import { expect, test } from 'vitest'
import { collectNext, type Evicted, recordsOwnMigrations } from '../../src/conformance/validate/driver.js'
import { Search } from '../../src/conformance/validate/search.js'
import { parseTrace } from '../../src/conformance/validate/trace/ftrace.js'
import { kernelOf, raceOf } from '../../src/conformance/validate/trace/race.js'
import { RaceWorld, type WorldOptions } from '../../src/conformance/validate/world.js'
import { allocateAndCopy, systemFrames } from '../../src/driver/index.js'
import { dmirror_device_evict_chunk } from '../../src/driver/recorded/index.js'
import { migrate_vma_finalize, migrate_vma_pages, unmapFrame } from '../../src/kernel/index.js'
import { override } from '../../src/world/index.js'
import { linesOf } from './traces.js'

/** The verdict on a race with other texts, and the line of the first event that does not fit. */
function searched(name: string, options: WorldOptions) {
  const trace = parseTrace(linesOf(name).join('\n'), name)
  const race = raceOf(trace, kernelOf(trace))
  const { verdict, next } = new Search(new RaceWorld(race, options), race).search()
  return { verdict, line: race.events[next]?.line }
}

test('on 6.1 a fault on a device page does not wait for the folio lock', () => {
  expect(searched('linux-6.1-race-OC', {}).verdict).toBe('accepted')
  // A CPU has found the page that is being evicted, and goes on to ask the driver.
  expect(searched('linux-6.1-race-OC', { replaced: [] })).toEqual({ verdict: 'refused', line: 6970 })
})

/** Each page is brought back before the next is looked at, in whatever order. */
const evictsPageByPage = override(
  dmirror_device_evict_chunk,
  () =>
    function* (current, device) {
      let evicted: readonly Evicted[] = []
      for (;;) {
        const more = yield* collectNext(current, device, evicted)
        if (more.length === evicted.length) return
        evicted = more
        const { index, page } = more[more.length - 1]
        const args = yield* unmapFrame(current, device.memory.frames[index], page)
        yield* allocateAndCopy(current, args, systemFrames(current))
        yield* migrate_vma_pages(current, args)
        yield* migrate_vma_finalize(current, args)
      }
    },
)

test('a device is evicted as a whole: a page stays locked until all have been unmapped', () => {
  expect(searched('linux-7.3-race-OO', {}).verdict).toBe('accepted')
  // The page was unmapped before another, and a migration that comes after that still finds it locked.
  const driver = [recordsOwnMigrations, evictsPageByPage]
  expect(searched('linux-7.3-race-OO', { driver })).toEqual({ verdict: 'refused', line: 849 })
})
