/**
 * Evidence for subjects that occur in several documents.
 *
 * @module
 */
import type { Evidence } from './seed.js'

const ENCODING_TEST = 'test/generations/encoding/driver.test.ts'
const NEED_FAULT_TEST = 'test/generations/encoding/need-fault.test.ts'

/** The driver's flags. */
export const flagEncoding: Evidence = {
  specified: ['encoding'],
  implemented: ['generations:HmmPfnFlag', 'generations:DriverEncoding', 'generations:validateEncoding'],
  checked: ['driver-encoding', ENCODING_TEST],
  defects: ['X210'],
}

/** The driver's special values. */
export const valueEncoding: Evidence = {
  specified: ['C25', 'encoding'],
  implemented: ['generations:HmmPfnValue', 'generations:DriverEncoding', 'generations:validateEncoding'],
  checked: ['driver-encoding', ENCODING_TEST],
  defects: ['X17', 'X211', 'X212'],
}

/** The shift. */
export const shiftEncoding: Evidence = {
  specified: ['encoding'],
  implemented: ['generations:PAGE_SHIFT', 'generations:DriverEncoding', 'generations:validateEncoding'],
  checked: ['driver-encoding', ENCODING_TEST],
  defects: ['X210'],
}

/** The helper functions `names` of entries. */
export function helper(...names: readonly string[]): Evidence {
  return {
    specified: ['encoding'],
    implemented: names.map((name) => `generations:${name}`),
    checked: ['driver-encoding', ENCODING_TEST],
    defects: ['X210', 'X211'],
  }
}

/** Requests to a walk. */
export const requests: Evidence = {
  specified: ['C21', 'C22'],
  implemented: [
    'kernel:HmmRequest',
    'kernel:hmm_pte_need_fault',
    'generations:needFault51',
    'generations:Requests',
  ],
  checked: ['requests-by-page', 'refused-requests', NEED_FAULT_TEST],
  defects: ['D31', 'M20'],
}

/** The decision whether a fault is needed. */
export const needFault: Evidence = {
  specified: ['C21', 'C22'],
  implemented: ['generations:needFault417', 'generations:needFaultAsPatched', 'kernel:hmm_pte_need_fault'],
  checked: ['requests-by-page', 'zero-page', NEED_FAULT_TEST],
  defects: ['D22b', 'M20'],
}

/** The walk itself. */
export const theWalk: Evidence = {
  specified: ['C20', 'C21', 'C22', 'C23', 'C24', 'C49'],
  implemented: ['kernel:hmm_range_fault', 'kernel:walk', 'kernel:hmm_vma_walk_pmd'],
  checked: ['requests-by-page', 'refused-requests', 'over-fault', 'test/kernel/hmm/truth-table.test.ts'],
  defects: ['D19', 'D22a', 'D22b', 'X16', 'X23'],
}

/** A walk that faults nothing in. */
export const snapshots: Evidence = {
  specified: ['C23'],
  implemented: ['driver:SNAPSHOT', 'kernel:hmm_range_fault'],
  checked: ['snapshot', 'refused-requests'],
  defects: ['D27'],
}

/** The array. */
export const theArray: Evidence = {
  specified: ['C21', 'C24', 'C25'],
  implemented: ['kernel:HmmRange', 'kernel:HmmPfn'],
  checked: ['requests-by-page', 'over-fault'],
  defects: ['M21', 'X17', 'X23'],
}

/** The pages of a range. */
export const theRange: Evidence = {
  specified: ['C13', 'C21'],
  implemented: ['kernel:HmmRange', 'kernel:HmmRequest', 'kernel:declareRange'],
  checked: ['partial-mirror', 'test/kernel/hmm/truth-table.test.ts'],
  defects: ['D22a', 'X24'],
}

/** Waiting for a range. */
export const waiting: Evidence = {
  specified: ['C14', 'C49'],
  implemented: ['generations:HMM_RANGE_DEFAULT_TIMEOUT', 'driver:populateAgain'],
  checked: ['starvation', ENCODING_TEST],
  defects: ['H7'],
}

/** mmu_interval_read_begin. */
export const readBegin: Evidence = {
  specified: ['C1', 'C8', 'C14'],
  implemented: ['kernel:mmu_interval_read_begin'],
  checked: ['madvise', 'overlapping-invalidations', 'partial-mirror'],
  defects: ['M1', 'X6'],
}

/** mmu_interval_read_retry. */
export const readRetry: Evidence = {
  specified: ['C8', 'C9'],
  implemented: ['kernel:mmu_interval_read_retry', 'driver:populateOnce'],
  checked: ['munmap', 'two-faults', 'four-threads'],
  defects: ['M2', 'X12'],
}

/** The callback completes before it returns. */
export const callbackCompletes: Evidence = {
  specified: ['C3'],
  implemented: ['driver:invalidate', 'driver:flushDevice', 'kernel:mn_itree_invalidate'],
  checked: ['munmap', 'madvise', 'two-devices'],
  defects: ['M4', 'D39'],
}

/** A callback that must not block. */
export const nonBlockable: Evidence = {
  specified: ['C11', 'C12'],
  implemented: ['driver:lockForInvalidation', 'kernel:oom_reap_task_mm'],
  checked: ['oom-reaper', 'classic-notifiers', 'classic-only'],
  defects: ['X13', 'X5'],
}

/** The address space goes away. */
export const release: Evidence = {
  specified: ['C7'],
  implemented: ['kernel:__mmu_notifier_release', 'kernel:exit_mmap'],
  checked: ['exit'],
  defects: ['X4'],
}

/** The address space is pinned. */
export const pinned: Evidence = {
  specified: ['C19', 'deadlock'],
  implemented: ['kernel:mmget_not_zero', 'kernel:mmput', 'driver:populatePinned'],
  checked: ['exit'],
  defects: ['X15', 'X213'],
}

/** The owner of a device page. */
export const owners: Evidence = {
  specified: ['C27'],
  implemented: ['kernel:HmmRequest', 'kernel:hmm_range_fault'],
  checked: ['two-owners'],
  defects: ['D28'],
}

/** A device page is freed. */
export const pageFree: Evidence = {
  specified: ['C31'],
  implemented: ['kernel:DeviceMemory', 'kernel:putPage'],
  checked: ['migrate', 'migrate-and-fork', 'evict'],
  defects: ['D1', 'H15'],
}

/** A CPU faults on a device page. */
export const migrateToRam: Evidence = {
  specified: ['C29', 'C30', 'C48'],
  implemented: ['kernel:migrateToRam', 'kernel:DeviceMemoryOps', 'kernel:do_swap_page'],
  checked: ['migrate', 'device-page-faults', 'short-of-memory'],
  defects: ['X32', 'D6'],
}

const MIRROR_TEST = 'test/generations/mirror/errors.test.ts'

/** struct hmm of an address space. */
export const structHmm: Evidence = {
  specified: ['C1', 'C32', 'lock-discipline'],
  implemented: ['generations:Hmm', 'generations:declareHmm'],
  checked: ['hmm-mirror', 'hmm-range'],
  defects: ['D21a', 'D21b', 'D20'],
}

/** Registration of a mirror. */
export const mirrors: Evidence = {
  specified: ['C17', 'use-after-free', 'refinement'],
  implemented: [
    'generations:HmmMirror',
    'generations:hmm_mirror_register',
    'generations:hmm_mirror_unregister',
  ],
  checked: ['hmm-mirror'],
  defects: ['D20', 'X268'],
}

/** The callbacks of all mirrors. */
export const mirrorCallbacks: Evidence = {
  specified: ['C1', 'C3', 'C7'],
  implemented: ['generations:tellMirrors', 'generations:syncCpuDevicePagetables', 'generations:release'],
  checked: ['hmm-mirror', 'exit', 'oom-reaper'],
  defects: ['D21a', 'X264'],
}

/** Tracking of a range. */
export const trackedRanges: Evidence = {
  specified: ['C1', 'C8', 'lock-discipline'],
  implemented: [
    'generations:TrackedRange',
    'generations:hmm_range_register',
    'generations:hmm_range_unregister',
  ],
  checked: ['hmm-range', 'madvise', MIRROR_TEST],
  defects: ['D55', 'D52'],
}

/** A range is valid, or waited for. */
export const validRanges: Evidence = {
  specified: ['C1', 'C8', 'C14'],
  implemented: ['generations:hmm_range_valid', 'generations:hmm_range_wait_until_valid'],
  checked: ['hmm-range', 'madvise', MIRROR_TEST],
  defects: ['D55'],
}

/** The walk of 5.1 to 5.4. */
export const walkWithFlags: Evidence = {
  specified: ['C1', 'C20', 'C23', 'lock-discipline'],
  implemented: [
    'generations:hmmRangeFaultWithFlags',
    'generations:HMM_FAULT_ALLOW_RETRY',
    'generations:HMM_FAULT_SNAPSHOT',
  ],
  checked: ['hmm-range', 'hmm-mirror', MIRROR_TEST],
  defects: ['D52'],
}

/** The walk of 4.14 to 5.0. */
export const walkOfAreas: Evidence = {
  specified: ['C19', 'C20', 'lock-discipline'],
  implemented: [
    'generations:hmm_vma_get_pfns',
    'generations:hmmVmaFaultBlocking',
    'generations:hmm_vma_range_done',
  ],
  checked: ['hmm-vma-fault', MIRROR_TEST],
  defects: ['X263', 'X262'],
}

/** Ranges whose pages are mapped for DMA after the walk. */
export const rangesForDma: Evidence = {
  specified: ['dma-mapping', 'C20'],
  implemented: ['generations:hmm_range_dma_map', 'generations:hmm_range_dma_unmap'],
  checked: ['hmm-range-dma', MIRROR_TEST],
  defects: ['X269'],
}

/** The callback of a mirror, which completes before it returns. */
export const oldCallback: Evidence = {
  specified: callbackCompletes.specified,
  implemented: ['generations:syncCpuDevicePagetables', 'generations:syncRange', 'generations:tellMirrors'],
  checked: ['hmm-mirror', ...callbackCompletes.checked],
  defects: callbackCompletes.defects,
}

/** The address space of a mirror goes away. */
export const oldRelease: Evidence = {
  specified: release.specified,
  implemented: ['generations:release', 'generations:hmm_release'],
  checked: ['hmm-mirror', ...release.checked],
  defects: ['X264', ...release.defects],
}
