/**
 * The known releases of Linux: the mirroring API and the CPU fault on a device page of each, and
 * the recorded kernel that it is compared with.
 *
 * @see reference E.3
 * @module
 */
import type { GenerationName } from '../generations/generation.js'
import { kernelProfiles } from '../generations/profiles.js'
import { releases } from '../generations/releases.js'
import { SpecificationError } from '../world/errors.js'

/** A row of the table. */
interface Told {
  /** `6.8`. */
  readonly version: string
  /**
   * The generation of the mirroring API, if it differs from today's. The scenarios are then those
   * that its drivers can run.
   */
  readonly generation?: GenerationName
  /** The change of the release, in one sentence. */
  readonly summary: string
}

/** A release of Linux. */
export interface LinuxRelease extends Told {
  /** The release that introduced its CPU fault on a device page, if it has today's API. */
  readonly faults: string
  /** The latest recorded kernel that is not later than the release. */
  readonly recorded?: keyof typeof releases
}

const told: readonly Told[] = [
  {
    version: '4.14',
    generation: '4.17',
    summary: 'hmm_vma_fault, hmm_mirror; mirrors are told when the page table has changed',
  },
  { version: '4.17', generation: '4.17', summary: 'the same' },
  { version: '4.20', generation: '5.0', summary: 'mirrors are told before the page table changes' },
  { version: '5.0', generation: '5.0', summary: 'the same' },
  {
    version: '5.3',
    generation: '5.4',
    summary: 'ranges are registered, and valid unless something is being invalidated',
  },
  { version: '5.4', generation: '5.4', summary: 'the same' },
  { version: '5.5', generation: '5.6', summary: 'mmu_interval_notifier, with a sequence number of its own' },
  { version: '5.6', generation: '5.6', summary: 'the same' },
  { version: '5.8', summary: 'top bits in hmm_pfns; hmm_range_fault as it is today' },
  { version: '6.1', summary: 'the fault on a device page holds a reference' },
  { version: '6.8', summary: 'the same' },
  { version: '6.12', summary: 'the same' },
  {
    version: '6.15',
    summary: 'the fault on a device page tries the folio lock, and faults again where it does not get it',
  },
  {
    version: '6.16',
    summary: 'hmm_dma_map: entries keep what the driver has mapped for DMA (--generation 6.16)',
  },
  { version: '6.19', summary: 'large folios of device memory' },
  { version: '7.0', summary: 'who does not get the folio lock waits for it: the reference' },
  { version: '7.1', summary: 'invalidations in two passes' },
  { version: '7.2', summary: 'a walk that drops the mmap lock for its faults' },
  { version: '7.3', summary: 'the latest release that is known' },
]

type Version = readonly [major: number, minor: number]

function numbersOf(version: string): Version | undefined {
  const [, major, minor] = /^v?(\d{1,3})\.(\d{1,3})(?:\.\d+)?$/.exec(version) ?? []
  return major === undefined ? undefined : [Number(major), Number(minor)]
}

function compare(one: Version, other: Version): number {
  return one[0] - other[0] || one[1] - other[1]
}

/** The last of `versions`, oldest first, that is not later than `wanted`. */
function lastUpTo<T extends string>(versions: readonly T[], wanted: Version): T | undefined {
  return versions.findLast((version) => compare(numbersOf(version) as Version, wanted) <= 0)
}

/** Every known release, oldest first. A release between two of them behaves as the older. */
export const linuxReleases: readonly LinuxRelease[] = told.map((release) => {
  const version = numbersOf(release.version) as Version
  const recorded = lastUpTo(Object.keys(releases) as (keyof typeof releases)[], version)
  return {
    ...release,
    faults: lastUpTo(
      kernelProfiles.map(({ name }) => name),
      version,
    ) as string,
    ...(recorded === undefined ? {} : { recorded }),
  }
})

/**
 * The release `version` (`6.8`, `6.8.12`), or the newest known release that is older.
 *
 * @throws SpecificationError `scenario` if `version` is not a version, or is older than the first
 * or later than the last known release
 */
export function linuxRelease(version: string): LinuxRelease {
  const wanted = numbersOf(version)
  const known = linuxReleases.map((release) => release.version).join(', ')
  if (wanted === undefined)
    throw new SpecificationError(
      'scenario',
      `${version} is no release of Linux, as 6.8 is; known are ${known}`,
    )
  const last = linuxReleases[linuxReleases.length - 1]
  if (compare(wanted, numbersOf(last.version) as Version) > 0)
    throw new SpecificationError(
      'scenario',
      `Linux ${version} is later than what is known here; known are ${known}`,
    )
  const nearest = lastUpTo(
    linuxReleases.map((release) => release.version),
    wanted,
  )
  const found = linuxReleases.find((release) => release.version === nearest)
  if (found === undefined)
    throw new SpecificationError('scenario', `Linux ${version} has no HMM; known are ${known}`)
  return found
}
