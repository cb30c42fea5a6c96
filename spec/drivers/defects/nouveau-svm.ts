/**
 * Bugs of nouveau's shared virtual memory and device memory, and findings in it, each in the driver written after it.
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

/** The page of the fault is not named. */
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

/** The classic notifier returns at once for whatever nouveau moves itself. */
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

/** What was copied is mapped, whatever has become of it. */
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

/** The address space is freed while the handler of its faults still uses it. */
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
    title: 'nouveau: migrate_to_ram does not name the page of the fault',
    text:
      'The fault holds the page, and nouveau_dmem_migrate_to_ram does not set fault_page: the migration takes that for another ' +
      'user, and the page stays where it is, each time. Fixed in 6.1.',
    source: [`reference D46, F.1; ${DMEM}, commit 97061d441110`],
    requirement: 'C30',
    scenario: 'nouveau-svm/migrate',
    overrides: [withoutFaultPage],
    steps: 55,
  },
  {
    name: 'T91',
    kind: 'mutation',
    title: 'nouveau: the GPU keeps what is copied to VRAM',
    text:
      'A finding of this model: the classic notifier returns at once for every migration of nouveau itself, also for one that ' +
      'moves system pages to VRAM. The GPU writes on to the page that is being copied, and what it writes is lost.',
    source: [`reference F.1; ${SVM}: nouveau_svmm_invalidate_range_start`],
    requirement: 'C41',
    scenario: 'nouveau-svm/migrate-partly',
    overrides: [passesOver],
    steps: 8,
  },
  {
    name: 'T92',
    kind: 'mutation',
    title: 'nouveau: what was copied is mapped without a look at what has become of it',
    text:
      'A finding of this model: nouveau_pfns_map maps each page that was copied, also one that did not migrate, or that ' +
      'somebody has invalidated since the copy.',
    source: [`reference H10, H11; ${SVM}: nouveau_pfns_map; ${DMEM}: nouveau_dmem_migrate_chunk`],
    requirement: 'C1',
    scenario: 'nouveau-svm/migrate-and-dontneed',
    overrides: [mapsAll],
    steps: 35,
  },
  {
    name: 'T93',
    kind: 'history',
    title: 'nouveau: an address space of the GPU goes away under the handler of its faults',
    text:
      'nouveau_svm_fault looks the address space up under the mutex, drops it, and counts nothing; the client closes, and ' +
      'nouveau_svmm_fini removes the notifier and frees it. The handler maps a page of which nobody tells it any more. Fixed in ' +
      '7.x: the handler is drained first.',
    source: [`reference D17; ${SVM}, commit b46ddaf08234`],
    requirement: 'C1',
    scenario: 'nouveau-svm/close-versus-fault',
    overrides: [withoutDrain],
    steps: 22,
  },
]
