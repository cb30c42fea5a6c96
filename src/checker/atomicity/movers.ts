/**
 * Decides whether a step may be atomic: which of its accesses commute with those of other threads.
 *
 * Taking a lock commutes to the right, dropping one to the left, and a guarded access both ways (R.
 * Lipton, "Reduction: a method of proving properties of parallel programs", 1975). A run of a step
 * is equivalent to one access if it takes locks, then makes one access that does not commute, then
 * drops locks.
 *
 * @module
 */
import { type Access, Act, type Place } from './accesses.js'

/** A run of a step: the thread and the accesses. */
export interface Run {
  readonly procedure: string
  readonly step: string
  /** True if the procedure is under test. */
  readonly isOwn: boolean
  readonly thread: number
  readonly accesses: readonly Access[]
}

/** Which threads access a place and how, over all runs: one bit for each thread. */
interface Use {
  reads: number
  /** Those of {@link Use.reads} that read without the lock that guards the place. */
  lockless: number
  writes: number
}

/** The uses of all places, in all runs of a scenario. */
export class Uses {
  private readonly uses: readonly Use[]

  constructor(places: readonly Place[], runs: Iterable<Run>) {
    this.uses = places.map(() => ({ reads: 0, lockless: 0, writes: 0 }))
    for (const { thread, accesses } of runs)
      for (const { place, act } of accesses) {
        const [use, bit] = [this.uses[place], 1 << thread]
        if (act >= Act.write) use.writes |= bit
        else use.reads |= bit
        if (act === Act.read) use.lockless |= bit
      }
  }

  /**
   * True if no access of another thread can observe the order of the two: no other thread uses the
   * place, or none changes it, or all that could observe it need the lock that is held.
   */
  commutes({ place, act }: Access, thread: number): boolean {
    const { reads, lockless, writes } = this.uses[place]
    const others = ~(1 << thread)
    switch (act) {
      case Act.guardedRead:
        return true
      case Act.read:
        return (writes & others) === 0
      case Act.guardedWrite:
        return (lockless & others) === 0
      default:
        return ((reads | writes) & others) === 0
    }
  }
}

/** Why a run of a step is too large, with places by number. */
export interface TooLarge {
  /** Accesses that other threads may interleave with. */
  readonly places: ReadonlySet<number>
  /**
   * Locks that it takes after such an access, drops before one, or takes after it has dropped one.
   */
  readonly locks: ReadonlySet<number>
}

/** The reason why a run is too large; `undefined` if it is not. */
export function tooLarge({ accesses, thread }: Run, uses: Uses): TooLarge | undefined {
  const places = new Set<number>()
  const locks = new Set<number>()
  const dropped: number[] = []
  for (const access of accesses)
    if (access.act === Act.acquire) {
      if (places.size > 0 || dropped.length > 0) locks.add(access.place)
      for (const lock of dropped) locks.add(lock)
    } else if (access.act === Act.release) dropped.push(access.place)
    else if (!uses.commutes(access, thread)) {
      places.add(access.place)
      for (const lock of dropped) locks.add(lock)
    }
  return places.size > 1 || locks.size > 0 ? { places, locks } : undefined
}
