/**
 * The collision-retry protocol on its own, without page tables or drivers: small enough that an independent model
 * of it exists for other checkers, whose state counts this scenario must equal.
 *
 * @module
 */
import { BLOCKED, become, Layout, procedure, type Running, scenario, step } from '../../../src/world/index.js'

interface Protocol {
  readonly pages: number
  readonly invalidations: number
  /** `mmu_notifier_subscriptions.invalidate_seq`. */
  sequence: number
  /** `mmu_interval_notifier.invalidate_seq`. */
  notifierSequence: number
  /** The driver's update lock: 0, or the holder plus 1. */
  lock: number
  /** Generation of each page's CPU entry. */
  readonly pte: readonly Entry[]
  /** Generation that the device maps: 0 for none, else plus 1. */
  readonly device: readonly Entry[]
}

/** An entry, as the generation that it maps. */
export interface Entry {
  generation: number
}

/** read_retry, as its own procedure so that the defect can leave it out: 1 if the walk must be done again. */
export const mmu_interval_read_retry = procedure(function* mmu_interval_read_retry(p: Protocol, seq: number) {
  return yield* step('compare', () => (p.notifierSequence === seq ? 0 : 1))
})

const faultThread = procedure(function* fault(p: Protocol, id: number, commits: number): Running<void> {
  if (commits === 0) return
  const seq = yield* step('read_begin', () => {
    const seq = p.notifierSequence
    return seq === p.sequence ? BLOCKED : seq
  })
  const pfns: number[] = []
  for (const pte of p.pte) pfns.push(yield* step('range_fault', () => pte.generation))
  yield* step('lock', () => {
    if (p.lock !== 0) return BLOCKED
    p.lock = id
    return 0
  })
  const retry = yield* mmu_interval_read_retry(p, seq)
  if (!retry) {
    for (let page = 0; page < p.pages; page++)
      yield* step('program', () => {
        p.device[page].generation = pfns[page] + 1
        return 0
      })
  }
  yield* step('unlock', () => {
    p.lock = 0
    return 0
  })
  return yield* become(faultThread, p, id, retry ? commits : commits - 1)
})

const invalidator = procedure(function* invalidate(p: Protocol, left: number): Running<void> {
  if (left === 0) return
  const page = yield* step(
    'start',
    (choice) => {
      p.sequence += 1
      return choice
    },
    p.pages,
  )
  yield* step('lock', () => {
    if (p.lock !== 0) return BLOCKED
    p.lock = 3
    return 0
  })
  yield* step('set_seq', () => {
    p.notifierSequence = p.sequence
    return 0
  })
  yield* step('zap', () => {
    p.device[page].generation = 0
    return 0
  })
  yield* step('unlock', () => {
    p.lock = 0
    return 0
  })
  yield* step('change pte', () => {
    p.pte[page].generation += 1
    return 0
  })
  yield* step('end', () => {
    p.sequence += 1
    return 0
  })
  return yield* become(invalidator, p, left - 1)
})

/** Two fault threads, one invalidator: read_begin, walk, lock, read_retry, install. */
export const retryProtocol = scenario({
  name: 'retry-protocol',
  summary:
    'The collision-retry protocol on its own: two fault threads of some commits each and one ' +
    'invalidator. Equal, state for state, to an independent model for SPIN and TLC.',
  exercises: ['C1'],
  parameters: {
    pages: { summary: 'pages of the range', min: 1, max: 3, smoke: 2, default: 2, deep: 2 },
    invalidations: { summary: 'invalidations', min: 0, max: 8, smoke: 2, default: 3, deep: 5 },
    commits: { summary: 'commits of each fault thread', min: 0, max: 4, smoke: 1, default: 2, deep: 3 },
  },
  build({ pages, invalidations, commits }) {
    const layout = new Layout({ threads: 3 })
    const p: Protocol = layout.scope('protocol', (l) => ({
      pages,
      invalidations,
      sequence: l.counter('sequence', 2 + 2 * invalidations, { initial: 2 }),
      notifierSequence: l.counter('notifierSequence', 2 + 2 * invalidations, { initial: 1 }),
      lock: l.counter('lock', 3),
      pte: l.array('pte', pages, (e) => ({
        generation: e.counter('generation', Math.max(1, invalidations)),
      })),
      device: l.array('device', pages, (e) => ({ generation: e.counter('generation', invalidations + 1) })),
    }))
    return {
      layout,
      threads: [
        { name: 'fault 1', program: faultThread, args: [p, 1, commits] },
        { name: 'fault 2', program: faultThread, args: [p, 2, commits] },
        { name: 'invalidator', program: invalidator, args: [p, invalidations] },
      ],
      invariants: [
        {
          clause: 'C1',
          name: 'mirror is not stale',
          judge() {
            let said: true | undefined
            for (let page = 0; page < pages; page++) {
              const mapped = p.device[page].generation
              if (mapped === 0) continue
              said = true
              if (mapped !== p.pte[page].generation + 1)
                return `the device maps generation ${mapped - 1} of page ${page}, the CPU generation ${p.pte[page].generation}`
            }
            return said
          },
        },
      ],
    }
  },
})
