/**
 * The directory of `check --checkpoint`. It holds the result of each scenario that has ended, and a checkpoint of each that has
 * not. `--resume` continues from it.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parametersOf } from '../../checker/check.js'
import type { CheckOptions } from '../../checker/options.js'
import type { CheckResult } from '../../checker/result.js'
import { CheckpointFile, type Identity, mustBeOf } from '../../host/checkpoint-file.js'
import { identityOf, packageFolder } from '../../host/package.js'
import { SpecificationError } from '../../world/errors.js'
import type { Scenario } from '../../world/model.js'
import { UsageError } from '../arguments/usage.js'
import { importedFiles } from '../loading/driver-text.js'
import type { Project } from '../project.js'
import { codeOf, type Io } from '../terminal/io.js'
import { fileNamesFor, makeDirectory, writeWhole } from '../terminal/output.js'

/** Milliseconds from one checkpoint to the next, unless it is said. */
const EVERY_MS = 5 * 60_000

/** What `check` is told about checkpoints. */
export interface CheckpointOptions {
  /** Where they are kept; nowhere if left out. */
  readonly checkpoint?: string
  /** Milliseconds from one to the next. */
  readonly every?: number
  readonly resume?: boolean
}

/** The file of a result. The checksum is of the other two. */
interface KeptResult {
  readonly identity: Identity
  readonly result: CheckResult
  readonly checksum: string
}

/**
 * `project`, whose checks write results and checkpoints to a directory.
 *
 * @param scenarios - those that will be checked
 * @throws UsageError if the options do not fit together, or there is something of an earlier run and no `--resume`
 */
export function withCheckpoints(
  project: Project,
  io: Io,
  scenarios: readonly Scenario[],
  { checkpoint: directory, every, resume = false }: CheckpointOptions,
): Project {
  if (directory === undefined) {
    const lonely = resume ? '--resume' : every === undefined ? undefined : '--every'
    if (lonely !== undefined)
      throw new UsageError(`${lonely} needs the directory of the checkpoints: --checkpoint DIR`)
    return project
  }
  makeDirectory('--checkpoint', directory, 'checkpoints')
  const names = fileNamesFor(scenarios.map(({ name }) => name))
  const fileOf = ({ name }: Scenario, of: 'states' | 'result.json') =>
    join(directory, `${names.get(name)}.${of}`)
  if (!resume)
    for (const scenario of scenarios)
      for (const of of ['states', 'result.json'] as const)
        if (existsSync(fileOf(scenario, of)))
          throw new UsageError(
            `--checkpoint ${directory}: ${fileOf(scenario, of)} is of an earlier run; go on from it with --resume, or give another directory`,
          )
  const ofRun = identityOfRun(project)
  return {
    ...project,
    check: async (scenario, options) => {
      const identity = { ...ofRun, ...identityOfCheck(scenario, options) }
      const file = fileOf(scenario, 'result.json')
      if (resume && existsSync(file)) return kept(file, identity)
      const states = fileOf(scenario, 'states')
      const place = { file: states, everyMs: every ?? EVERY_MS, resume, identity }
      const checkpoints = new CheckpointFile(place, (message) => io.stderr.write(`${message}\n`))
      const result = await project.check(scenario, { ...options, checkpoints })
      if (result.verdict !== 'holds' && result.verdict !== 'violated') return result
      try {
        const checksum = checksumOf(identity, result)
        writeWhole(file, JSON.stringify({ identity, result, checksum } satisfies KeptResult))
        rmSync(states, { force: true })
      } catch (error) {
        io.stderr.write(`${file}: the result could not be kept (${codeOf(error)}); nothing else is lost\n`)
      }
      return result
    },
  }
}

/** A result of an earlier run. @throws SpecificationError `checkpoint` if it is damaged or of another check */
function kept(file: string, identity: Identity): CheckResult {
  const { identity: then, result } = read(file)
  mustBeOf(file, then, identity)
  return { ...result, resumedFrom: result.states }
}

function read(file: string): KeptResult {
  try {
    const found = JSON.parse(readFileSync(file, 'utf8')) as KeptResult
    if (found.checksum === checksumOf(found.identity, found.result)) return found
  } catch {
    // Said below.
  }
  throw new SpecificationError('checkpoint', `${file}: the result is damaged; delete the file to check anew`)
}

function checksumOf(identity: Identity, result: CheckResult): string {
  return hashOf(JSON.stringify([identity, result]))
}

function hashOf(bytes: string | Buffer): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 20)
}

/** What all checks of a run depend on. */
function identityOfRun({ driver, scenarioFile, generation, kernel }: Project): Identity {
  const textOf = (file: string | undefined) => {
    if (file === undefined) return undefined
    if (!existsSync(file)) return file
    const files = [...new Set([file, ...importedFiles(file)])].sort()
    return `${file} ${hashOf(files.map((each) => hashOf(readFileSync(each))).join())}`
  }
  return {
    build: identityOf(join(packageFolder(), 'dist')),
    driver: textOf(driver?.file),
    scenarioFile: textOf(scenarioFile),
    generation,
    kernel,
  }
}

function identityOfCheck(
  scenario: Scenario,
  { bounds, set, reductions, claims, audit, digest }: CheckOptions,
): Identity {
  const parameters = parametersOf(scenario, {
    ...(bounds === undefined ? {} : { bounds }),
    ...(set === undefined ? {} : { set }),
  })
  return { scenario: scenario.name, parameters, reductions, claims, audit, digest }
}
