/**
 * The kinds of entries, VMAs and events, and the order of locks.
 *
 * @module
 */

/**
 * The order of locks, outermost first. Callbacks run under the mmap lock or a folio lock (exclusive
 * access, reclaim), so a driver must not take these while it holds its update lock. The
 * subscriptions' lock is a leaf.
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

/**
 * The kind of a page-table entry. `swap` to `poison` are swap entries and special (non-swap)
 * entries.
 */
export const PteKind = {
  none: 'none',
  present: 'present',
  swap: 'swap',
  migration: 'migration',
  devicePrivate: 'devicePrivate',
  deviceExclusive: 'deviceExclusive',
  poison: 'poison',
  /** Mapped without access: `PROT_NONE`. */
  protnone: 'protnone',
} as const

/** One of {@link PteKind}. */
export type PteKind = (typeof PteKind)[keyof typeof PteKind]

/**
 * What backs a virtual memory area; `none` is a hole. `file` is a shared file mapping. A page of a
 * private file mapping belongs to the file until it is written, and is anonymous from then on.
 */
export const VmaKind = {
  none: 'none',
  anonymous: 'anonymous',
  sharedAnonymous: 'sharedAnonymous',
  file: 'file',
  pfnmap: 'pfnmap',
  privateFile: 'privateFile',
  /** `VM_MIXEDMAP`: pages that a driver has inserted one by one. */
  mixedmap: 'mixedmap',
  /** hugetlbfs. */
  hugetlb: 'hugetlb',
} as const

/** One of {@link VmaKind}. */
export type VmaKind = (typeof VmaKind)[keyof typeof VmaKind]

/** `VM_READ`. */
export const VM_READ = 1
/** `VM_WRITE`. */
export const VM_WRITE = 2

/**
 * `VM_ACCOUNT`: the VMA was charged when it became private and writable. A VMA with the flag is
 * never merged with one without.
 */
export const VM_ACCOUNT = 8

/** `VM_LOCKED`: mlock; the pages of the VMA are not reclaimed. */
export const VM_LOCKED = 16
/** `VM_DONTCOPY`: fork does not copy the VMA (MADV_DONTFORK). */
export const VM_DONTCOPY = 32
/** `VM_WIPEONFORK`: fork copies the VMA without its pages (MADV_WIPEONFORK). */
export const VM_WIPEONFORK = 64
/** `VM_MERGEABLE`: ksmd may merge pages of the VMA with identical pages (MADV_MERGEABLE). */
export const VM_MERGEABLE = 128
/** `VM_UFFD_MISSING`: user space handles faults on missing pages (userfaultfd). */
export const VM_UFFD_MISSING = 256
/** `VM_UFFD_WP`: user space handles writes to pages that it has write-protected (userfaultfd). */
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

/** The frame of the zero page: its references are not counted, and it is never freed or written. */
export const ZERO_PAGE = 0

/**
 * The first pass of a two-pass callback returns this to request the second pass.
 *
 * @kernel struct mmu_interval_notifier_finish
 */
export const TOKEN = 2
