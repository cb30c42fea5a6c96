/**
 * nouveau: shared virtual memory and device memory. Follows Linux 6.12; the bugs listed in
 * `docs/drivers/nouveau-svm.md` are fixed here.
 *
 * @module
 */
import { defineDriver } from '../../driver.js'
import { nouveau_svm_fault_atomic } from './nouveau-atomic.js'
import { nouveau_dmem_migrate_to_ram, nouveau_dmem_migrate_vma } from './nouveau-dmem.js'
import { nouveau_svm_fault, nouveau_svmm_fini } from './nouveau-svm.js'
import {
  declareSvmm,
  nouveau_svm_range_invalidate,
  nouveau_svmm_invalidate_range_start,
} from './nouveau-svmm.js'

export * from './nouveau-atomic.js'
export * from './nouveau-dmem.js'
export * from './nouveau-svm.js'
export * from './nouveau-svmm.js'

/** The driver. */
export const nouveauSvmDriver = defineDriver({
  name: 'nouveau-svm',
  state: declareSvmm,
  pageTable: ({ mutex }) => ({ program: mutex, remove: mutex }),
  ownNotifiers: true,
  invalidate: nouveau_svm_range_invalidate,
  invalidateRangeStart: nouveau_svmm_invalidate_range_start,
  fault: nouveau_svm_fault,
  atomicFault: nouveau_svm_fault_atomic,
  migrateToDevice: nouveau_dmem_migrate_vma,
  migrateToRam: nouveau_dmem_migrate_to_ram,
  close: nouveau_svmm_fini,
})
