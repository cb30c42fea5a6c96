/**
 * Bugs of nouveau's shared virtual memory and device memory, and findings in it, in the driver
 * here.
 *
 * @module
 */
import { allocateAndCopy, faultArgs, systemFrames, unlink } from '../../../src/driver/index.js'
import {
  drainFaultHandler,
  nouveau_atomic_fault_in,
  nouveau_atomic_give_up,
  nouveau_dmem_migrate_to_ram,
  nouveau_notifier_end,
  nouveau_notifier_insert,
  nouveau_notifier_remove,
  nouveau_pfns_map,
  nouveau_range_fault,
  nouveau_range_fault_watched,
  nouveau_svm_range_invalidate,
  nouveau_svmm_invalidate_range_start,
} from '../../../src/driver/tree/index.js'
import {
  Errno,
  MIGRATE_PFN_WRITE,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
  mmu_notifier_invalidate_range_start,
  mn_hlist_invalidate_range_start,
  mn_itree_invalidate,
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
  (original) =>
    function* (current, svmm, range): Running<number> {
      if (range.event === NotifyEvent.MIGRATE && range.owner === svmm.owner) return 0
      return yield* original(current, svmm, range)
    },
)

/** Every copied page is mapped, even if it did not migrate. */
const mapsAll = override(
  nouveau_pfns_map,
  () =>
    function* (current, svmm, _sn, args): Running<void> {
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

/** A turn that has collided keeps the folio locked. */
const keepsTheFolio = override(nouveau_atomic_give_up, () => function* (): Running<void> {})

/** The page is not faulted in before the sequence number is sampled. */
const takesAtOnce = override(
  nouveau_atomic_fault_in,
  () =>
    function* (): Running<number> {
      return 0
    },
)

/** The interval notifier passes over every EXCLUSIVE event, whoever its owner is. */
const passesOverAll = override(
  nouveau_svm_range_invalidate,
  (original) =>
    function* (current, svmm, range, curSeq, notifier): Running<number> {
      if (range.event === NotifyEvent.EXCLUSIVE) return 1
      return yield* original(current, svmm, range, curSeq, notifier)
    },
)

/** Only where it was programmed the notifier is removed. */
const keepsItsNotifier = override(
  nouveau_range_fault,
  () =>
    function* (current, svmm, fault): Running<number> {
      const pages = { start: fault.page, end: fault.page + 1 }
      const sn = yield* nouveau_notifier_insert(current, svmm, pages, false)
      if (sn === 'none') return -Errno.EINVAL
      const error = yield* nouveau_range_fault_watched(current, svmm, sn, fault)
      if (error) yield* nouveau_notifier_end(current, svmm, sn)
      else yield* nouveau_notifier_remove(current, svmm, sn)
      return error
    },
)

/** Classic notifiers are called before interval notifiers. */
const classicFirst = override(
  mmu_notifier_invalidate_range_start,
  () =>
    function* (current, mm, range): Running<number> {
      const refused = yield* mn_hlist_invalidate_range_start(current, mm, range)
      if (refused) return refused
      return yield* mn_itree_invalidate(current, mm, range)
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
    steps: 52,
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
    steps: 7,
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
    steps: 32,
  },
  {
    name: 'T93',
    kind: 'history',
    title: 'nouveau: an address space of the GPU is freed while its fault handler runs',
    text:
      'nouveau_svm_fault looks the address space up under the mutex, drops the mutex, and takes no ' +
      'reference. The client closes, and nouveau_svmm_fini gives up the page table and frees the ' +
      'address space. The handler maps a page, and the classic notifier clears nothing any more. Fixed in 7.x: the ' +
      'handler is drained first.',
    source: [`reference D17; ${SVM}, commit b46ddaf08234`],
    requirement: 'C3',
    scenario: 'nouveau-svm/close-versus-fault',
    overrides: [withoutDrain],
    steps: 29,
  },
  {
    name: 'T96',
    kind: 'history',
    title: 'nouveau: an atomic fault that collides keeps its folio locked',
    text:
      'nouveau_atomic_range_fault compares the sequence number, finds it changed, and starts over without ' +
      'unlocking and putting the folio. The lock is never dropped, and a CPU that faults on the page waits ' +
      'for ever. Fixed in 6.14.',
    source: [`reference D14; ${SVM}, commit b3fefbb30a16`],
    requirement: 'lock-discipline',
    scenario: 'nouveau-svm/atomic-protect',
    overrides: [keepsTheFolio],
    steps: 38,
  },
  {
    name: 'T97',
    kind: 'mutation',
    title: 'nouveau: an atomic fault on a page that is exclusive already collides with itself',
    text:
      'A finding of this model: nouveau_atomic_range_fault samples the sequence number before the page is ' +
      'faulted in. The page is exclusive from an earlier turn: faulting it in restores it, and the event of ' +
      'that has no owner, so that the callback sets the sequence. It collides until the timeout.',
    source: [`reference F.1, H24; ${SVM}: nouveau_atomic_range_fault`],
    requirement: 'C49',
    scenario: 'nouveau-svm/atomic-again',
    overrides: [takesAtOnce],
    steps: 46,
  },
  {
    name: 'T98',
    kind: 'mutation',
    title: 'nouveau: the notifier of a fault passes over every EXCLUSIVE event',
    text:
      'The callback looks at the event, and not at its owner: that another device has taken the page, or a ' +
      'CPU fault has taken it back, changes no sequence number, and the fault programs what it had.',
    source: [`our own; ${SVM}: nouveau_svm_range_invalidate`],
    requirement: 'C43',
    scenario: 'nouveau-svm/atomic-two-devices',
    overrides: [passesOverAll],
    steps: 41,
  },
  {
    name: 'T99',
    kind: 'mutation',
    title: 'nouveau: a fault that fails leaves its notifier inserted',
    text:
      'nouveau_range_fault returns from the middle of its loop, and its notifier is on its stack: the tree of ' +
      'the address space still has it.',
    source: [`our own; ${SVM}: nouveau_range_fault`],
    requirement: 'C17',
    scenario: 'nouveau-svm/munmap',
    overrides: [keepsItsNotifier],
    steps: 14,
  },
  {
    name: 'T100',
    kind: 'mutation',
    title: 'nouveau: the classic notifier is called before the interval notifier',
    text:
      'The interval notifier of nouveau clears no entry, which holds only because the classic notifier is ' +
      'called after it. In the other order a fault programs the page between the two.',
    source: [`our own; ${SVM}: nouveau_svm_range_invalidate; mm/mmu_notifier.c`],
    requirement: 'C1',
    scenario: 'nouveau-svm/munmap',
    overrides: [classicFirst],
    steps: 24,
  },
]
