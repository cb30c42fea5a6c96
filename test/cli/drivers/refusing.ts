/** A driver that serves no fault: its device never accesses memory, so that nothing can go wrong. */
import { type Driver, referenceDriver } from 'hmm-spec/driver'
import { choose, procedure } from 'hmm-spec/world'

const fault: Driver['fault'] = procedure(function* my_page_fault() {
  yield* choose('refuse', 1)
  return -14
})

export default { ...referenceDriver, name: 'refusing', fault }
