/**
 * Callbacks that omit their work for one event, or for some users of the pages.
 *
 * @module
 */
import {
  covered,
  dirtyPages,
  type Mirror,
  recordAndUnmap,
  unmapPages,
  waitForJobs,
} from '../../../src/driver/index.js'
import { mmu_interval_set_seq, type NotifierRange, NotifyEvent } from '../../../src/kernel/index.js'
import { onStep, override } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** The callback does not mark pages dirty if the event is one of `events`. */
const withoutDirty = (...events: readonly NotifyEvent[]) =>
  onStep(recordAndUnmap, 'set_seq and unmap', (_original, _current, mirror, range, curSeq) => () => {
    mmu_interval_set_seq(mirror.notifier, curSeq)
    if (!events.includes(range.event)) dirtyPages(mirror, range)
    unmapPages(mirror, range)
    return 0
  })

/** The callback leaves read-only entries if the event is `event`. */
const keepsReadOnly = (event: NotifyEvent) =>
  onStep(recordAndUnmap, 'set_seq and unmap', (_original, _current, mirror, range, curSeq) => () => {
    mmu_interval_set_seq(mirror.notifier, curSeq)
    dirtyPages(mirror, range)
    if (range.event === event) unmapWritable(mirror, range)
    else unmapPages(mirror, range)
    return 0
  })

function unmapWritable(mirror: Mirror, range: NotifierRange): void {
  const { start, end } = covered(mirror, range)
  for (let page = start; page < end; page++)
    if (mirror.pageTable[page].write) unmapPages(mirror, { start: page, end: page + 1 })
}

const TOLD =
  'No CPU records the write of a device. Reclaim drops a page that is clean in the swap cache, and ' +
  'the write is lost, unless the driver has marked the page dirty.'

/** Defects of callbacks that depend on the event. */
export const eventDefects: readonly Defect[] = [
  {
    name: 'X530',
    kind: 'mutation',
    title: 'the callback does not mark pages dirty when they are made read-only',
    text: `The event is PROTECTION_VMA: the page stays, and the driver marks it later. ${TOLD}`,
    source: ['reference, section B.4, X4'],
    requirement: 'C39',
    scenario: 'clean-and-protect',
    overrides: [withoutDirty(NotifyEvent.PROTECTION_VMA)],
    steps: 21,
  },
  {
    name: 'X531',
    kind: 'mutation',
    title: 'the callback does not mark pages dirty when the process forks',
    text: `The event is PROTECTION_PAGE, by which fork makes pages read-only. ${TOLD}`,
    source: ['reference, section B.4, X4'],
    requirement: 'C39',
    scenario: 'clean-and-fork',
    overrides: [withoutDirty(NotifyEvent.PROTECTION_PAGE)],
    steps: 23,
  },
  {
    name: 'X532',
    kind: 'mutation',
    title: 'the callback does not mark pages dirty when they migrate',
    text: `The event is MIGRATE. A page that cannot be migrated stays in place. ${TOLD}`,
    source: ['reference, section B.4, X4'],
    requirement: 'C39',
    scenario: 'clean-and-migrate',
    overrides: [withoutDirty(NotifyEvent.MIGRATE)],
    steps: 22,
  },
  {
    name: 'X533',
    kind: 'mutation',
    title: 'the callback does not mark pages dirty when they are unmapped',
    text: `The event is UNMAP, which mremap uses too: then the page is moved to another address, and not freed. ${TOLD}`,
    source: ['reference, section B.4, X4'],
    requirement: 'C39',
    scenario: 'clean-and-move',
    overrides: [withoutDirty(NotifyEvent.UNMAP)],
    steps: 23,
  },
  {
    name: 'X534',
    kind: 'mutation',
    title: 'the callback leaves read-only entries when pages are unmapped',
    text:
      'The driver removes the entries through which data could be lost. The others lead to a frame that is not the ' +
      "process's any more.",
    source: ['reference, section B.4, X4'],
    requirement: 'C3',
    scenario: 'unmap-read-only',
    overrides: [keepsReadOnly(NotifyEvent.UNMAP)],
    steps: 24,
  },
  {
    name: 'X535',
    kind: 'mutation',
    title: 'the callback leaves read-only entries when the process exits',
    text:
      'The driver removes writable entries only, and expects the others to end with the process. The ' +
      'device may still read through them.',
    source: ['reference, section B.4, X4'],
    requirement: 'C3',
    scenario: 'exit-read-only',
    overrides: [keepsReadOnly(NotifyEvent.RELEASE)],
    steps: 23,
  },
  {
    name: 'X536',
    kind: 'mutation',
    title: 'the callback does not wait for the fences of jobs',
    text:
      'The callback records the sequence and removes the entries, and returns while a job that was submitted before still uses ' +
      'the pages. It must wait for the fence of every such job.',
    source: ['reference, section B.4, X4'],
    requirement: 'C3',
    scenario: 'jobs-with-fences',
    overrides: [override(waitForJobs, () => function* () {})],
    steps: 19,
  },
]
