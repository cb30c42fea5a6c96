/**
 * A protocol in which there is something for each kind of mutation.
 */
import { BLOCKED, type Mutex, procedure, step } from '../../src/world/index.js'

interface World {
  readonly lock: Mutex
  readonly rw: {
    lockWrite(): Generator<never, number>
    unlockWrite(): Generator<never, number>
  }
  dirty: boolean
  owner: number
  count: number
}

const touch = procedure('touch', function* (world: World, page: number) {
  yield* step('touch', () => {
    world.count = page
    world.dirty = true
    return 0
  })
})

const read = procedure('read', function* (world: World) {
  return yield* step('read', () => world.count)
})

export const protocol = procedure(function* kernel_protocol(world: World, head: number, end: number) {
  yield* world.rw.lockWrite()
  const seen = yield* read(world)
  if (seen > 3 && world.owner === 1) {
    yield* touch(world, head)
    return 1
  }
  yield* touch(world, end)
  yield* world.rw.unlockWrite()
  yield* world.lock.lock()
  if (isStale(world)) return 2
  yield* world.lock.critical('count', () => {
    world.count += 1
    return 0
  })
  return record(seen)
})

function isStale(world: World): boolean {
  return world.count > 1
}

function record(seen: number) {
  mustBeSmall(seen)
  const made = { dirty: seen > 2, blocked: BLOCKED }
  return made.dirty ? 1 : seen
}

function mustBeSmall(seen: number): void {
  if (seen > 9) throw new Error('too large')
}
