/**
 * The form of the history: a public bug, its kind, and the defects that reproduce it here.
 *
 * @module
 */

/** Subsystem of a bug. */
export type Subsystem =
  | 'mm/hmm and its callers'
  | 'mm/migrate_device and device pages'
  | 'lib/test_hmm'
  | 'drm_gpusvm'
  | 'drm_pagemap'
  | 'xe, svm and userptr'
  | 'RDMA core ODP'
  | 'mlx5 ODP'
  | 'rxe ODP'
  | 'amdgpu userptr'
  | 'amdkfd svm'
  | 'nouveau svm and dmem'

/** Kind of a bug. */
export type BugKind =
  /** An order, a lock, a comparison, a flush or a wait that other code relies on. */
  | 'protocol'
  /** An object that is freed too early or twice, or a reference that is never dropped. */
  | 'lifetime'
  /** State that a failed call leaves behind. */
  | 'error path'
  /** A size, an index, a mask, or an encoding. */
  | 'arithmetic'
  /** Anything else. */
  | 'other'

/** References to the fix. At least one is given. */
export interface BugSource {
  /** The commit in the kernel's main tree: the first twelve digits of its hash. */
  readonly commit?: string
  /** A commit in a stable tree, if that of the main tree is not known here. */
  readonly stable?: string
  /** The CVE. */
  readonly cve?: string
  /** The Message-ID of a patch, if no commit of it is known here. */
  readonly mail?: string
  /**
   * A function that differs between two releases, if no commit is known here: `file: function
   * (releases)`.
   */
  readonly text?: string
}

/** A public bug that was fixed in 2023 or later. */
export interface HistoricBug {
  readonly subsystem: Subsystem
  /** The year of the fix. */
  readonly year: number
  readonly source: BugSource
  /** What was wrong, in one sentence. */
  readonly what: string
  readonly kind: BugKind
  /**
   * Defects of this project that reproduce the bug in its own function, or in the driver written
   * after it.
   */
  readonly defects?: readonly string[]
  /** Defects with the same mistake in the reference or in another driver. */
  readonly alike?: readonly string[]
  /** Why the model cannot express it, if no defect does. */
  readonly notSaid?: string
}

/** A unique name of the bug. */
export function nameOf({ source: { commit, cve, stable, mail, text } }: HistoricBug): string {
  return commit ?? cve ?? stable ?? mail ?? text ?? ''
}
