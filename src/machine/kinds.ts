/**
 * What entries, areas and events may be, and in which order locks are taken.
 *
 * @module
 */

/**
 * The order of locks, outer first. The driver's update lock may not be held while taking the mmap lock or a folio
 * lock, which callbacks are called under (exclusive access, reclaim); the subscriptions' lock is a leaf.
 *
 * @see reference B.0
 */
export const LockRank = {
  mmap: 10,
  folio: 15,
  update: 20,
  rmap: 40,
  pageTable: 50,
  subscriptions: 60,
} as const

/** What a page-table entry holds. The kinds from `swap` to `poison` are where swapping and migration put their entries. */
export const PteKind = {
  none: 'none',
  present: 'present',
  swap: 'swap',
  migration: 'migration',
  devicePrivate: 'devicePrivate',
  deviceExclusive: 'deviceExclusive',
  poison: 'poison',
  /** Mapped, and the CPU may not use it: `PROT_NONE`. */
  protnone: 'protnone',
} as const

/** One of {@link PteKind}. */
export type PteKind = (typeof PteKind)[keyof typeof PteKind]

/**
 * What backs a virtual memory area; `none` is a hole. `file` is a file that is mapped shared; of one that is mapped privately
 * a page is the file's until it is written, and anonymous from then on.
 */
export const VmaKind = {
  none: 'none',
  anonymous: 'anonymous',
  sharedAnonymous: 'sharedAnonymous',
  file: 'file',
  pfnmap: 'pfnmap',
  privateFile: 'privateFile',
  /** `VM_MIXEDMAP`: pages that a driver has put there, one by one. */
  mixedmap: 'mixedmap',
  /** Huge pages of their own file system. */
  hugetlb: 'hugetlb',
} as const

/** One of {@link VmaKind}. */
export type VmaKind = (typeof VmaKind)[keyof typeof VmaKind]

/** `VM_READ`. */
export const VM_READ = 1
/** `VM_WRITE`. */
export const VM_WRITE = 2

/** `VM_ACCOUNT`: the memory of the area was charged when it became private and writable. Areas with and without are never merged. */
export const VM_ACCOUNT = 8

/** `VM_LOCKED`: mlock; the pages of the area stay in memory. */
export const VM_LOCKED = 16
/** `VM_DONTCOPY`: a child does not get the area (MADV_DONTFORK). */
export const VM_DONTCOPY = 32
/** `VM_WIPEONFORK`: a child gets the area and nothing that is in it (MADV_WIPEONFORK). */
export const VM_WIPEONFORK = 64
/** `VM_MERGEABLE`: ksmd may merge pages of the area with others that hold the same (MADV_MERGEABLE). */
export const VM_MERGEABLE = 128
/** `VM_UFFD_MISSING`: a page that is not there is user space's to bring (userfaultfd). */
export const VM_UFFD_MISSING = 256
/** `VM_UFFD_WP`: user space is told of writes to pages that it has write-protected (userfaultfd). */
export const VM_UFFD_WP = 512

/** Why a range is invalidated. @kernel enum mmu_notifier_event */
export const NotifyEvent = {
  UNMAP: 'UNMAP',
  CLEAR: 'CLEAR',
  PROTECTION_VMA: 'PROTECTION_VMA',
  PROTECTION_PAGE: 'PROTECTION_PAGE',
  SOFT_DIRTY: 'SOFT_DIRTY',
  RELEASE: 'RELEASE',
  MIGRATE: 'MIGRATE',
  EXCLUSIVE: 'EXCLUSIVE',
} as const

/** One of {@link NotifyEvent}. */
export type NotifyEvent = (typeof NotifyEvent)[keyof typeof NotifyEvent]

/** The frame that is the zero page: never counted, never freed, never written. */
export const ZERO_PAGE = 0

/** What the first pass of a callback in two passes returns when the second is to come. @kernel struct mmu_interval_notifier_finish */
export const TOKEN = 2
