/**
 * Fixes of the recorded driver: for each bug, overrides of its procedures. With all of them no
 * operation of the recordings violates a claim.
 *
 * @module
 */
import { type Mirror, mapPage, rangeOf, unmapPages } from '../../src/driver/index.js'
import {
  type DmirrorDevice,
  dmirror_device_evict_chunk,
  dmirror_devmem_fault,
  dmirror_do_fault,
  dmirror_do_read,
  dmirror_fault,
  dmirror_fops_release,
  dmirror_interval_invalidate,
  dmirror_migrate_alloc_and_copy,
  dmirror_migrate_finalize_and_map,
  dmirror_migrate_to_device,
  dmirrorExclusivePiece,
  dmirrorMapExclusive,
  dmirrorMapMigrated,
  dmirrorMigratePieceToDevice,
  letGoOfPages,
} from '../../src/driver/recorded/index.js'
import {
  Errno,
  fixup_user_fault,
  HMM_PFN_WRITE,
  make_device_exclusive_range,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  mmu_interval_set_seq,
  NotifyEvent,
  PteKind,
  type Task,
  VM_FAULT_OOM,
} from '../../src/kernel/index.js'
import {
  BLOCKED,
  become,
  type Override,
  override,
  procedure,
  READ_ONCE,
  type Running,
  step,
} from '../../src/world/index.js'

/** Invalidations by the device's own migrations record the sequence, and remove no entries (H1). */
export const recordOwnMigrations: Override = override(
  dmirror_interval_invalidate,
  (original) =>
    function* (current, mirror, range, curSeq) {
      if (range.event !== NotifyEvent.MIGRATE || range.owner !== mirror.owner)
        return yield* original(current, mirror, range, curSeq)
      yield* mirror.updateLock.lock()
      yield* step('set_seq', () => {
        mmu_interval_set_seq(mirror.notifier, curSeq)
        return 0
      })
      yield* mirror.updateLock.unlock()
      return 1
    },
)

/**
 * Invalidations by the device's own migrations are handled like all others: entries are removed too
 * (H1, H17, H18).
 */
export const heedOwnMigrations: Override = override(
  dmirror_interval_invalidate,
  (original) =>
    function* (current, mirror, range, curSeq) {
      return yield* original(current, mirror, { ...range, owner: -1 }, curSeq)
    },
)

/**
 * Samples the sequence before the migration, and compares it under the update lock before anything
 * is mapped (H10).
 */
export const checkBeforeMapping: Override = override(
  dmirrorMigratePieceToDevice,
  () =>
    function* (current, device, mirror, args) {
      const { notifierSeq } = rangeOf(mirror, current)
      yield* mmu_interval_read_begin(mirror.notifier, notifierSeq)
      const error = yield* migrate_vma_setup(current, args)
      if (error) return error
      yield* dmirror_migrate_alloc_and_copy(current, device, mirror, args)
      yield* migrate_vma_pages(current, args)
      yield* mirror.updateLock.lock()
      if (!(yield* mmu_interval_read_retry(mirror.notifier, notifierSeq)))
        yield* dmirrorMapMigrated(current, mirror, args)
      yield* mirror.updateLock.unlock()
      yield* migrate_vma_finalize(current, args)
      return 0
    },
)

/** Maps nothing when a migration ends (H10). Used with `faultAfterwards`. */
const mapNothing = override(dmirror_migrate_finalize_and_map, () => function* () {})

/** Faults the migrated pages in afterwards, like any others, and then copies the data. */
const faultAfterwards = override(
  dmirror_migrate_to_device,
  (original) =>
    function* (current, device, mirror, start, end) {
      const answer = yield* original(current, device, mirror, start, end)
      if (answer.error !== -Errno.ENOENT) return answer
      const error = yield* dmirror_fault(current, mirror, start, end, false)
      if (error) return { error, pages: 0, values: [] }
      const values = yield* dmirror_do_read(current, mirror, start, end)
      const isWhole = values.length === end - start
      return { error: isWhole ? 0 : -Errno.ENOENT, pages: values.length, values: isWhole ? values : [] }
    },
)

/**
 * For a page in the device's own memory, stores the backing page with its data (H16). The
 * recordings were made with this fix.
 */
export const storeBackingPages: Override = override(
  dmirror_do_fault,
  () =>
    function* (current, mirror, start, end, write) {
      const range = rangeOf(mirror, current)
      for (let page = start; page < end; page++) {
        const refused = yield* step('store an entry', () => {
          if (write && !(range.pfns[page].flags & HMM_PFN_WRITE)) return 1
          mapPage(mirror, range, page)
          mirror.pageTable[page].unbacked = false
          return 0
        })
        if (refused) return -Errno.EFAULT
      }
      return 0
    },
)

/**
 * Empties the device while its notifier is still registered, and keeps the file until no page is
 * left that was migrated through it (H19).
 */
export const closeInOrder: Override = override(
  dmirror_fops_release,
  (original) =>
    function* (current, mirror, device) {
      yield* mirror.updateLock.critical('drop every entry first', () => {
        unmapPages(mirror, { start: mirror.notifier.start, end: mirror.notifier.last + 1 })
        return 0
      })
      if (device) yield* evictAll(current, mirror, device)
      return yield* original(current, mirror, device)
    },
)

const evictAll = procedure(
  'dmirror_device_evict_chunk (until nothing is left)',
  function* (current: Task, mirror: Mirror, device: DmirrorDevice): Running<void> {
    yield* dmirror_device_evict_chunk(current, device)
    const file = device.mirrors.indexOf(mirror) + 1
    const left = yield* step('look for pages that are left', () => {
      const own = device.memory.frames.filter(
        (frame, i) => frame.refcount > 0 && device.filledBy[i].file === file,
      )
      // The holder of the lock will unlock the page, or put it back.
      if (own.some((frame) => frame.locked)) return BLOCKED
      return own.length > 0 ? 1 : 0
    })
    if (left) yield* become(evictAll, current, mirror, device)
  },
)

/** Does not report a page as migrated back if no memory was left for it. */
export const tellOfShortage: Override = override(
  dmirror_devmem_fault,
  (original) =>
    function* (current, device, mm, page, fault) {
      const error = yield* original(current, device, mm, page, fault)
      if (error) return error
      return yield* step('look whether it is back', () => {
        const isStill =
          READ_ONCE(mm.pte[page]).kind === PteKind.devicePrivate &&
          READ_ONCE(mm.pte[page]).frame === fault.pfn
        return isStill ? VM_FAULT_OOM : 0
      })
    },
)

/**
 * Samples the sequence before it makes the page exclusive, and compares it under the update lock
 * before it maps the page (H26). The page is faulted in first: one that is exclusive already would
 * be restored and made exclusive again, which changes the sequence (H24).
 */
const checkBeforeTaking = override(
  dmirrorExclusivePiece,
  () =>
    function* (current, mirror, start, end) {
      const { mm, notifier, updateLock } = mirror
      for (let page = start; page < end; page++)
        if (yield* fixup_user_fault(current, mm, page)) return -Errno.EBUSY
      const { notifierSeq } = rangeOf(mirror, current)
      yield* mmu_interval_read_begin(notifier, notifierSeq)
      const pages = yield* make_device_exclusive_range(current, mm, start, end, mirror.exclusiveOwner)
      yield* updateLock.lock()
      const collided = yield* mmu_interval_read_retry(notifier, notifierSeq)
      const isWhole = !collided && pages.length === end - start
      const mapped = isWhole ? yield* dmirrorMapExclusive(mirror, start, pages) : 0
      yield* updateLock.unlock()
      yield* letGoOfPages(current, pages)
      return mapped === end - start ? 0 : -Errno.EBUSY
    },
)

/**
 * The callback ignores invalidations by the file's own make_device_exclusive, and handles those by
 * its own migrations.
 */
const heedAllButOwnTaking = override(
  dmirror_interval_invalidate,
  (original) =>
    function* (current, mirror, range, curSeq) {
      const isOwn = range.event === NotifyEvent.EXCLUSIVE && range.owner === mirror.exclusiveOwner
      return isOwn ? 1 : yield* original(current, mirror, { ...range, owner: -1 }, curSeq)
    },
)

/** The fixes needed to map no page that was zapped while it became exclusive (H26). */
export const compareForExclusive: readonly Override[] = [checkBeforeTaking, heedAllButOwnTaking]

/** All fixes. */
export const mends: readonly Override[] = [
  mapNothing,
  faultAfterwards,
  storeBackingPages,
  closeInOrder,
  tellOfShortage,
  ...compareForExclusive,
]
