/**
 * A driver whose callback has two passes: the first removes the entries and starts the flush of the
 * device; the second waits for the flush, after all other notifiers were called. So several devices
 * flush at the same time.
 *
 * @see reference B.1.1
 * @module
 */

import { flushDevice } from '../../device/index.js'
import {
  type IntervalNotifier,
  type Invalidate,
  type NotifierRange,
  type Task,
  TOKEN,
} from '../../kernel/index.js'
import { type Layout, procedure, step } from '../../world/index.js'
import type { Mirror } from '../mirror.js'
import { lockForInvalidation, recordAndUnmap } from '../reference/reference.js'

/**
 * The flush that the second pass waits for. It is part of the mirror: there is one.
 *
 * @kernel struct mmu_interval_notifier_finish
 */
export interface FinishToken {
  /** Set under the update lock; cleared by a store with release semantics, without a lock. */
  inUse: boolean
  /** First page. */
  start: number
  /** Page after the last. */
  end: number
}

const tokens = new WeakMap<Mirror, FinishToken>()

/** The token of a mirror whose driver has two passes; undefined for any other. */
export function finishTokenOf(mirror: Mirror): FinishToken | undefined {
  return tokens.get(mirror)
}

/** Declares the token of `mirror`, and replaces its callback by two passes. */
export function declareTwoPass(layout: Layout, mirror: Mirror, pages: number): void {
  const token = layout.scope(`${mirror.name}.finish`, (l) => ({
    inUse: l.flag('in_use'),
    start: l.counter('start', pages),
    end: l.counter('end', pages),
  }))
  tokens.set(mirror, token)
  mirror.notifier.ops = {
    invalidate: invalidateStartOf(mirror, token),
    finish: procedure(
      `${mirror.name}: invalidate_finish`,
      function* (_current: Task, _sub: IntervalNotifier) {
        yield* finishForgetting(mirror, token)
      },
    ),
    setUnder: mirror.protection.remove,
  }
}

function invalidateStartOf(mirror: Mirror, token: FinishToken): Invalidate {
  return procedure(
    `${mirror.name}: invalidate_start`,
    function* (current: Task, _sub: IntervalNotifier, range: NotifierRange, curSeq: number) {
      if (!(yield* lockForInvalidation(mirror, range))) return 0
      yield* recordInFirstPass(current, mirror, range, curSeq)
      const isLent = yield* lendToken(mirror, token, range)
      // There is one token: a callback that finds it in use flushes in the first pass.
      if (!isLent) yield* flushDevice(mirror, range)
      yield* mirror.updateLock.unlock()
      return isLent ? TOKEN : 1
    },
  )
}

/**
 * Sets the sequence number and removes the entries. This belongs to the first pass, since readers
 * may run in between.
 */
export const recordInFirstPass = procedure(
  'invalidate_start (unmap)',
  function* (current: Task, mirror: Mirror, range: NotifierRange, curSeq: number) {
    yield* recordAndUnmap(current, mirror, range, curSeq)
  },
)

/**
 * Stores the range in the token. Returns 0 if the token is in use. Called under the update lock.
 */
export const lendToken = procedure(
  'invalidate_start (token)',
  function* (_mirror: Mirror, token: FinishToken, range: NotifierRange) {
    return yield* step('take the token', () => {
      if (token.inUse) return 0
      token.inUse = true
      fill(token, range)
      return 1
    })
  },
)

/** Writes the range into the token. Called inside an atomic step, under the update lock. */
export function fill(token: FinishToken, range: Pick<NotifierRange, 'start' | 'end'>): void {
  token.start = range.start
  token.end = range.end
}

/**
 * Waits for the flush of the range in the token, and releases the token. It takes no lock, since it
 * may run where sleeping is not allowed: the store that releases the token comes last
 * (`clear_bit_unlock`), and no other thread writes the token before.
 */
export const finishForgetting = procedure(function* invalidate_finish(mirror: Mirror, token: FinishToken) {
  const [start, end] = [yield* readToken(token, 'start'), yield* readToken(token, 'end')]
  yield* flushDevice(mirror, { start, end })
  yield* step('give the token back', () => {
    token.inUse = false
    fill(token, { start: 0, end: 0 })
    return 0
  })
})

/** The range in the token, which belongs to this invalidation. */
const readToken = procedure(
  'invalidate_finish (token)',
  function* (token: FinishToken, what: 'start' | 'end') {
    return yield* step('look into the token', () => token[what])
  },
)
