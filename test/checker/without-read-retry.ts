import { readRetry } from '../../spec/scenarios/retry-protocol.js'
import { override, step } from '../../src/world/index.js'

/** The driver forgets to look whether an invalidation came between. */
export const withoutReadRetry = {
  name: 'without read_retry',
  overrides: [
    override(
      readRetry,
      () =>
        function* () {
          return yield* step('forget to compare', () => 0)
        },
    ),
  ],
}
