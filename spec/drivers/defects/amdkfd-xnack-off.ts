/**
 * Bugs of amdkfd without retry faults, a finding in it, and mutations.
 *
 * @module
 */
import { workOf } from '../../../src/driver/index.js'
import {
  countEviction,
  kgd2kfd_quiesce_mm,
  kgd2kfd_resume_mm,
  svm_range_restore_done,
  xnackOffDestroyQueues,
  xnackOffEvict,
  xnackOffNotifierRelease,
  xnackOffStopRestore,
} from '../../../src/driver/tree/index.js'
import { cancel_work_sync, queue_work } from '../../../src/kernel/index.js'
import { override, type Running, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

const SVM = 'drivers/gpu/drm/amd/amdkfd/kfd_svm.c'

/** An eviction that is not the first returns at once. */
const withoutEvictLock = override(
  xnackOffEvict,
  () =>
    function* (svms, prange): Running<void> {
      if (!(yield* step('mapped_to_gpu', () => prange.mappedToGpu))) return
      if (!(yield* countEviction(svms, prange))) return
      yield* kgd2kfd_quiesce_mm(svms)
      yield* queue_work(workOf(svms, 'restore'))
    },
)

/** The queues run again, whatever was evicted meanwhile. */
const withoutComparing = override(
  svm_range_restore_done,
  () =>
    function* ({ state: { svms } }): Running<boolean> {
      yield* step('evicted_ranges = 0', () => {
        svms.evictedRanges = 0
        return 0
      })
      return true
    },
)

/** The queues run again, however often they were stopped. */
const withoutCounting = override(
  kgd2kfd_resume_mm,
  (original) =>
    function* (svms): Running<void> {
      yield* step('qpd->evicted = 1', () => {
        svms.state.evicted = 1
        return 0
      })
      yield* original(svms)
    },
)

/** The callback may queue the work again. */
const onlyCancels = override(
  xnackOffStopRestore,
  () =>
    function* (svms): Running<void> {
      yield* cancel_work_sync(workOf(svms, 'restore'))
    },
)

/** The end of the address space waits for the restore work. */
const waitsAtRelease = override(
  xnackOffNotifierRelease,
  () =>
    function* (svms): Running<void> {
      yield* xnackOffDestroyQueues(svms)
      yield* cancel_work_sync(workOf(svms, 'restore'))
    },
)

export const xnackOffDefects: readonly Defect[] = [
  {
    name: 'T101',
    kind: 'mutation',
    title: 'amdkfd: an eviction returns while the first one still stops the queues',
    text:
      'A finding of this model: svm_range_evict counts the eviction and stops the queues if it is the first. ' +
      'Another range is invalidated at the same time: its eviction is the second, and returns before the ' +
      'queues are stopped. The page is freed, and the GPU still accesses it. evict_userptr of amdgpu does the ' +
      'same under a lock.',
    source: [`our own; ${SVM}: svm_range_evict`],
    requirement: 'C3',
    scenario: 'amdkfd-xnack-off/evict-two',
    overrides: [withoutEvictLock],
    steps: 15,
  },
  {
    name: 'T102',
    kind: 'mutation',
    title: 'amdkfd: the restore work does not look whether a range was evicted meanwhile',
    text:
      'svm_range_restore_work lets the queues run after it has mapped what was invalid. A range that it has ' +
      'passed is evicted meanwhile, which stops nothing, since the queues are stopped already.',
    source: [`our own; ${SVM}: svm_range_restore_work`],
    requirement: 'C8',
    scenario: 'amdkfd-xnack-off/evict-and-reclaim',
    overrides: [withoutComparing],
    steps: 60,
  },
  {
    name: 'T103',
    kind: 'mutation',
    title: 'amdkfd: queues that were stopped twice run after one resume',
    text:
      'The restore work has reset the count of evictions, and has not yet let the queues run: an eviction ' +
      'stops them again, and the restore work lets them run.',
    source: ['our own; kfd_device_queue_manager.c: qpd->evicted'],
    requirement: 'C8',
    scenario: 'amdkfd-xnack-off/evict-and-reclaim',
    overrides: [withoutCounting],
    steps: 65,
  },
  {
    name: 'T104',
    kind: 'mutation',
    title: 'amdkfd: the restore work is cancelled before the notifiers are removed',
    text:
      'svm_range_list_fini cancels the work, and then removes the notifiers: in between an eviction queues it ' +
      'again, and the process is freed.',
    source: [`our own; ${SVM}: svm_range_list_fini`],
    requirement: 'work-items',
    scenario: 'amdkfd-xnack-off/evict-and-close',
    overrides: [onlyCancels],
    steps: 26,
  },
  {
    name: 'T105',
    kind: 'history',
    title: 'amdkfd: the end of the process waits for the restore work, which ends the process',
    text:
      'The restore work drops the last user of the address space, and so runs exit_mmap. The notifier of its ' +
      'release then waits for the restore work. Fixed by not waiting there (2022). T57 is the same with the ' +
      'deferred work.',
    source: ['commit 6225bb3a88d2 (drm/amdkfd: svm range restore work deadlock when process exit)'],
    requirement: 'deadlock',
    scenario: 'amdkfd-xnack-off/evict-and-exit',
    overrides: [waitsAtRelease],
    steps: 61,
  },
]
