/** A defect: the example of `docs/writing-a-defect.md`. */
import { flushDevice } from 'hmm-spec/driver'
import type { Defect } from 'hmm-spec/spec'
import { override, step } from 'hmm-spec/world'

export const noWait: Defect = {
  name: 'no-wait',
  kind: 'mutation',
  title: 'the flush does not wait for accesses',
  text:
    'The device TLB is flushed, and the callback returns while an access that used it is still outstanding: ' +
    'it reaches a page that has been freed. The callback must wait for the device.',
  source: ['reference, section B.4, X4'],
  requirement: 'C3',
  scenario: 'munmap',
  overrides: [
    override(
      flushDevice,
      () =>
        function* (mirror, range) {
          yield* step('flush the device TLB', () => {
            for (let page = range.start; page < range.end; page++) {
              mirror.tlb[page].frame = undefined
              mirror.tlb[page].write = false
            }
            return 0
          })
        },
    ),
  ],
  steps: 23,
}
