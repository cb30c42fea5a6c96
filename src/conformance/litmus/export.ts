/**
 * Litmus tests for use without Node: one text that `hmm_litmus` reads.
 *
 * @module
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from '../../host/folder.js'
import type { KernelVersion } from '../result.js'
import { pinnedFor } from './data.js'
import type { PinnedTest } from './test.js'

/** A test as lines of a keyword and the rest. */
export function litmusText(test: PinnedTest, release: KernelVersion): string {
  const { outcomes, breaches } = pinnedFor(test, release)
  return [
    `# ${test.title}`,
    `test ${test.test}`,
    ...test.setup.map((op) => `setup ${op}`),
    ...test.threads.flatMap((ops, thread) => ops.map((op) => `thread ${thread} ${op}`)),
    ...test.final.map((op) => `final ${op}`),
    ...outcomes.map((outcome) => `allow ${outcome}`),
    ...breaches.map(({ outcome, finding }) => `breach ${finding} ${outcome}`),
    'end\n',
  ].join('\n')
}

/**
 * Writes the tests into a folder. Those in which the driver may use free memory come last, in a file of their own: they may
 * crash the kernel.
 *
 * @returns the paths of what was written
 */
export function exportLitmus(
  tests: readonly PinnedTest[],
  release: KernelVersion,
  directory: string,
): string[] {
  makeFolder(directory)
  const isUnsafe = (test: PinnedTest) => pinnedFor(test, release).usesFreeMemory
  const files = {
    'litmus.txt': tests.filter((test) => !isUnsafe(test)),
    'litmus-unsafe.txt': tests.filter(isUnsafe),
  }
  return Object.entries(files).map(([name, of]) => {
    const path = join(directory, name)
    writeFileSync(path, `${of.map((test) => litmusText(test, release)).join('')}done\n`)
    return path
  })
}
