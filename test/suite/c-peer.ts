/**
 * The peer in C, built for one test: as it is, with a bug, or as a mutant.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readSuite } from '../../src/conformance/suite/data.js'
import { ProcessPeer } from '../../src/conformance/suite/peer/process-peer.js'
import { profiles } from '../../src/conformance/suite/profiles.js'
import type { SuiteResult } from '../../src/conformance/suite/result.js'
import { runSuite } from '../../src/conformance/suite/run.js'
import { temporaryDirectory } from '../cli/project.js'

const FOLDER = new URL('../../suite/peers/c/', import.meta.url)

/** The text of the peer. */
export const peerText = readFileSync(new URL('peer.c', FOLDER), 'utf8')

/** A bug that a real kernel or driver had, as an edit of the text. */
export interface Bug {
  readonly bug: string
  readonly title: string
  readonly from: string
  readonly to: string
}

/** Every bug. */
export const bugs: readonly Bug[] = JSON.parse(readFileSync(new URL('bugs.json', FOLDER), 'utf8'))

/** Why there is no compiler, or an empty text. */
export const missingCompiler: string =
  spawnSync('cc', ['--version']).status === 0 ? '' : 'there is no C compiler (cc): the peer in C is not built'

if (missingCompiler !== '') console.warn(missingCompiler)

let built = 0

/** Compiles a text of the peer. @returns the command that runs it */
export function build(text: string, ...flags: string[]): string {
  const directory = temporaryDirectory()
  const [source, program] = [join(directory, `peer${built}.c`), join(directory, `peer${built++}`)]
  writeFileSync(source, text)
  const { status, stderr } = spawnSync('cc', ['-std=c99', '-O1', ...flags, '-o', program, source], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`the peer does not compile:\n${stderr}`)
  return program
}

const suite = readSuite()

/** Runs the suite against a program, up to its first divergence if it is to have one. */
export function runAgainst(
  program: string,
  options: { readonly mostDivergences?: number; readonly shrinkMs?: number } = {},
): Promise<SuiteResult> {
  // A peer that goes round for ever should be found soon; one that is right answers within this on a busy machine.
  const limits = { startMs: 30_000, answerMs: 2_000, answerBytes: 1_000_000 }
  return runSuite(() => new ProcessPeer(`exec "${program}"`, limits), suite, {
    profile: () => profiles[1],
    shrinkMs: 0,
    mostFailures: 1,
    ...options,
  })
}
