/**
 * What a row of the history says: a public bug, what kind of bug it was, and what catches it here.
 *
 * @module
 */

/** Where a bug was. */
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

/** What kind of bug it was. */
export type BugKind =
  /** An order, a lock, a comparison, a flush or a wait that another thread or the kernel relies on. */
  | 'protocol'
  /** An object that is freed too early or twice, or a reference that is never dropped. */
  | 'lifetime'
  /** What a call leaves behind that has failed. */
  | 'error path'
  /** A size, an index, a mask, or an encoding. */
  | 'arithmetic'
  /** Anything else. */
  | 'other'

/** How the fix can be found. At least one is given. */
export interface BugSource {
  /** The commit in the kernel's main tree: the first twelve digits of its hash. */
  readonly commit?: string
  /** A commit in a stable tree, where the main tree's is not known here. */
  readonly stable?: string
  /** The CVE. */
  readonly cve?: string
  /** The Message-ID of a patch, where no commit of it is known here. */
  readonly mail?: string
  /** A function, where two releases differ and no commit is known here: `file: function (releases)`. */
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
  /** Names of the defects of this project that are the bug in its own form: in its function, or in the driver written after it. */
  readonly defects?: readonly string[]
  /** Names of defects that are the same mistake in the reference or in another driver. */
  readonly alike?: readonly string[]
  /** Why the model cannot say it, where no defect does. */
  readonly notSaid?: string
}

/** What names the bug: no two have the same. */
export function nameOf({ source: { commit, cve, stable, mail, text } }: HistoricBug): string {
  return commit ?? cve ?? stable ?? mail ?? text ?? ''
}
