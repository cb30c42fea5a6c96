/**
 * What entries, areas and events may be, and in which order locks are taken.
 *
 * @module
 */

/**
 * The order of locks, outer first. The driver's update lock may not be held while taking the mmap lock or a folio
 * lock; the subscriptions' lock is a leaf.
 *
 * @see reference B.0
 */
export const LockRank = {
  mmap: 10,
  update: 20,
  folio: 30,
  rmap: 40,
  pageTable: 50,
  subscriptions: 60,
} as const

/** What a page-table entry holds. The kinds from `swap` to `poison` are where swapping and migration put their entries. */
export const PteKind = {
  none: 0,
  present: 1,
  swap: 2,
  migration: 3,
  devicePrivate: 4,
  deviceExclusive: 5,
  poison: 6,
  /** Mapped, and the CPU may not use it: `PROT_NONE`. */
  protnone: 7,
} as const

/**
 * What backs a virtual memory area; `none` is a hole. `file` is a file that is mapped shared; of one that is mapped privately
 * a page is the file's until it is written, and anonymous from then on.
 */
export const VmaKind = {
  none: 0,
  anonymous: 1,
  sharedAnonymous: 2,
  file: 3,
  pfnmap: 4,
  privateFile: 5,
  /** `VM_MIXEDMAP`: pages that a driver has put there, one by one. */
  mixedmap: 6,
  /** Huge pages of their own file system. */
  hugetlb: 7,
} as const

/** `VM_READ`. */
export const VM_READ = 1
/** `VM_WRITE`. */
export const VM_WRITE = 2

/** `VM_ACCOUNT`: the memory of the area was charged when it became private and writable. Areas with and without are never merged. */
export const VM_ACCOUNT = 8

/** Why a range is invalidated. @kernel enum mmu_notifier_event */
export const NotifyEvent = {
  UNMAP: 0,
  CLEAR: 1,
  PROTECTION_VMA: 2,
  PROTECTION_PAGE: 3,
  SOFT_DIRTY: 4,
  RELEASE: 5,
  MIGRATE: 6,
  EXCLUSIVE: 7,
} as const

/** The frame that is the zero page: never counted, never freed, never written. */
export const ZERO_PAGE = 0

/** What the first pass of a callback in two passes returns when the second is to come. @kernel struct mmu_interval_notifier_finish */
export const TOKEN = 2
