/**
 * `hmm-spec suite`: the conformance suite against a peer; and `hmm-spec peer`, the oracle as one.
 *
 * @module
 */
import { appendFileSync, existsSync, readdirSync, writeFileSync } from 'node:fs'
import { readSuite } from '../../conformance/suite/data.js'
import { exportSuite } from '../../conformance/suite/making/export.js'
import { OraclePeer } from '../../conformance/suite/peer/oracle-peer.js'
import { type Peer, PeerFailure } from '../../conformance/suite/peer/peer.js'
import { type PeerLimits, ProcessPeer } from '../../conformance/suite/peer/process-peer.js'
import type { Hello } from '../../conformance/suite/peer/protocol.js'
import { servePeer } from '../../conformance/suite/peer/serve.js'
import { type Profile, profiles, releaseOf } from '../../conformance/suite/profiles.js'
import type { SuiteResult } from '../../conformance/suite/result.js'
import { type PerformedSequence, RUN_DEFAULTS, runSuite } from '../../conformance/suite/run.js'
import type { Layout } from '../../report/form/colours.js'
import type { RunFacts } from '../../report/report.js'
import { suiteExitCode, suiteJson, suiteJUnit, suiteText } from '../../report/suite.js'
import { didYouMean, UsageError } from '../arguments/usage.js'
import type { Project } from '../project.js'
import { runFacts } from '../running/run-facts.js'
import { codeOf, type Io } from '../terminal/io.js'
import { assertWritable, type OutputOptions, writeReport } from '../terminal/output.js'

/** Options of `suite`. */
export interface SuiteCommandOptions extends OutputOptions {
  /** The command that runs the peer. */
  readonly peer?: string
  /** The oracle itself is the peer. */
  readonly self?: boolean
  /** The profile to hold it against; by default the one that it names. */
  readonly profile?: string
  /** Where to write the suite, for use without Node. */
  readonly export?: string
  /** Where to write what the peer answered, one sequence a line. */
  readonly record?: string
  readonly limits: PeerLimits
  /** Milliseconds to shrink one divergence. */
  readonly shrinkTime?: number
  /** After how many divergent sequences to stop. */
  readonly stopAfter?: number
  /** Milliseconds after which no sequence is begun. */
  readonly timeLimit?: number
}

/**
 * Runs the suite, or exports it.
 *
 * @returns the exit code
 * @throws UsageError if there is no peer, or it cannot be spoken with
 */
export async function suiteCommand(project: Project, io: Io, options: SuiteCommandOptions): Promise<number> {
  assertWritable(options.output)
  const asked = [options.peer, options.self, options.export].filter((option) => option !== undefined)
  if (asked.length !== 1)
    throw new UsageError("name one of --peer 'COMMAND', --self and --export DIRECTORY: hmm-spec help suite")
  if (options.export !== undefined && options.record !== undefined)
    throw new UsageError('--export runs nothing: there is nothing for --record to write')
  assertWritable(options.record, '--record')
  if (options.export !== undefined) return exported(io, options.export)
  const given = options.profile === undefined ? undefined : profileNamed(options.profile)
  const record = recorder(options.record)
  let interrupted = false
  const stopListening = io.onInterrupt(() => {
    interrupted = true
  })
  try {
    const result = await runSuite(() => peerFor(options, given), readSuite(), {
      profile: (hello) => given ?? profileOf(hello),
      shrinkMs: options.shrinkTime ?? RUN_DEFAULTS.shrinkMs,
      mostFailures: RUN_DEFAULTS.mostFailures,
      ...(options.stopAfter === undefined ? {} : { mostDivergences: options.stopAfter }),
      ...(options.timeLimit === undefined ? {} : { timeMs: options.timeLimit }),
      isInterrupted: () => interrupted,
      ...(record === undefined ? {} : { onPerformed: record }),
    })
    return report(io, options, result, { ...runFacts(project, null), profile: result.profile })
  } catch (error) {
    if (error instanceof PeerFailure)
      throw new UsageError(`the peer does not answer to hello: ${error.message}; see docs/suite.md`)
    throw error
  } finally {
    stopListening()
  }
}

/** What writes a line for each sequence, if there is a file for it. Lines that are there already go. */
function recorder(file: string | undefined): ((performed: PerformedSequence) => void) | undefined {
  if (file === undefined) return undefined
  writeFileSync(file, '')
  return (performed) => appendFileSync(file, `${JSON.stringify(performed)}\n`)
}

/** Answers a runner on the standard input and output as the oracle does. */
export async function peerCommand(io: Io, profileName: string): Promise<number> {
  const profile = profileNamed(profileName)
  await servePeer(oraclePeer(profile), process.stdin, (line) => io.stdout.write(line))
  return 0
}

function report(io: Io, options: SuiteCommandOptions, result: SuiteResult, run: RunFacts): number {
  const writers = {
    text: (layout: Layout) => suiteText(result, layout),
    json: () => suiteJson(result, run),
    junit: () => suiteJUnit(result),
  }
  return writeReport(io, options, writers, suiteExitCode(result))
}

function peerFor({ peer, limits }: SuiteCommandOptions, profile: Profile | undefined): Peer {
  return peer === undefined
    ? oraclePeer(profile ?? profileNamed('test_hmm-6.1'))
    : new ProcessPeer(peer, limits)
}

function oraclePeer(profile: Profile): OraclePeer {
  return new OraclePeer(releaseOf(profile), profile.name)
}

function profileOf({ profile }: Hello): Profile {
  const found = profiles.find(({ name }) => name === profile)
  if (found === undefined)
    throw new UsageError(
      `the peer names the profile ${profile}; there are ${profiles.map(({ name }) => name).join(', ')}; ` +
        '--profile holds it against another',
    )
  return found
}

function profileNamed(name: string): Profile {
  const names = profiles.map((profile) => profile.name)
  const found = profiles.find((profile) => profile.name === name)
  if (found === undefined)
    throw new UsageError(
      `there is no profile "${name}"${didYouMean(name, names)}; there are ${names.join(', ')}`,
    )
  return found
}

function exported(io: Io, directory: string): number {
  if (existsSync(directory) && readdirSync(directory).length > 0)
    throw new UsageError(`--export ${directory}: the directory is not empty`)
  try {
    const files = exportSuite(readSuite(), directory)
    io.stdout.write(`${files.map((file) => `${file}\n`).join('')}`)
  } catch (error) {
    throw new UsageError(`--export ${directory}: cannot write there (${codeOf(error)})`)
  }
  return 0
}
