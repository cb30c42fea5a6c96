/**
 * Which releases of Linux have the text that a change is made to.
 *
 * @module
 */
import { generations } from '../generations/generations.js'
import { linuxReleases } from '../linux/table.js'
import type { ProceduresDocument } from '../publish/procedures.js'
import type { ProcedureChange } from './change.js'

/** A release, and what the change is to it. */
export interface AffectedRelease {
  readonly version: string
  /** Changed procedures whose text it shares with the newest release: the change is one to it too. */
  readonly shares: readonly string[]
  /** Changed procedures for which it has a text of its own: the change does not touch it there. */
  readonly own: readonly string[]
  /** Changed procedures that it does not have: those of interval notifiers, where its mirrors are none. */
  readonly absent: readonly string[]
}

/** Where interval notifiers are. */
const INTERVAL_NOTIFIERS = 'src/kernel/mmu_notifier/interval.ts'

/** What the change of `procedures` is to each release that is known, oldest first. */
export function releasesOf(
  procedures: readonly ProcedureChange[],
  document: Pick<ProceduresDocument, 'procedures' | 'overrides'>,
): AffectedRelease[] {
  const idsOf = (name: string) =>
    new Set(document.procedures.filter((procedure) => procedure.name === name).map(({ id }) => id))
  const changed = [...new Set(procedures.map(({ name }) => name))].filter((name) => idsOf(name).size > 0)
  const ofIntervals = new Set(
    document.procedures.filter(({ file }) => file === INTERVAL_NOTIFIERS).map(({ name }) => name),
  )
  return linuxReleases.map(({ version, generation, faults }) => {
    const hasMirrors = generations.some(({ name, mirrors }) => name === generation && mirrors !== undefined)
    const replaces = (name: string) => {
      const ids = idsOf(name)
      return document.overrides.some(
        ({ kind, owner, target, step }) =>
          step === undefined &&
          target !== undefined &&
          ids.has(target) &&
          (generation === undefined
            ? kind === 'kernel' && owner === faults
            : kind === 'generation' && owner === generation),
      )
    }
    // A change of a release's own text is a change to that release alone.
    const touches = (name: string) =>
      procedures.some(
        (one) =>
          one.name === name &&
          (one.release === undefined ? !replaces(name) : one.release === (generation ?? faults)),
      )
    const own = changed.filter((name) => !touches(name) && replaces(name))
    const absent = changed.filter((name) => !own.includes(name) && hasMirrors && ofIntervals.has(name))
    const shares = changed.filter((name) => !absent.includes(name) && touches(name))
    return { version, shares, own, absent }
  })
}

/** Releases in a row for which the change is the same: `5.8 to 7.3`. */
export type ReleaseRow = Omit<AffectedRelease, 'version'> & { readonly versions: string }

/** Releases in a row for which the change is the same, as one. */
export function inRows(releases: readonly AffectedRelease[]): ReleaseRow[] {
  const rows: (Omit<AffectedRelease, 'version'> & { first: string; last: string })[] = []
  for (const { version, ...what } of releases) {
    const before = rows.at(-1)
    const isLike = before !== undefined && keyOf(before) === keyOf(what)
    if (isLike) before.last = version
    else rows.push({ ...what, first: version, last: version })
  }
  return rows.map(({ first, last, ...what }) => ({
    ...what,
    versions: first === last ? first : `${first} to ${last}`,
  }))
}

function keyOf({ shares, own, absent }: Omit<AffectedRelease, 'version'>): string {
  return JSON.stringify([shares, own, absent])
}
