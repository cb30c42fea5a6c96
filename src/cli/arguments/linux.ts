/**
 * `--linux`: one release of Linux for what it stands for.
 *
 * @module
 */
import { type LinuxRelease, linuxRelease } from '../../linux/table.js'
import { SpecificationError } from '../../world/errors.js'
import type { Choice, Selection } from '../project.js'
import { UsageError } from './usage.js'

/**
 * The release called `version`, or the newest that is older.
 *
 * @throws UsageError if there is none
 */
export function releaseNamed(version: string): LinuxRelease {
  try {
    return linuxRelease(version)
  } catch (error) {
    if (error instanceof SpecificationError) throw new UsageError(`--linux: ${error.message}`)
    throw error
  }
}

/**
 * The driver, kernel and generation that are asked for.
 *
 * @throws UsageError if the release is not known, or one of the options says it too
 */
export function selectionOf({ linux, scenario, driver, override, kernel, generation }: Choice): Selection {
  const given = {
    ...(scenario === undefined ? {} : { scenario }),
    ...(driver === undefined ? {} : { driver }),
    ...(override === undefined ? {} : { override }),
  }
  if (linux === undefined)
    return {
      ...given,
      ...(kernel === undefined ? {} : { kernel }),
      ...(generation === undefined ? {} : { generation }),
    }
  const also = kernel === undefined ? (generation === undefined ? undefined : '--generation') : '--kernel'
  if (also !== undefined) throw new UsageError(`--linux ${linux} and ${also} say the same; give one of them`)
  const release = releaseNamed(linux)
  // The scenarios of an older API have no device pages but their own.
  return release.generation === undefined
    ? { ...given, kernel: release.faults }
    : { ...given, generation: release.generation }
}
