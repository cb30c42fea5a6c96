import 'hmm-spec/vitest'
import { scenariosFor } from 'hmm-spec/spec'
import { expect, test } from 'vitest'
import driver from './driver.js'
import firstTry from './first-try.js'
import memory from './own-memory.js'
import memoryFirstTry from './own-memory-first-try.js'
import svm from './read-write-lock.js'

test.each(scenariosFor(driver))('$name holds', { timeout: 60_000 }, async (scenario) => {
  await expect(scenario).toHold({ bounds: 'smoke' })
})

test('the first try programs the device from a walk that an invalidation has overtaken', async () => {
  const [munmap] = scenariosFor(firstTry)
  await expect(munmap).toViolate('C8', { bounds: 'smoke' })
})

test.each(scenariosFor(svm).filter(({ name }) => /^(munmap|exit|two-faults|oom-reaper) /.test(name)))(
  '$name holds',
  { timeout: 60_000 },
  async (scenario) => {
    await expect(scenario).toHold({ bounds: 'smoke' })
  },
)

test.each(scenariosFor(memory).filter(({ name }) => /^(munmap|migrate|write-to-own-memory) /.test(name)))(
  '$name holds',
  { timeout: 60_000 },
  async (scenario) => {
    await expect(scenario).toHold({ bounds: 'smoke' })
  },
)

test('a lock that the callback takes is held around a migration', async () => {
  const migrate = scenariosFor(memoryFirstTry).find(({ name }) => name.startsWith('migrate '))
  await expect(migrate).toViolate('deadlock', { bounds: 'smoke' })
})
