/**
 * A change that is a file: other texts of procedures, or another driver.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { identityOf, packageFolder } from '../../host/package.js'
import { type ProceduresDocument, readProcedures } from '../../publish/procedures.js'
import {
  type Change,
  changeOfTexts,
  normalised,
  type ReplacedText,
  Saved,
  type Side,
  selectedBy,
} from '../../review/index.js'
import type { Choice, ProcedureText, Project } from '../project.js'
import type { Io } from '../terminal/io.js'
import {
  type Compared,
  type ComparisonOptions,
  isWhole,
  NOTHING,
  namesOf,
  type Open,
  sideOf,
} from './compared.js'
import { driverMutants, overrideMutants } from './file-mutants.js'

/** Folder that the product runs from: `dist` of a build, or the sources themselves. */
const CODE = fileURLToPath(new URL('../../../', import.meta.url))

/** Compares the reference with the texts of `file` in it. */
export async function fromOverride(
  open: Open,
  io: Io,
  file: string,
  choice: Choice,
  options: ComparisonOptions,
): Promise<Compared> {
  // What is wrong with the file is said before anything takes long.
  const texts = await open({ ...choice, override: file }, options, async ({ texts = [] }) => texts)
  const [document, saved] = sources()
  const change = changeOfTexts(
    texts.map(({ procedure, step, text, original = '' }) => ({
      procedure,
      ...(step !== undefined && { step }),
      before: original,
      after: text,
      place: placeOf(file, procedure),
    })),
    document,
  )
  const key =
    saved && `${saved.identity}-${options.bounds}${choice.linux === undefined ? '' : `-${choice.linux}`}`
  const base = await open(choice, options, (project) => baseOf(project, io, options, saved?.kept, key))
  const both = await compared(open, io, { ...choice, override: file }, change, base, options)
  const mutants = await overrideMutants(open, io, file, both, options)
  return {
    ...both,
    ...(mutants && { mutants }),
    document,
    subject: { kind: 'override', base: 'the specification', head: shown(file) },
  }
}

/** Compares the driver of `base` with that of `file`. */
export async function fromDriver(
  open: Open,
  io: Io,
  files: { readonly file: string; readonly base: string },
  choice: Choice,
  options: ComparisonOptions,
): Promise<Compared> {
  const textsOf = (driver: string) => open({ ...choice, driver }, options, async ({ texts = [] }) => texts)
  const after = await textsOf(files.file)
  const before = await textsOf(files.base)
  const [document] = sources()
  const change = changeOfDrivers(files, before, after, document)
  const base = await open({ ...choice, driver: files.base }, options, (project) =>
    sideOf(project, io, namesOf(project, options.only), options),
  )
  const both = await compared(open, io, { ...choice, driver: files.file }, change, base, options)
  const mutants = await driverMutants(open, io, files, both, options)
  return {
    ...both,
    ...(mutants && { mutants }),
    document,
    subject: { kind: 'driver', base: shown(files.base), head: shown(files.file) },
  }
}

/** What of the sources a review quotes, and where findings are kept: nowhere, unless a build runs. */
function sources(): [ProceduresDocument, { readonly kept: Saved; readonly identity: string } | undefined] {
  const root = packageFolder()
  if (basename(CODE) !== 'dist') return [readProcedures(root), undefined]
  const kept = new Saved(join(root, 'node_modules/.cache/hmm-spec/review'))
  const identity = identityOf(CODE)
  const key = `procedures-${identity}`
  const known = kept.get<ProceduresDocument>(key) ?? readProcedures(root)
  kept.set(key, known)
  return [known, { kept, identity }]
}

/** The checks before the change, of which those that were kept are not run again. */
async function baseOf(
  project: Project,
  io: Io,
  options: ComparisonOptions,
  saved: Saved | undefined,
  key: string | undefined,
): Promise<Side> {
  const names = namesOf(project, options.only)
  const kept = key === undefined ? undefined : saved?.get<Side>(key)
  const known = (kept?.results ?? []).filter(({ scenario }) => names.includes(scenario))
  const missing = names.filter((name) => !known.some(({ scenario }) => scenario === name))
  if (missing.length === 0) return { results: known, failures: [], notRun: [] }
  io.stderr.write(`before the change: ${missing.length} of ${names.length} scenarios to run\n`)
  const found = await sideOf(project, io, missing, options)
  const side = { ...found, results: [...known, ...found.results] }
  if (key !== undefined && isWhole(side)) {
    const others = (kept?.results ?? []).filter(({ scenario }) => !names.includes(scenario))
    saved?.set(key, { ...side, results: [...others, ...side.results] })
  }
  return side
}

/** Runs what reaches the change. */
async function compared(
  open: Open,
  io: Io,
  choice: Choice,
  change: Change,
  base: Side,
  options: ComparisonOptions,
): Promise<Pick<Compared, 'change' | 'base' | 'after' | 'selected'>> {
  return open(choice, options, async (project) => {
    const selected = selectedBy(change, base, namesOf(project, options.only))
    if (base.notRun.length > 0)
      return { change, base, selected, after: { ...NOTHING, notRun: selected.scenarios } }
    io.stderr.write(
      `after the change: ${selected.scenarios.length} of ${selected.of} scenarios reach it, and are run\n`,
    )
    return { change, base, selected, after: await sideOf(project, io, selected.scenarios, options) }
  })
}

/** The procedures of two drivers that differ, and whether anything else does. */
function changeOfDrivers(
  files: { readonly file: string; readonly base: string },
  before: readonly ProcedureText[],
  after: readonly ProcedureText[],
  document: ProceduresDocument,
): Change {
  const textIn = (texts: readonly ProcedureText[], name: string) =>
    texts.find(({ procedure }) => procedure === name)?.text ?? ''
  const names = [...new Set([...after, ...before].map(({ procedure }) => procedure))]
  const changed = names.flatMap((procedure): ReplacedText[] => {
    const [was, is] = [textIn(before, procedure), textIn(after, procedure)]
    if (normalised(was, procedure) === normalised(is, procedure)) return []
    const place = placeOf(is === '' ? files.base : files.file, procedure)
    return [{ procedure, before: was, after: is, place }]
  })
  const rest = restOf(files.file, after)
  const isAlike = rest !== undefined && rest === restOf(files.base, before)
  return { ...changeOfTexts(changed, document), files: isAlike ? [] : [shown(files.file)] }
}

/** The text of a driver's file without that of its procedures; undefined where it has other files. */
function restOf(file: string, texts: readonly ProcedureText[]): string | undefined {
  let rest = readFileSync(file, 'utf8')
  if (/(?:from|import)\s*\(?\s*['"]\./.test(rest)) return undefined
  for (const { text } of texts) rest = rest.replace(text, () => '')
  return rest
    .replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
    .replace(/\s*\n\s*/g, '\n')
    .trim()
}

/** Where in `file` a procedure is made or replaced: the line of the call, or the first of the file if it is not to be found. */
function placeOf(file: string, procedure: string): { readonly file: string; readonly line: number } {
  const name = procedure.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const call = new RegExp(
    `\\b(?:override|onStep)\\(\\s*(?:\\w+\\.)?${name}[\\s,]|` +
      `\\bprocedure\\(\\s*(?:['"\`]${name}['"\`]|function\\s*\\*\\s*${name}[\\s(])`,
  )
  const text = readFileSync(file, 'utf8')
  return { file: shown(file), line: text.slice(0, Math.max(0, text.search(call))).split('\n').length }
}

/** A path as the reader has it: from where the review was asked for, if it is below. */
function shown(file: string): string {
  const path = relative(process.cwd(), resolve(file))
  return path.startsWith('..') ? resolve(file) : path
}
