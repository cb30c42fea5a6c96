/**
 * Accesses of a device, and the device faults that its driver handles.
 *
 * @see reference G.2
 * @module
 */
import { mayRead, mayWrite, Touched, touch, translate } from '../device/index.js'
import { Errno, type HmmRange, RangeResult, resetRange, type Task } from '../kernel/index.js'
import { become, claim, procedure, type Running, SpecificationError, step } from '../world/index.js'
import type { Driver, FaultAnswer } from './driver.js'
import { accessOf, type Mirror, rangesOfThread } from './mirror.js'

/**
 * The device accesses the pages from `page` to `end`, one after another, and faults at a page that
 * it cannot translate: the driver is called to map all remaining pages. A driver may make the
 * accesses itself (`Driver.access`).
 *
 * @param value - the value to write; absent for a read
 * @returns 0, or the error of a fault that the driver could not handle
 */
export const deviceAccess = procedure(
  'device access',
  function* (current: Task, mirror: Mirror, page: number, end: number, value?: number): Running<number> {
    if (page === end) return 0
    const { access: ownAccess } = mirror.driver
    if (ownAccess) return yield* accessByDriver(current, mirror, ownAccess, page, end, value)
    const write = value !== undefined
    const access = accessOf(mirror, current)
    const fault = yield* step('translate', () =>
      translate(mirror, access, page, write ? mayWrite : mayRead) ? 0 : 1,
    )
    if (fault) {
      const error = yield* serveFault(current, mirror, page, end, write)
      return error ? error : yield* become(deviceAccess, current, mirror, page, end, value)
    }
    yield* step('access', () => {
      touch(current, mirror, access, value)
      return 0
    })
    return yield* become(deviceAccess, current, mirror, page + 1, end, value)
  },
)

/**
 * A software device: its driver makes the accesses. If the driver returns 0, it must have made each
 * of them.
 */
export const accessByDriver = procedure(
  'access by the driver',
  function* (
    current: Task,
    mirror: Mirror,
    access: NonNullable<Driver['access']>,
    page: number,
    end: number,
    value?: number,
  ): Running<number> {
    const answer = yield* access(current, mirror, page, end, value)
    if (!Number.isInteger(answer) || answer > 0)
      throw new SpecificationError(
        'invalid-result',
        `access of driver ${mirror.driver.name} returned ${String(answer)}; it returns 0, or a negative error number`,
      )
    const { touched } = accessOf(mirror, current)
    yield* step('the driver has answered', () => {
      const how = value === undefined ? Touched.read : Touched.written
      for (let at = page; at < end && answer === 0; at++)
        claim(
          'C5',
          touched[at].how === how,
          `${mirror.name} is told that page ${at} was ${value === undefined ? 'read' : 'written'}, and it was not`,
        )
      for (const each of touched) each.how = Touched.not
      return 0
    })
    return answer
  },
)

/**
 * A device fault: the driver maps the pages from `start` to `end` or returns an error. Afterwards
 * its range is free.
 *
 * @returns 0 if the device may retry the access, or a negative error number
 */
export const serveFault = procedure(
  'device fault',
  function* (current: Task, mirror: Mirror, start: number, end: number, write: boolean) {
    const answer = yield* mirror.driver.fault(current, mirror, start, end, write)
    mustBeAnswer(mirror, answer)
    yield* endOfRange(current, mirror, answer)
    const error = typeof answer === 'number' ? answer : 0
    claim(
      'C22',
      write || error !== -Errno.EPERM,
      `${mirror.name} wants to read, and is refused for want of the right to write`,
    )
    return error
  },
)

function mustBeAnswer({ driver }: Mirror, answer: unknown): void {
  if (answer === 'mapped' || answer === 'again') return
  if (Number.isInteger(answer) && (answer as number) <= 0) return
  throw new SpecificationError(
    'invalid-result',
    `fault of driver ${driver.name} returned ${String(answer)}; it returns 0 or 'mapped', 'again', or a negative error number`,
  )
}

/** The driver is done with the range: the array is freed. */
export const endOfRange = procedure(
  'end of the range',
  function* (current: Task, mirror: Mirror, answer: FaultAnswer) {
    const ranges = rangesOfThread(mirror, current.thread)
    yield* step('free the range', () => {
      for (const range of ranges) {
        signalEnd(range, answer)
        resetRange(range)
      }
      return 0
    })
  },
)

function signalEnd({ result, lifecycle }: HmmRange, answer: FaultAnswer): void {
  // The driver still holds its lock, but no longer uses the entries.
  if (result === RangeResult.validated) lifecycle.signal('COMMITTED')
  const failed = typeof answer === 'number' && answer < 0
  if (failed && result === RangeResult.collided) lifecycle.signal('TIMED_OUT')
  else if (failed && result !== RangeResult.failed) lifecycle.signal('FAILED')
  // A walk that was not validated maps no page, so another fault has mapped the pages.
  else if (answer !== 'again' && result === RangeResult.filled) lifecycle.signal('COMMITTED')
  // Without a walk the pages were mapped already.
  else if (result !== RangeResult.none) lifecycle.signal('RELEASED')
}
