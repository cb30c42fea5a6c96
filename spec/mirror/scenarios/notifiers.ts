/**
 * Notifiers are inserted and removed, overlap, fail, and are released with the process.
 *
 * One table of scenarios over one world; that is why it is long.
 *
 * @module
 */
import {
  deviceAccess,
  dirtyPages,
  drainHandlers,
  flushDevice,
  freeDriverObject,
  handleFaults,
  type Mirror,
  openWithoutNotifier,
  rangeOf,
  unlink,
  unmapPages,
} from '../../../src/driver/index.js'
import {
  type ClassicNotifier,
  cpuRead,
  cpuWrite,
  Errno,
  exit_mm,
  type MmStruct,
  madvise_dontneed,
  mmu_interval_notifier_insert,
  mmu_interval_notifier_remove,
  mmu_interval_read_begin,
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  munmap,
  type NotifierRange,
  NotifyEvent,
  oom_reap_task_mm,
  refuseRange,
  type Task,
  VM_READ,
  VM_WRITE,
} from '../../../src/kernel/index.js'
import {
  BLOCKED,
  become,
  type Procedure,
  procedure,
  type Running,
  step,
  type Witness,
} from '../../../src/world/index.js'
import type { MirrorScenario, MirrorWorld, Turn } from './mirror-declarations.js'
import { call, mirrorScenario } from './mirror-world.js'
import { pagesParameter, repeat } from './mirroring.js'

/** Its threads use interval notifiers themselves. */
const WITH_INTERVALS = ['5.6', '6.1', '6.16'] as const
/** A classic notifier whose start succeeded gets the end if a later one failed (D8). */
const WITH_UNDO = ['6.1', '6.16'] as const

/** Inserts the notifier over the whole mirror, unless the driver inserts notifiers at run time. */
export function* watchMirror(mirror: Mirror): Running<number> {
  const { driver, notifier } = mirror
  if (!driver.ownNotifiers) return yield* mmu_interval_notifier_insert(notifier)
  return yield* step('open the mirror', () => {
    openWithoutNotifier(mirror)
    return 0
  })
}

/** What is seen of the notifier over the whole mirror: nothing where the driver has others in its place. */
export function ofTheMirrors(
  witnesses: (world: MirrorWorld) => Witness[],
): (world: MirrorWorld) => Witness[] {
  return (world) => (world.mirrors.some(({ driver }) => driver.ownNotifiers) ? [] : witnesses(world))
}

/** A driver's user opens the mirror, uses it, and closes it: the notifier's memory is freed in the end. */
const useMirror = procedure(
  'use a mirror',
  function* (current: Task, mirror: Mirror, page: number, end: number, value: number) {
    if (yield* watchMirror(mirror)) return
    yield* deviceAccess(current, mirror, page, end, value)
    yield* closeMirror(current, mirror)
  },
)

/**
 * Closes the mirror, as its driver does if it has a close of its own. After the removal nothing invalidates the device any more,
 * so it must be empty before; and the notifier's memory is the driver's again only after.
 */
export const closeMirror = procedure('close a mirror', function* (current: Task, mirror: Mirror) {
  const { close } = mirror.driver
  if (close) yield* close(current, mirror)
  else {
    yield* emptyMirror(current, mirror)
    yield* mmu_interval_notifier_remove(mirror.notifier)
  }
  yield* freeMirror(mirror)
})

/**
 * The device no longer faults; its remaining entries are removed, and the pages of writable ones
 * are marked dirty.
 */
export const emptyMirror = procedure('empty a mirror', function* (_current: Task, mirror: Mirror) {
  const everything = { start: mirror.notifier.start, end: mirror.notifier.last + 1 }
  yield* mirror.updateLock.lock()
  yield* step('unmap everything', () => {
    dirtyPages(mirror, everything)
    unmapPages(mirror, everything)
    return 0
  })
  yield* flushDevice(mirror, everything)
  yield* mirror.updateLock.unlock()
})

/** The driver's object is freed, and with it the notifier. */
export const freeMirror = procedure('free a mirror', function* (mirror: Mirror) {
  yield* step('free the notifier', () => {
    freeDriverObject(mirror)
    return 0
  })
})

/** A mirror is opened and closed while invalidations run. */
export const insertAndRemove = mirrorScenario({
  name: 'insert-and-remove',
  summary:
    'A mirror is opened, used and closed while two threads zap pages: its notifier is inserted and ' +
    'removed at every moment of an invalidation, directly and through the deferred list.',
  exercises: ['C16', 'C17', 'C32', 'C49', 'use-after-free'],
  generations: WITH_INTERVALS,
  parameters: { pages: pagesParameter(1, 2, 3) },
  world: ({ pages }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'gpu', detached: true }, { name: 'nic' }],
    spareFrames: pages,
    invalidations: 3,
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(useMirror, m.mirrors[0], 0, pages, 2)] },
      { name: 'cpu 1', calls: () => [call(madvise_dontneed, 0, pages)] },
      { name: 'cpu 2', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
    witnesses: ofTheMirrors(({ mirrors }) => [
      {
        name: 'an insertion is deferred',
        clause: 'C16',
        holds: () => mirrors[0].notifier.lifecycle.state() === 'deferredInsert',
      },
      {
        name: 'a removal is deferred',
        clause: 'C17',
        holds: () => mirrors[0].notifier.lifecycle.state() === 'deferredRemove',
      },
    ]),
  }),
})

/** A mirror is opened, used and closed while the process unmaps its pages. */
export const unmapAndClose = mirrorScenario({
  name: 'unmap-and-close',
  summary:
    'A mirror is opened, used and closed while a thread unmaps the pages: the work that its driver ' +
    'queues for them is done, or cancelled, before the mirror is freed.',
  exercises: ['C16', 'C17', 'C49', 'use-after-free'],
  generations: WITH_INTERVALS,
  parameters: { pages: pagesParameter(1, 2, 3) },
  world: ({ pages }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'gpu', detached: true }],
    spareFrames: 1,
    invalidations: 1,
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(useMirror, m.mirrors[0], 0, pages, 2)] },
      { name: 'cpu', calls: () => [call(munmap, 0, pages)] },
    ],
  }),
})

/**
 * Closes the mirror while faults still find it, as its driver does; it is freed when nobody handles one any more. A driver that is
 * closed by its last user, or has no close of its own, is closed when no fault finds the mirror any more.
 */
export const closeInUse = procedure(
  'close a mirror in use, as its driver does',
  function* (current: Task, mirror: Mirror): Running<void> {
    const { close, closedBy } = mirror.driver
    const isAtOnce = close !== undefined && closedBy === undefined
    if (isAtOnce) yield* close(current, mirror)
    yield* unlink(mirror)
    yield* drainHandlers(mirror)
    if (isAtOnce) yield* freeMirror(mirror)
    else yield* closeMirror(current, mirror)
  },
)

/** A device faults while its mirror is closed by `close`, and a CPU zaps the page. */
export function closedWhileFaulting(close: Procedure<[Task, Mirror], void>): MirrorScenario {
  return {
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu', closable: true }],
    spareFrames: 1,
    invalidations: 2,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(handleFaults, m.mirrors[0], 0, 1, 2)] },
      { name: 'driver', calls: (m) => [call(close, m.mirrors[0])] },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
  }
}

/** A mirror is closed while faults find it. */
export const closeVersusFault = mirrorScenario({
  name: 'close-versus-fault',
  summary:
    'A mirror is closed while its device faults, and a CPU zaps the page: the fault handler holds a ' +
    'reference to the mirror, and may run before, during and after the close, unless the close waits ' +
    'for the last user.',
  exercises: ['C1', 'C17', 'C49', 'use-after-free'],
  generations: WITH_INTERVALS,
  parameters: {},
  world: () => closedWhileFaulting(closeInUse),
})

/** A mirror that is closed as soon as it is opened. */
const openAndClose = procedure('open and close a mirror', function* (current: Task, mirror: Mirror) {
  if (yield* watchMirror(mirror)) return
  yield* closeMirror(current, mirror)
})

/** A mirror is closed before it was ever let into the tree. */
export const closeAtOnce = mirrorScenario({
  name: 'close-at-once',
  summary: 'A mirror is opened and closed again and again without being used, while two threads zap pages.',
  exercises: ['C16', 'C17', 'use-after-free', 'deadlock'],
  generations: WITH_INTERVALS,
  parameters: { pages: pagesParameter(1, 2, 3) },
  world: ({ pages }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'gpu', detached: true }, { name: 'nic' }],
    spareFrames: pages,
    invalidations: 4,
    threads: [
      { name: 'driver', calls: (m) => [call(openAndClose, m.mirrors[0]), call(openAndClose, m.mirrors[0])] },
      { name: 'cpu 1', calls: () => [call(madvise_dontneed, 0, pages)] },
      { name: 'cpu 2', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
  }),
})

/** Invalidations of pages that the mirror does not watch. */
export const partialMirror = mirrorScenario({
  name: 'partial-mirror',
  summary:
    'A device mirrors only the first page. Invalidations of the second do not concern it, but one ' +
    'that runs while its notifier is inserted makes it wait.',
  exercises: ['C13', 'C14', 'C15', 'C16', 'C49'],
  generations: WITH_INTERVALS,
  parameters: {
    pages: { summary: 'pages of the address space', min: 2, max: 3, smoke: 2, default: 3, deep: 3 },
  },
  world: ({ pages }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'gpu', last: 0, detached: true }],
    spareFrames: pages,
    invalidations: 3,
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(useMirror, m.mirrors[0], 0, 1, 2)] },
      { name: 'cpu 1', calls: () => [call(madvise_dontneed, 1, pages - 1)] },
      { name: 'cpu 2', calls: () => [call(madvise_dontneed, 0, pages)] },
    ],
    witnesses: ofTheMirrors(({ mirrors }) => [
      {
        name: 'a notifier is inserted while an invalidation runs that touches none',
        clause: 'C16',
        holds: () => mirrors[0].notifier.lifecycle.state() === 'invalidating',
      },
    ]),
  }),
})

/** A callback that must not wait: fails for ranges that are not blockable, and so has no end callback. */
const impatientStart = procedure(
  'impatient notifier: start',
  function* (current: Task, _notifier: ClassicNotifier, range: NotifierRange) {
    if (range.blockable) return 0
    return yield* step('fail at once', () => {
      refuseRange(current)
      return -Errno.EAGAIN
    })
  },
)

/** The OOM reaper must not sleep. */
export const oomReaper = mirrorScenario({
  name: 'oom-reaper',
  summary:
    'The OOM reaper zaps the pages of a process whose device is faulting: it finds the update lock ' +
    'held, and skips the range; later faults fail.',
  exercises: ['C1', 'C11', 'C12', 'C32', 'C49', 'non-blocking'],
  parameters: { pages: pagesParameter(1, 2, 3) },
  world: ({ pages }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'gpu' }],
    spareFrames: pages,
    invalidations: 2,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, pages, 2)] },
      { name: 'reaper', calls: (m) => [call(reap, m.machine.mms[0])] },
      { name: 'cpu', calls: () => [call(cpuRead, 0), call(madvise_dontneed, 0, 1), call(cpuWrite, 0, 1)] },
    ],
  }),
})

/** The OOM reaper reaps the address space as far as possible. */
export const reap = procedure(function* reap(current: Task, mm: MmStruct) {
  yield* oom_reap_task_mm(current, mm)
})

/** Interval notifiers and classic notifiers of one address space. */
export const classicNotifiers = mirrorScenario({
  name: 'classic-notifiers',
  summary:
    'An address space has an interval notifier, a classic notifier that counts, and one that ' +
    'refuses ranges that are not blockable; the OOM reaper and another thread invalidate.',
  exercises: ['C11', 'C12', 'C32', 'C49', 'non-blocking'],
  generations: WITH_UNDO,
  parameters: { pages: pagesParameter(1, 2, 3) },
  world: ({ pages }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'gpu' }],
    classics: [{ name: 'counting' }, { name: 'impatient', ops: { start: impatientStart } }],
    spareFrames: pages,
    invalidations: 2,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2)] },
      { name: 'reaper', calls: (m) => [call(reap, m.machine.mms[0])] },
      { name: 'cpu', calls: () => [call(munmap, 0, pages)] },
    ],
  }),
})

/** Classic notifiers alone. */
export const classicOnly = mirrorScenario({
  name: 'classic-only',
  summary:
    'An address space with classic notifiers only: one of them refuses the OOM reaper, but not ' +
    'another thread.',
  exercises: ['C11', 'C12', 'C32', 'progress'],
  generations: WITH_UNDO,
  parameters: { pages: pagesParameter(1, 1, 3) },
  world: ({ pages }) => ({
    pages: [...repeat(pages, { touched: true }), {}],
    mirrors: [],
    classics: [{ name: 'counting' }, { name: 'impatient', ops: { start: impatientStart } }],
    spareFrames: pages + 1,
    invalidations: 2,
    threads: [
      { name: 'reaper', calls: (m) => [call(reap, m.machine.mms[0])] },
      { name: 'cpu', calls: () => [call(munmap, 0, pages), call(cpuWrite, pages, 1)] },
    ],
  }),
})

/** The process exits while its device accesses memory. */
export const exitVersusDevice = mirrorScenario({
  name: 'exit',
  summary:
    'The process exits while a device writes its pages: the last user of the address space tears it ' +
    'down, and the device can access nothing afterwards.',
  exercises: ['C6', 'C7', 'C19', 'C32'],
  parameters: { pages: pagesParameter(1, 3, 3) },
  world: ({ pages }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 3,
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: (m) => [call(deviceAccess, m.mirrors[0], 0, pages, 2), call(deviceAccess, m.mirrors[0], 0, 1)],
      },
      { name: 'cpu', calls: () => [call(cpuRead, 0), call(exit_mm)] },
      { name: 'driver', calls: (m) => [call(closeAfterExit, m.mirrors[0])] },
    ],
    witnesses: ({ machine, mirrors }) => [
      {
        name: 'the device finds the process gone',
        clause: 'C19',
        holds: (view) => machine.mms[0].users === 0 && view.step(0) === 'count a user' && mirrors.length > 0,
      },
    ],
  }),
})

/** The process exits, and its device has read-only entries alone. */
export const exitReadOnly = mirrorScenario({
  name: 'exit-read-only',
  summary:
    'The process exits while a device reads an untouched page: the device loses its read-only entry ' +
    'too.',
  exercises: ['C7', 'C19'],
  parameters: {},
  world: () => ({
    pages: [{}],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 3,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1)] },
      { name: 'cpu', calls: () => [call(exit_mm)] },
      { name: 'driver', calls: (m) => [call(closeAfterExit, m.mirrors[0])] },
    ],
  }),
})

/** The driver closes the mirror when the process exits. */
export const closeAfterExit = procedure('close after exit', function* (current: Task, mirror: Mirror) {
  yield* step('wait for the end of the process', () => (mirror.mm.users === 0 ? 0 : BLOCKED))
  yield* closeMirror(current, mirror)
})

/** Invalidates for ever, in turns with another thread: each starts again before the other ends. */
const endless = procedure(
  'invalidate for ever',
  function* (current: Task, other: number, turn: Turn): Running<void> {
    yield* mmu_notifier_invalidate_range_start(current, current.mm, FIRST_PAGE)
    yield* endlessTurns(current, other, turn)
  },
)

const endlessTurns = procedure(
  'invalidate for ever (turn)',
  function* (current: Task, other: number, turn: Turn): Running<void> {
    yield* step('wait for the turn', () =>
      turn.thread === current.thread && current.machine.openRanges[other].mm ? 0 : BLOCKED,
    )
    yield* mmu_notifier_invalidate_range_end(current, current.mm, FIRST_PAGE)
    yield* mmu_notifier_invalidate_range_start(current, current.mm, FIRST_PAGE)
    yield* step('pass the turn', () => {
      turn.thread = other
      return 0
    })
    yield* become(endlessTurns, current, other, turn)
  },
)

const FIRST_PAGE: NotifierRange = { start: 0, end: 1, event: NotifyEvent.CLEAR, blockable: true, owner: -1 }

const begin = procedure(function* begin(current: Task, mirror: Mirror) {
  yield* mmu_interval_read_begin(mirror.notifier, rangeOf(mirror, current).notifierSeq)
})

/** A stream of invalidations that never stops. */
export const starvation = mirrorScenario({
  name: 'starvation',
  summary:
    'A reader begins while two threads invalidate, each starting again before the other has ended. ' +
    'A parameter makes the stream endless; then the reader may wait for ever (H7).',
  exercises: ['C14', 'C49'],
  generations: WITH_INTERVALS,
  parameters: {
    endless: { summary: '1 if the invalidations never stop', min: 0, max: 1, smoke: 0, default: 0, deep: 0 },
  },
  world: ({ endless: forEver }) => ({
    pages: [{ touched: true, flags: VM_READ | VM_WRITE }],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 2,
    threads: [
      { name: 'reader', devices: [0], calls: (m) => [call(begin, m.mirrors[0])] },
      {
        name: 'cpu 1',
        daemon: forEver === 1,
        calls: (m) => [forEver ? call(endless, 2, m.turn) : call(madvise_dontneed, 0, 1)],
      },
      {
        name: 'cpu 2',
        daemon: forEver === 1,
        calls: (m) => [forEver ? call(endless, 1, m.turn) : call(madvise_dontneed, 0, 1)],
      },
    ],
  }),
})
