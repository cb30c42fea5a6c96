/**
 * nouveau's device memory: pages migrate to VRAM when user space binds a range, and back on a CPU
 * fault.
 *
 * @see drivers/gpu/drm/nouveau/nouveau_dmem.c
 * @module
 */
import {
  type DeviceFault,
  Errno,
  isCurrent,
  isMigrating,
  type MigrateVma,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
  mmu_interval_read_begin,
  pagesOf,
  SELECT_SYSTEM,
  type Task,
  VM_FAULT_OOM,
} from '../../../kernel/index.js'
import { procedure, type Running, step } from '../../../world/index.js'
import {
  allocateAndCopy,
  faultArgs,
  mayWriteMigrated,
  migrateUnderMmapLock,
  systemFrames,
} from '../../memory/device-memory.js'
import {
  nouveau_notifier_insert,
  nouveau_notifier_remove,
  nouveau_svmm_invalidate,
  type Svmm,
  type SvmNotifier,
} from './nouveau-svmm.js'

/** Clears the GPU's entries of the pages that are migrated back. */
export const nouveau_dmem_unmap = procedure(
  'nouveau_dmem_migrate_to_ram (PFNCLR)',
  function* (svmm: Svmm, { start, end }: Pick<MigrateVma, 'start' | 'end'>): Running<void> {
    yield* svmm.state.mutex.lock()
    yield* nouveau_svmm_invalidate(svmm, { start, end })
    yield* svmm.state.mutex.unlock()
  },
)

/**
 * Migrates the pages to VRAM, as far as possible, and maps them. A notifier watches them meanwhile,
 * as for a fault.
 *
 * @kernel nouveau_svmm_bind
 */
export const nouveau_dmem_migrate_vma = procedure(function* nouveau_dmem_migrate_vma(
  current: Task,
  svmm: Svmm,
  start: number,
  end: number,
): Running<number> {
  const { mm, owner } = svmm
  const args = { mm, start, end, owner, select: SELECT_SYSTEM }
  const sn = yield* nouveau_notifier_insert(current, svmm, args, true)
  if (sn === 'none') return -Errno.EINVAL
  yield* mmu_interval_read_begin(sn.notifier, sn.moveSeq)
  const error = yield* migrateUnderMmapLock(
    current,
    args,
    () => allocateAndCopy(current, args, current.machine.deviceMemory[owner].frames),
    () => nouveau_pfns_map(current, svmm, sn, args),
  )
  yield* nouveau_notifier_remove(current, svmm, sn)
  return error
})

/**
 * Maps the migrated pages for the GPU, unless another invalidation came since the migration
 * started.
 */
export const nouveau_pfns_map = procedure(function* nouveau_pfns_map(
  current: Task,
  svmm: Svmm,
  sn: SvmNotifier,
  args: MigrateVma,
): Running<void> {
  const { mutex } = svmm.state
  yield* mutex.lock()
  for (let page = args.start; page < args.end; page++)
    yield* step('NVIF_VMM_V0_PFNMAP', () => {
      const entry = pagesOf(current)[page]
      if (!isCurrent(sn.moveSeq, sn.notifier) || !isMigrating(entry)) return 0
      svmm.pageTable[page].frame = entry.dst
      svmm.pageTable[page].write = mayWriteMigrated(current, args, page)
      return 0
    })
  yield* mutex.unlock()
})

/** A CPU fault on a page in VRAM. */
export const nouveau_dmem_migrate_to_ram = procedure(function* nouveau_dmem_migrate_to_ram(
  current: Task,
  svmm: Svmm,
  page: number,
  fault: DeviceFault,
): Running<number> {
  const args = faultArgs(current, current.mm, page, fault)
  yield* migrate_vma_setup(current, args)
  yield* nouveau_dmem_unmap(svmm, args)
  const short = yield* allocateAndCopy(current, args, systemFrames(current))
  yield* migrate_vma_pages(current, args)
  yield* migrate_vma_finalize(current, args)
  return short ? VM_FAULT_OOM : 0
})
