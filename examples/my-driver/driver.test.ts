import 'hmm-spec/vitest'
import { scenariosFor } from 'hmm-spec/spec'
import { expect, test } from 'vitest'
import driver from './driver.js'
import firstTry from './first-try.js'
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
