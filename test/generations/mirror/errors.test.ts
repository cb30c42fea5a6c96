/**
 * What each error of a walk leaves behind, in the array and in the locks, before Linux 5.5.
 */
import { describe, expect, it } from 'vitest'
import { type MirrorScenario, type MirrorWorld, mirrorScenario } from '../../../spec/index.js'
import {
  everyPage,
  type GenerationName,
  generationNamed,
  HMM_FAULT_ALLOW_RETRY,
  HMM_FAULT_SNAPSHOT,
  hmm_range_dma_map,
  hmm_range_dma_unmap,
  hmm_range_register,
  hmm_range_unregister,
  hmm_range_wait_until_valid,
  hmm_vma_get_pfns,
  hmm_vma_range_done,
  hmmRangeFaultWithFlags,
  hmmVmaFaultBlocking,
  lockNextPage,
  trackedOf,
} from '../../../src/generations/index.js'
import { Errno, type HmmRange, VmaKind } from '../../../src/kernel/index.js'
import { type Procedure, SequentialRunner, type World } from '../../../src/world/index.js'

/** A world in which one thread calls one procedure after another. */
interface Alone {
  readonly m: MirrorWorld
  readonly w: World
  readonly range: HmmRange
  run<A extends unknown[], R>(target: Procedure<A, R>, ...args: A): R
  /** Takes the mmap lock for reading; afterwards {@link locked} tells whether it is still held. */
  lock(): void
  locked(): boolean
  /** Flags of the array. */
  told(): number[]
}

function alone(
  name: GenerationName,
  pages: MirrorScenario['pages'],
  options: { spareFrames?: number; detached?: boolean; choice?: number } = {},
): Alone {
  const { spareFrames = 2, detached = false, choice = 0 } = options
  let world: MirrorWorld | undefined
  const scenario = mirrorScenario({
    name: 'alone',
    summary: 'One thread.',
    exercises: [],
    parameters: {},
    home: generationNamed(name),
    world: () => ({
      pages,
      mirrors: [{ name: 'gpu', detached }],
      spareFrames,
      invalidations: 1,
      threads: [
        {
          name: 'driver',
          devices: [0],
          calls: (given) => {
            world = given
            return []
          },
        },
      ],
    }),
  })
  const model = scenario.build({})
  const w = model.layout.initial()
  model.initialise?.()
  const runner = new SequentialRunner({ overrides: model.overrides ?? [], choose: () => choice })
  const m = world as unknown as MirrorWorld
  const { mmapLock } = m.machine.mms[0]
  const range = [...m.mirrors[0].ranges.values()][0]
  const run: Alone['run'] = (target, ...args) => runner.run(0, target, ...args)
  return {
    m,
    w,
    range,
    run,
    lock: () => {
      mmapLock.readers.value = 1
    },
    locked: () => mmapLock.heldBy(0),
    told: () => range.pfns.map((entry) => entry.flags),
  }
}

const TOUCHED = { touched: true }
const UNREADABLE = { flags: 0 }
const HOLE = { kind: VmaKind.none, flags: 0 }

describe('hmm_vma_fault of 4.17', () => {
  it('tells the pages, keeps the lock, and follows the range until hmm_vma_range_done', () => {
    const a = alone('4.17', [TOUCHED, {}])
    a.lock()
    expect(a.run(hmmVmaFaultBlocking, a.m.tasks[0], a.range, everyPage(0, 2, true))).toBe(0)
    expect([a.locked(), a.told(), trackedOf(a.range).listed]).toEqual([true, [3, 3], true])
    expect(a.run(hmm_vma_range_done, a.range)).toBe(1)
    expect(trackedOf(a.range).listed).toBe(false)
  })

  it.each([
    ['-EPERM for an area that may not be read', [UNREADABLE, UNREADABLE], {}, Errno.EPERM],
    ['-EINVAL for pages in two areas', [TOUCHED, HOLE], {}, Errno.EINVAL],
    [
      '-ENOMEM if nobody mirrors, and there is no memory',
      [TOUCHED, {}],
      { detached: true, choice: 1 },
      Errno.ENOMEM,
    ],
    ['-EFAULT for a fault that fails', [TOUCHED, {}], { spareFrames: 0 }, Errno.EFAULT],
  ] as const)(
    '%s: nothing is told of what was not, the range is not followed, the lock is held',
    (_, pages, options, error) => {
      const a = alone('4.17', pages, options)
      a.lock()
      expect(a.run(hmmVmaFaultBlocking, a.m.tasks[0], a.range, everyPage(0, 2, true))).toBe(-error)
      expect(a.told()[1]).toBe(0)
      expect([a.locked(), trackedOf(a.range).listed]).toEqual([true, false])
    },
  )

  it('-EBUSY for a page that is locked: the lock is gone', () => {
    const a = alone('4.17', [{}])
    a.run(lockNextPage, a.m.tasks[0], a.m.mirrors[0])
    a.lock()
    expect(a.run(hmmVmaFaultBlocking, a.m.tasks[0], a.range, everyPage(0, 1, true))).toBe(-Errno.EBUSY)
    expect([a.locked(), a.told(), trackedOf(a.range).listed]).toEqual([false, [0], false])
  })

  it('hmm_vma_get_pfns faults nothing in', () => {
    const a = alone('4.17', [TOUCHED, {}])
    a.lock()
    expect(a.run(hmm_vma_get_pfns, a.m.tasks[0], a.range, everyPage(0, 2, true))).toBe(0)
    expect(a.told()).toEqual([3, 0])
  })
})

describe('hmm_range_fault of 5.4', () => {
  const registered = (pages: MirrorScenario['pages'], options = {}) => {
    const a = alone('5.4', pages, options)
    expect(a.run(hmm_range_register, a.range, 0, pages.length)).toBe(0)
    a.lock()
    return a
  }
  const fault = (a: Alone, flags: number) =>
    a.run(hmmRangeFaultWithFlags, a.m.tasks[0], a.range, everyPage(0, a.range.pfns.length, true), flags)

  it('says how many pages it tells', () => {
    const a = registered([TOUCHED, {}])
    expect([fault(a, 0), a.told(), a.locked()]).toEqual([2, [3, 3], true])
  })

  it('faults nothing in for a snapshot', () => {
    const a = registered([TOUCHED, {}])
    expect([fault(a, HMM_FAULT_SNAPSHOT), a.told()]).toEqual([2, [3, 0]])
  })

  it.each([
    ['-EFAULT for a hole', HOLE, Errno.EFAULT],
    ['-EPERM for an area that may not be read', UNREADABLE, Errno.EPERM],
  ])('%s, though nothing is asked of it (D27)', (_, page, error) => {
    const a = registered([TOUCHED, page])
    expect([fault(a, HMM_FAULT_SNAPSHOT), a.locked()]).toEqual([-error, true])
  })

  it('-EBUSY for a range that is not valid: the lock is held', () => {
    const a = registered([TOUCHED])
    trackedOf(a.range).valid = false
    expect([fault(a, 0), a.locked()]).toEqual([-Errno.EBUSY, true])
  })

  it.each([
    ['-EAGAIN for a page that is locked: the lock is gone', HMM_FAULT_ALLOW_RETRY, -Errno.EAGAIN, false],
    ['waits for the page with the lock held if it may not drop it', 0, 1, true],
  ])('%s', (_, flags, answer, locked) => {
    const a = alone('5.4', [{}])
    a.run(hmm_range_register, a.range, 0, 1)
    a.run(lockNextPage, a.m.tasks[0], a.m.mirrors[0])
    a.lock()
    expect([fault(a, flags), a.locked()]).toEqual([answer, locked])
  })
})

describe('hmm_range_dma_map of 5.4', () => {
  const map = (a: Alone) => {
    a.run(hmm_range_register, a.range, 0, 2)
    a.lock()
    return a.run(hmm_range_dma_map, a.m.tasks[0], a.range, everyPage(0, 2, true), HMM_FAULT_SNAPSHOT)
  }
  const mapped = (a: Alone) => trackedOf(a.range).daddrs.map((daddr) => daddr.frame)

  it('maps what the walk tells, and hmm_range_dma_unmap undoes it', () => {
    const a = alone('5.4', [TOUCHED, {}])
    expect([map(a), mapped(a)]).toEqual([1, [2, 0]])
    expect(a.run(hmm_range_dma_unmap, a.m.tasks[0], a.range, 0, 2, true)).toBe(1)
    expect([mapped(a), a.told()]).toEqual([
      [0, 0],
      [0, 0],
    ])
  })

  it('maps nothing at all if one page cannot be mapped', () => {
    const a = alone('5.4', [TOUCHED, TOUCHED], { choice: 1 })
    expect([map(a), mapped(a)]).toEqual([-Errno.EFAULT, [0, 0]])
  })
})

describe('a range of 5.4', () => {
  it('is refused without pages, and of an address space that is gone', () => {
    const a = alone('5.4', [TOUCHED])
    expect(a.run(hmm_range_register, a.range, 1, 1)).toBe(-Errno.EINVAL)
    a.m.machine.mms[0].users = 0
    expect(a.run(hmm_range_register, a.range, 0, 1)).toBe(-Errno.EFAULT)
  })

  it('pins the address space for as long as it is registered', () => {
    const a = alone('5.4', [TOUCHED])
    a.run(hmm_range_register, a.range, 0, 1)
    expect(a.m.machine.mms[0].users).toBe(2)
    a.run(hmm_range_unregister, a.m.tasks[0], a.range)
    expect(a.m.machine.mms[0].users).toBe(1)
  })

  it('that is not valid is waited for until the time is over', () => {
    const a = alone('5.4', [TOUCHED], { choice: 1 })
    a.run(hmm_range_register, a.range, 0, 1)
    expect(a.run(hmm_range_wait_until_valid, a.range)).toBe(1)
    trackedOf(a.range).valid = false
    expect(a.run(hmm_range_wait_until_valid, a.range)).toBe(0)
  })
})
