/**
 * A driver whose callback has two passes: it takes the pages away and has its device begin to forget them, and waits for that
 * when every other watcher has been told too. Several devices then forget at the same time.
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

/** What is still to be waited for: it is part of the mirror, so that there is one. @kernel struct mmu_interval_notifier_finish */
export interface FinishToken {
  /** Taken under the update lock; given back by a plain store with release, under none. */
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

/** Declares the token of `mirror`, and puts the two passes in the place of its callback. */
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
  }
}

function invalidateStartOf(mirror: Mirror, token: FinishToken): Invalidate {
  return procedure(
    `${mirror.name}: invalidate_start`,
    function* (current: Task, _sub: IntervalNotifier, range: NotifierRange, curSeq: number) {
      if (!(yield* lockForInvalidation(mirror, range))) return 0
      yield* recordInFirstPass(current, mirror, range, curSeq)
      const isLent = yield* lendToken(mirror, token, range)
      // There is one token: who finds it in use does all of it at once.
      if (!isLent) yield* flushDevice(mirror, range)
      yield* mirror.updateLock.unlock()
      return isLent ? TOKEN : 1
    },
  )
}

/** Records the sequence and removes the entries: in the first pass, since readers come in between. */
export const recordInFirstPass = procedure(
  'invalidate_start (unmap)',
  function* (current: Task, mirror: Mirror, range: NotifierRange, curSeq: number) {
    yield* recordAndUnmap(current, mirror, range, curSeq)
  },
)

/**
 * Notes in the token what is to be waited for. Returns 0 if it is in use. Called under the update
 * lock.
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
 * Waits until the device has forgotten what the token names, and gives the token back. That takes no lock, as it runs also
 * where nobody may sleep: the store that ends its use comes last (`clear_bit_unlock`), and nobody else writes the token before.
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

/** What the token says. It is this invalidation's alone. */
const readToken = procedure(
  'invalidate_finish (token)',
  function* (token: FinishToken, what: 'start' | 'end') {
    return yield* step('look into the token', () => token[what])
  },
)
