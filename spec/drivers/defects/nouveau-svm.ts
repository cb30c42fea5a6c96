/**
 * Bugs of nouveau's shared virtual memory and device memory, and findings in it, in the driver
 * here.
 *
 * @module
 */
import {
  allocateAndCopy,
  dirtyPages,
  faultArgs,
  flushDevice,
  systemFrames,
  unlink,
  unmapPages,
} from '../../../src/driver/index.js'
import {
  drainFaultHandler,
  nouveau_dmem_migrate_to_ram,
  nouveau_pfns_map,
  nouveau_svmm_invalidate_range_start,
} from '../../../src/driver/tree/index.js'
import {
  MIGRATE_PFN_WRITE,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
  NotifyEvent,
  pagesOf,
  VM_FAULT_OOM,
} from '../../../src/kernel/index.js'
import { override, type Running, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

const SVM = 'drivers/gpu/drm/nouveau/nouveau_svm.c'
const DMEM = 'drivers/gpu/drm/nouveau/nouveau_dmem.c'

/** fault_page is not set. */
const withoutFaultPage = override(
  nouveau_dmem_migrate_to_ram,
  () =>
    function* (current, _svmm, page, fault): Running<number> {
      const { fault: _, ...args } = faultArgs(current, current.mm, page, fault)
      yield* migrate_vma_setup(current, args)
      const short = yield* allocateAndCopy(current, args, systemFrames(current))
      yield* migrate_vma_pages(current, args)
      yield* migrate_vma_finalize(current, args)
      return short ? VM_FAULT_OOM : 0
    },
)

/** The classic notifier returns at once for every migration of nouveau itself. */
const passesOver = override(
  nouveau_svmm_invalidate_range_start,
  () =>
    function* (_current, svmm, range): Running<void> {
      if (range.event === NotifyEvent.MIGRATE && range.owner === svmm.owner) return
      yield* svmm.state.mutex.lock()
      yield* step('NVIF_VMM_V0_PFNCLR', () => {
        dirtyPages(svmm, range)
        unmapPages(svmm, range)
        return 0
      })
      yield* flushDevice(svmm, range)
      yield* svmm.state.mutex.unlock()
    },
)

/** Every copied page is mapped, even if it did not migrate. */
const mapsAll = override(
  nouveau_pfns_map,
  () =>
    function* (current, svmm, args): Running<void> {
      yield* svmm.state.mutex.lock()
      for (let page = args.start; page < args.end; page++)
        yield* step('map what was copied', () => {
          const { dst, flags } = pagesOf(current)[page]
          if (dst === undefined) return 0
          svmm.pageTable[page].frame = dst
          svmm.pageTable[page].write = (flags & MIGRATE_PFN_WRITE) !== 0
          return 0
        })
      yield* svmm.state.mutex.unlock()
    },
)

/** The address space is freed while a fault handler still uses it. */
const withoutDrain = override(
  drainFaultHandler,
  () =>
    function* (svmm): Running<void> {
      yield* unlink(svmm)
    },
)

export const nouveauDefects: readonly Defect[] = [
  {
    name: 'T90',
    kind: 'history',
    title: 'nouveau: migrate_to_ram does not set fault_page',
    text:
      'The fault holds a reference to the page, and nouveau_dmem_migrate_to_ram does not set ' +
      'fault_page: the migration takes it for the reference of another user, and never migrates the ' +
      'page. Fixed in 6.1.',
    source: [`reference D46, F.1; ${DMEM}, commit 97061d441110`],
    requirement: 'C30',
    scenario: 'nouveau-svm/migrate',
    overrides: [withoutFaultPage],
    steps: 55,
  },
  {
    name: 'T91',
    kind: 'mutation',
    title: 'nouveau: the GPU keeps a page that is copied to VRAM',
    text:
      'A finding of this model: the classic notifier returns at once for every migration of nouveau ' +
      'itself, even for one that migrates system pages to VRAM. The GPU continues to write to the page ' +
      'that is being copied, and its writes are lost.',
    source: [`reference F.1; ${SVM}: nouveau_svmm_invalidate_range_start`],
    requirement: 'C41',
    scenario: 'nouveau-svm/migrate-partly',
    overrides: [passesOver],
    steps: 8,
  },
  {
    name: 'T92',
    kind: 'mutation',
    title: 'nouveau: a copied page is mapped without checking whether it migrated',
    text:
      'A finding of this model: nouveau_pfns_map maps each page that was copied, even one that did not ' +
      'migrate, or that was invalidated since the copy.',
    source: [`reference H10, H11; ${SVM}: nouveau_pfns_map; ${DMEM}: nouveau_dmem_migrate_chunk`],
    requirement: 'C1',
    scenario: 'nouveau-svm/migrate-and-dontneed',
    overrides: [mapsAll],
    steps: 35,
  },
  {
    name: 'T93',
    kind: 'history',
    title: 'nouveau: an address space of the GPU is freed while its fault handler runs',
    text:
      'nouveau_svm_fault looks the address space up under the mutex, drops the mutex, and takes no ' +
      'reference. The client closes, and nouveau_svmm_fini removes the notifier and frees the address ' +
      'space. The handler maps a page for which no invalidation comes any more. Fixed in 7.x: the ' +
      'handler is drained first.',
    source: [`reference D17; ${SVM}, commit b46ddaf08234`],
    requirement: 'C1',
    scenario: 'nouveau-svm/close-versus-fault',
    overrides: [withoutDrain],
    steps: 22,
  },
]
