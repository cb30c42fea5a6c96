import { mmu_interval_read_retry } from '../../spec/mirror/scenarios/retry-protocol.js'
import { override, step } from '../../src/world/index.js'

/** The driver forgets to look whether an invalidation came between. */
export const withoutReadRetry = {
  name: 'without read_retry',
  overrides: [
    override(
      mmu_interval_read_retry,
      () =>
        function* () {
          return yield* step('forget to compare', () => 0)
        },
    ),
  ],
}
