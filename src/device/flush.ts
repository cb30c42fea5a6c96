import type { NotifierRange } from '../machine/index.js'
import { BLOCKED, procedure, step } from '../world/index.js'
import { covered, type Device, forget } from './translation.js'

/**
 * Flushes the device's translations of `range`, and waits for accesses that use one of them. One
 * step: the device completes the flush when both are done.
 */
export const flushDevice = procedure(
  'flush device',
  function* (device: Device, range: Pick<NotifierRange, 'start' | 'end'>) {
    const { start, end } = covered(device, range)
    yield* step('flush the device TLB and wait for its accesses', () => {
      for (const access of device.accesses.values()) {
        const page = access.page - 1
        if (page >= start && page < end) return BLOCKED
      }
      for (let page = start; page < end; page++) forget(device.tlb[page])
      return 0
    })
  },
)
