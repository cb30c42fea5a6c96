/**
 * Writes the evidence: `npm run evidence`. Every command is run as anybody would run it, what it prints is kept, and
 * the exit code is the worst of theirs.
 *
 * @module
 */
import { execFile, execFileSync, spawn } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { statecharts } from '../../models/index.js'
import { scenarios } from '../../spec/index.js'
import { compileStatechart } from '../checker/claims/statechart.js'
import { check } from '../checker/index.js'
import type { CheckResult } from '../checker/result.js'
import {
  type CheckDocument,
  type ConformDocument,
  type DefectEntry,
  EvidenceError,
  type EvidenceFile,
  type HistoryEntry,
  type Manifest,
  readHistory,
  Schemas,
} from './evidence.js'
import { findMutants, type MutateDocument, withVerdicts } from './mutants.js'
import { readProcedures } from './procedures.js'
import { SUITE, type Taken, type TakenIn } from './sequences.js'
import { findSteps } from './steps.js'
import { findTransitions } from './transitions.js'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const folder = join(root, 'evidence')
const schemas = new Schemas(join(root, 'docs/schema'))

const LISTS = ['requirements', 'scenarios', 'defects', 'statecharts', 'generations', 'kernels']

interface Written {
  readonly entry: EvidenceFile
  readonly content: unknown
}

/** Runs a command of the tool, and keeps the JSON that it prints. */
function command(name: string, args: readonly string[]): Promise<Written> {
  const started = performance.now()
  const main = fileURLToPath(new URL('../cli/main.js', import.meta.url))
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args, '--format', 'json'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const parts: Buffer[] = []
    child.stdout.on('data', (part: Buffer) => parts.push(part))
    child.on('error', reject)
    child.on('close', (code) => {
      try {
        const text = Buffer.concat(parts).toString('utf8')
        resolve(keep(name, schemas.parse(text, `hmm-spec ${args.join(' ')}`), started, code ?? 2))
      } catch (error) {
        reject(error)
      }
    })
  })
}

function keep(name: string, content: unknown, started: number, exitCode: number): Written {
  const file = `${name}.json`
  const text = JSON.stringify(content)
  schemas.parse(text, file)
  writeFileSync(join(`${folder}.new`, file), `${text}\n`)
  const seconds = Math.round((performance.now() - started) / 100) / 10
  return { entry: { file, exitCode, seconds }, content }
}

function git(...args: readonly string[]): string | undefined {
  try {
    return execFileSync('git', args, {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return undefined
  }
}

/** The recordings of real kernels, with the release that each is of. */
function recordings(): { name: string; file: string; kernel: string }[] {
  const found = ['suite', 'test/fixtures'].flatMap((of) => {
    try {
      return readdirSync(join(root, of)).map((file) => `${of}/${file}`)
    } catch {
      return []
    }
  })
  return found.flatMap((file) => {
    const match = /\/linux-(\d+\.\d+)-(sequences|random|new|minimal)\.jsonl\.gz$/.exec(file)
    return match === null ? [] : [{ name: `conform-${match[1]}-${match[2]}`, file, kernel: match[1] }]
  })
}

/** What the sequences of a file take, found in a process of its own. */
function sequencesOf({ file, kernel }: { file: string; kernel: string }, every: number) {
  const main = fileURLToPath(new URL('count-sequences.js', import.meta.url))
  return new Promise<readonly [file: string, taken: TakenIn]>((resolve, reject) => {
    execFile(
      process.execPath,
      [main, file, kernel, String(every)],
      { maxBuffer: 2 ** 26 },
      (error, stdout) => {
        if (error) reject(error)
        else resolve([file, new Map(JSON.parse(stdout) as [string, Taken][])])
      },
    )
  })
}

function given() {
  const file = { type: 'string' } as const
  return parseArgs({ options: { mutants: file, bench: file, 'every-sequence': { type: 'string' } } }).values
}

/**
 * `--every-sequence 5` counts the steps of every fifth recorded sequence: all of them take minutes.
 *
 * @throws EvidenceError if it is no number from 1 on
 */
function everySequence(): number {
  const { 'every-sequence': text = '1' } = given()
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text)
  throw new EvidenceError(`--every-sequence ${text}: give a number from 1 on`)
}

/**
 * A report that takes too long to be made each time: `npm run evidence -- --mutants FILE --bench FILE` names those of
 * `mutate --format json` and of `npm run bench -- --output`. Not named, the one that is there is kept: it says of which
 * commit it is.
 */
function reportOf(option: 'mutants' | 'bench', kept: string): Written | undefined {
  const named = given()[option]
  const file = named ?? join(folder, `${kept}.json`)
  if (named === undefined && !existsSync(file)) return undefined
  const content = schemas.parse(readFileSync(file, 'utf8'), file)
  const { format } = content as { format: string }
  if (format !== `hmm-spec-${kept}`)
    throw new EvidenceError(
      `--${option} ${file}: it is a document of the format ${format}, not hmm-spec-${kept}`,
    )
  return keep(kept, content, performance.now(), 0)
}

/** Runs as many at a time as there are processors. The answers are in the order of what was run. */
async function inTurns<T>(work: readonly (() => Promise<T>)[]): Promise<T[]> {
  const answers: T[] = []
  const waiting = work.entries()
  const one = async () => {
    for (const [place, run] of waiting) answers[place] = await run()
  }
  await Promise.all(Array.from({ length: availableParallelism() }, one))
  return answers
}

async function main(): Promise<number> {
  rmSync(`${folder}.new`, { recursive: true, force: true })
  mkdirSync(`${folder}.new`, { recursive: true })
  // First: a file that is not as it should be is not told of after minutes.
  const every = everySequence()
  const mutate = reportOf('mutants', 'mutate')
  const files: Record<string, EvidenceFile | null> = {
    mutate: mutate?.entry ?? null,
    bench: reportOf('bench', 'bench')?.entry ?? null,
  }
  const run = async (name: string, ...args: string[]) => {
    const { entry, content } = await command(name, args)
    files[name] = entry
    return content
  }
  const checked = (await run('check', 'check')) as CheckDocument
  const { defects } = (await run('defects', 'defects')) as { defects: DefectEntry[] }
  const conformed = await inTurns(
    recordings().map(
      ({ name, file, kernel }) =>
        async () =>
          (await run(name, 'conform', file, '--kernel', kernel)) as ConformDocument,
    ),
  )
  for (const list of LISTS) await run(`list-${list}`, 'list', list)

  let started = performance.now()
  const procedures = readProcedures(root)
  files.procedures = keep('procedures', procedures, started, 0).entry
  started = performance.now()
  const takenBy = Object.fromEntries(
    await inTurns([...recordings(), { file: SUITE, kernel: '' }].map((of) => () => sequencesOf(of, every))),
  )
  const transitions = await findTransitions({
    charts: Object.values(statecharts).map(compileStatechart),
    scenarios,
    results: checked.scenarios.map(({ name, ...result }) => ({ ...result, scenario: name }) as CheckResult),
    procedures: procedures.procedures,
    takenBy,
    check,
  })
  files.transitions = keep('transitions', transitions, started, 0).entry
  started = performance.now()
  const judged = withVerdicts(findMutants(root), mutate?.content as MutateDocument | undefined)
  const steps = findSteps(scenarios, takenBy, judged)
  files.steps = keep('steps', steps, started, 0).entry

  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  const manifest: Manifest = {
    format: 'hmm-spec-evidence',
    version: 1,
    tool: version,
    commit: git('rev-parse', 'HEAD') ?? null,
    changed: (git('status', '--porcelain', '--', '.', ':!evidence') ?? '') !== '',
    date: new Date().toISOString(),
    node: process.version,
    ...(every > 1 ? { everySequence: every } : {}),
    files,
  }
  const text = `${JSON.stringify(manifest, null, 2)}\n`
  schemas.parse(text, 'manifest.json')
  writeFileSync(join(`${folder}.new`, 'manifest.json'), text)
  writeHistory(manifest, checked, defects, conformed)
  for (const file of readdirSync(folder)) if (file !== 'history.jsonl') rmSync(join(folder, file))
  for (const file of readdirSync(`${folder}.new`)) renameSync(join(`${folder}.new`, file), join(folder, file))
  rmSync(`${folder}.new`, { recursive: true })
  process.stderr.write(`evidence written to ${folder}\n`)
  return Math.max(...Object.values(files).map((entry) => entry?.exitCode ?? 0))
}

/** Adds a line for the commit; what was found of files that no commit has is no history. */
function writeHistory(
  { commit, changed, date, files }: Manifest,
  { scenarios }: CheckDocument,
  defects: readonly DefectEntry[],
  conformed: readonly ConformDocument[],
): void {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'history.jsonl')
  if (commit === null || changed || readHistory(file, schemas).some((entry) => entry.commit === commit))
    return
  const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)
  const entry: HistoryEntry & { format: string; version: number } = {
    format: 'hmm-spec-history',
    version: 1,
    commit,
    date,
    scenarios: scenarios.length,
    hold: scenarios.filter(({ verdict }) => verdict === 'holds').length,
    states: sum(scenarios.map(({ states }) => states)),
    defects: defects.length,
    caught: defects.filter(({ caught }) => caught).length,
    sequences: sum(conformed.map(({ sequences }) => sequences)),
    matched: sum(conformed.map(({ matched }) => matched)),
    seconds: Math.round(sum(Object.values(files).map((entry) => entry?.seconds ?? 0))),
  }
  const line = JSON.stringify(entry)
  schemas.parse(line, file)
  appendFileSync(file, `${line}\n`)
}

process.exitCode = await main()
