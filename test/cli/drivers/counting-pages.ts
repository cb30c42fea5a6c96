/** A driver that answers a fault with the number of pages that it has mapped, as ib_umem_odp_map_dma_and_lock does. */
import { type Driver, referenceDriver } from 'hmm-spec/driver'
import { procedure } from 'hmm-spec/world'

const fault: Driver['fault'] = procedure(function* my_page_fault(current, mirror, start, end, write) {
  const error = yield* referenceDriver.fault(current, mirror, start, end, write)
  return error ? error : end - start
})

export default { ...referenceDriver, name: 'counting', fault }
