/** A driver's thread posts requests, a device serves them: the example of `docs/writing-procedures.md`. */
import type { Requirement } from 'hmm-spec/spec'
import {
  BLOCKED,
  become,
  choose,
  Layout,
  Mutex,
  procedure,
  READ_ONCE,
  type Running,
  scenario,
  step,
} from 'hmm-spec/world'

/** The state that both threads share. */
export interface Queue {
  readonly lock: Mutex
  /** Requests that wait. Protected by the lock. */
  posted: number
  served: number
  failed: number
}

/** How many requests the queue has room for. */
const ROOM = 1

/** Posts one request under the lock. */
export const post = procedure(function* post(queue: Queue) {
  yield* queue.lock.lock()
  yield* step('post a request', () => {
    queue.posted += 1
  })
  yield* queue.lock.unlock()
})

/** Posts `count` requests, waiting for room for each. */
export const postAll = procedure('post all', function* (queue: Queue, count: number): Running<void> {
  if (count === 0) return
  yield* step('wait for room', () => (READ_ONCE(queue).posted < ROOM ? 0 : BLOCKED))
  yield* post(queue)
  yield* become(postAll, queue, count - 1)
})

/** The device: serves one request after another, and may fail each. */
export const serve = procedure(function* serve(queue: Queue, count: number): Running<void> {
  if (count === 0) return
  yield* step('wait for a request', () => (READ_ONCE(queue).posted > 0 ? 0 : BLOCKED))
  const failed = yield* choose('does the device fail?', ['no', 'yes'])
  yield* queue.lock.critical('take the request', () => {
    queue.posted -= 1
    if (failed) queue.failed += 1
    else queue.served += 1
  })
  yield* become(serve, queue, count - 1)
})

export const queueRequirement: Requirement = {
  id: 'queue',
  title: 'each request is answered once',
  text: 'The device serves or fails each request that was posted, once, and ends.',
  source: ['the rules of this example'],
  checks: ['nothing is answered twice', 'the device ends'],
}

/** The two threads, and the claims about them. */
export const doorbell = scenario({
  name: 'doorbell',
  summary: 'A thread posts requests to a queue, and a device serves them or fails.',
  exercises: ['queue'],
  parameters: {
    requests: { summary: 'requests that are posted', min: 1, max: 4, smoke: 2, default: 3, deep: 4 },
  },
  build({ requests }) {
    const layout = new Layout({ threads: 2 })
    const queue: Queue = layout.scope('queue', (l) => {
      const lock = new Mutex(l, 'lock')
      return {
        lock,
        posted: l.counter('posted', ROOM, { guardedBy: lock }),
        served: l.counter('served', requests),
        failed: l.counter('failed', requests),
      }
    })
    return {
      layout,
      threads: [
        { name: 'driver', program: postAll, args: [queue, requests] },
        { name: 'device', program: serve, args: [queue, requests] },
      ],
      invariants: [
        {
          clause: 'queue',
          name: 'nothing is answered twice',
          judge() {
            const answered = queue.served + queue.failed
            return answered <= requests ? true : `${answered} answers to ${requests} requests`
          },
        },
      ],
      witnesses: [{ name: 'every request fails', holds: () => queue.failed === requests }],
      progress: [
        {
          clause: 'queue',
          name: 'the device ends',
          pending: (view) => !view.finished(1),
        },
      ],
    }
  },
})
