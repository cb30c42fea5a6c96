/**
 * Features of the generations before Linux 5.5: mirrors that are registered and released, ranges
 * whose walk drops the mmap lock, snapshots.
 *
 * @module
 */
import { deviceAccess, endOfRange, type Mirror, rangeOf } from '../../../src/driver/index.js'
import {
  everyPage,
  generationNamed,
  HMM_FAULT_ALLOW_RETRY,
  HMM_FAULT_SNAPSHOT,
  hmm_mirror_register,
  hmm_mirror_unregister,
  hmm_range_dma_map,
  hmm_range_dma_unmap,
  hmm_range_register,
  hmm_range_unregister,
  hmm_range_valid,
  lockNextPage,
  prefaultRegistered,
  withHmmLifetime,
} from '../../../src/generations/index.js'
import { Errno, exit_mm, hmm_vma_fault, madvise_dontneed, type Task } from '../../../src/kernel/index.js'
import { procedure, type Running, type Witness } from '../../../src/world/index.js'
import { rangesAreMappedWhole } from '../../mirror/invariants/mirrors.js'
import { call, type MirrorWorld, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'
import { pagesParameter, repeat } from '../../mirror/scenarios/mirroring.js'
import { emptyMirror } from '../../mirror/scenarios/notifiers.js'

/** Opens the mirror, uses it, and closes it, even if the address space goes away meanwhile. */
const useHmmMirror = procedure(
  'use a mirror of 5.4',
  function* (current: Task, mirror: Mirror, page: number, end: number, value: number): Running<void> {
    const { mmapLock } = mirror.mm
    yield* mmapLock.lockWrite()
    const error = yield* hmm_mirror_register(current, mirror)
    yield* mmapLock.unlockWrite()
    if (error) return
    yield* deviceAccess(current, mirror, page, end, value)
    yield* emptyMirror(current, mirror)
    yield* hmm_mirror_unregister(mirror)
  },
)

/** A mirror is registered and unregistered while the process changes its mappings, and exits. */
export const hmmMirror = mirrorScenario({
  name: 'hmm-mirror',
  summary:
    'With the API of 5.4 a mirror is registered, used and unregistered while the process zaps a ' +
    'page and exits: release may be called before the mirror is unregistered.',
  exercises: ['C1', 'C7', 'C17', 'C32', 'lock-discipline', 'refinement'],
  parameters: { pages: pagesParameter(1, 1, 2) },
  home: generationNamed('5.4'),
  world: ({ pages }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'gpu', detached: true }],
    spareFrames: 1,
    invalidations: 3,
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(useHmmMirror, m.mirrors[0], 0, pages, 2)] },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1), call(exit_mm)] },
    ],
  }),
})

/**
 * A mirror is opened and closed while a process zaps a page: callbacks may run on an object that is
 * about to be freed.
 */
export const hmmLifetime = mirrorScenario({
  name: 'hmm-lifetime',
  summary:
    'With the API of 5.4 the only mirror is registered, used and unregistered while the process ' +
    'zaps a page: struct hmm is allocated for the mirror, and freed after it while callbacks may ' +
    'run.',
  exercises: ['C1', 'C17', 'C32', 'lock-discipline'],
  parameters: {},
  home: withHmmLifetime(generationNamed('5.4')),
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu', detached: true }],
    spareFrames: 1,
    invalidations: 2,
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(useHmmMirror, m.mirrors[0], 0, 1, 2)] },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
  }),
})

/** The walk of the first thread drops the mmap lock. */
function dropsTheLock({ machine, tasks }: MirrorWorld): Witness[] {
  const { mmapLock } = machine.mms[0]
  return [
    {
      name: 'a walk drops the mmap lock',
      clause: 'C20',
      holds: (view) =>
        view.inside(tasks[0].thread, hmm_vma_fault) &&
        view.step(tasks[0].thread) === `up_read ${mmapLock.name}`,
    },
  ]
}

/** A walk that may drop the mmap lock, and a snapshot. */
export const hmmRange = mirrorScenario({
  name: 'hmm-range',
  summary:
    'With the API of 5.4 one driver thread populates pages with HMM_FAULT_ALLOW_RETRY and meets a ' +
    'locked page, another takes a snapshot, and a CPU zaps a page.',
  exercises: ['C1', 'C8', 'C20', 'lock-discipline'],
  parameters: { pages: pagesParameter(1, 2, 2) },
  home: generationNamed('5.4'),
  world: ({ pages }) => ({
    pages: repeat(pages, {}),
    mirrors: [{ name: 'gpu' }],
    spareFrames: pages,
    invalidations: 1,
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: (m) => [
          call(lockNextPage, m.mirrors[0]),
          call(prefaultRegistered, m.mirrors[0], everyPage(0, pages, true), HMM_FAULT_ALLOW_RETRY),
        ],
      },
      {
        name: 'snapshot',
        devices: [0],
        calls: (m) => [call(prefaultRegistered, m.mirrors[0], everyPage(0, pages, true), HMM_FAULT_SNAPSHOT)],
      },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
    witnesses: dropsTheLock,
  }),
})

/** A walk of 4.17, whose fault may always drop the mmap lock. */
export const hmmVma = mirrorScenario({
  name: 'hmm-vma-fault',
  summary:
    'With the API of 4.17 a device accesses pages one of which is locked, so that the walk drops ' +
    'the mmap lock; a CPU zaps a page.',
  exercises: ['C5', 'C19', 'C20', 'lock-discipline'],
  parameters: { pages: pagesParameter(1, 2, 2) },
  home: generationNamed('4.17'),
  world: ({ pages }) => ({
    pages: repeat(pages, {}),
    mirrors: [{ name: 'gpu' }],
    spareFrames: pages + 1,
    invalidations: 1,
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: (m) => [call(lockNextPage, m.mirrors[0]), call(deviceAccess, m.mirrors[0], 0, pages, 2)],
      },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
    witnesses: dropsTheLock,
  }),
})

/** A mirror of 5.0 is called at the start of an invalidation, and removes its entries. */
export const hmmVmaUnmap = mirrorScenario({
  name: 'hmm-vma-unmap',
  summary:
    'With the API of 5.0 a device writes to a page while a CPU zaps it: the callback removes the page from the device.',
  exercises: ['C32', 'lock-discipline'],
  parameters: {},
  home: generationNamed('5.0'),
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 1,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2)] },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
  }),
})

/**
 * A driver maps pages for DMA during its walk, uses them if they are still valid, and unmaps them.
 */
const mapRangeForDma = procedure(
  'map a range for DMA',
  function* (current: Task, mirror: Mirror, end: number): Running<void> {
    const range = rangeOf(mirror, current)
    const error = (yield* hmm_range_register(range, 0, end)) || (yield* useRangeForDma(current, mirror, end))
    if (!error) yield* hmm_range_dma_unmap(current, range, 0, end, true)
    yield* hmm_range_unregister(current, range)
    yield* endOfRange(current, mirror, error)
  },
)

/** @returns 0 if all pages are mapped; -EBUSY after a collision; or the error of the mapping */
const useRangeForDma = procedure(
  'use a range for DMA',
  function* (current: Task, mirror: Mirror, end: number): Running<number> {
    const range = rangeOf(mirror, current)
    yield* mirror.mm.mmapLock.lockRead()
    const mapped = yield* hmm_range_dma_map(current, range, everyPage(0, end, true), 0)
    yield* mirror.mm.mmapLock.unlockRead()
    if (mapped < 0) return mapped
    yield* mirror.updateLock.lock()
    const valid = yield* hmm_range_valid(range)
    yield* mirror.updateLock.unlock()
    if (valid) return 0
    yield* hmm_range_dma_unmap(current, range, 0, end, false)
    return -Errno.EBUSY
  },
)

/** A range of 5.4 that is mapped for DMA during the walk. */
export const hmmRangeForDma = mirrorScenario({
  name: 'hmm-range-dma',
  summary:
    'With the API of 5.4 a driver maps pages for DMA as it reads them; any mapping may fail, or the ' +
    'range be invalidated midway; a CPU zaps a page.',
  exercises: ['C20', 'dma-mapping'],
  parameters: { pages: pagesParameter(2, 2, 3) },
  home: generationNamed('5.4'),
  world: ({ pages }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'nic' }],
    spareFrames: 1,
    invalidations: 1,
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(mapRangeForDma, m.mirrors[0], pages)] },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
    stepClaims: (world) => [rangesAreMappedWhole(world)],
  }),
})
