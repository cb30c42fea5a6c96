/**
 * The litmus tests as data: `suite/litmus`, which the package ships.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KernelVersion } from '../result.js'
import { suiteFolder } from '../suite/data.js'
import { type AllowedOutcomes, LitmusError, type PinnedTest } from './test.js'

/** What the manifest says. */
export interface LitmusManifest {
  readonly format: 'hmm-spec-litmus'
  /** Raised when a test, or what is allowed to it, changes. */
  readonly version: string
  readonly files: readonly { readonly name: string; readonly tests: number }[]
}

/** Every litmus test of the package. @throws LitmusError that names the line that cannot be read */
export function readLitmusTests(folder: string = join(suiteFolder(), 'litmus')): readonly PinnedTest[] {
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as LitmusManifest
  return manifest.files.flatMap(({ name }) =>
    readFileSync(join(folder, name), 'utf8')
      .split('\n')
      .flatMap((line, index) => (line === '' ? [] : [testFrom(line, `${name}:${index + 1}`)])),
  )
}

function testFrom(line: string, where: string): PinnedTest {
  try {
    return JSON.parse(line) as PinnedTest
  } catch (error) {
    throw new LitmusError(`${where}: ${(error as Error).message}`)
  }
}

/** What a release allows of a test. */
export function pinnedFor({ test, allowed }: PinnedTest, release: KernelVersion): AllowedOutcomes {
  const found = allowed.find(({ releases }) => releases.includes(release))
  if (found === undefined)
    throw new LitmusError(`litmus test ${test} says nothing of Linux ${release}; npm run litmus writes it`)
  return found
}
