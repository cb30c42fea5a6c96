/**
 * What a change is: the procedures whose text it changes, and what else it touches.
 *
 * @module
 */
import { createTwoFilesPatch } from 'diff'
import type { OverrideData, ProcedureData, ProceduresDocument } from '../publish/procedures.js'

/** A place in a file. */
export interface Place {
  /** Path from the folder that the review was asked for in. */
  readonly file: string
  /** From 1. */
  readonly line: number
}

/** A procedure whose text is another one after the change. */
export interface ProcedureChange {
  /** Name, as traces have it. */
  readonly name: string
  readonly how: 'changed' | 'added' | 'removed' | 'step'
  /** The step whose effect is replaced. */
  readonly step?: string
  /** The release that this text belongs to, where it is not the newest. */
  readonly release?: string
  /** The kernel's function that it stands for; empty if none. */
  readonly kernel: string
  /** What it does, as the specification documents it. */
  readonly summary: string
  /** Where the changed text is; of one that was removed, where it was. */
  readonly place: Place
  /** Unified diff of the two texts, without a head. */
  readonly diff: string
}

/** A change, as far as it can be read off the texts. */
export interface Change {
  readonly procedures: readonly ProcedureChange[]
  /** Files that are changed outside of the text of procedures: they may bear on every scenario. */
  readonly files: readonly string[]
}

/** What is known of a text that takes the place of a procedure's. */
export interface ReplacedText {
  readonly procedure: string
  readonly step?: string
  /** Empty for what was not there before. */
  readonly before: string
  /** Empty for what is no longer there. */
  readonly after: string
  readonly place: Place
}

/** Lines around a change that a diff shows. */
const CONTEXT = 12

/** The unified diff of two texts, without a head. */
export function diffOf(before: string, after: string): string {
  const patch = createTwoFilesPatch('a', 'b', ended(before), ended(after), undefined, undefined, {
    context: CONTEXT,
  })
  return patch
    .split('\n')
    .filter((line) => !/^(?:={3,}|--- a|\+\+\+ b|@@ )/.test(line) && !line.startsWith('\\'))
    .join('\n')
    .trimEnd()
}

function ended(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}

/**
 * A text as another is compared with it: without what only its printer has added, under the name of its procedure.
 * Indentation is by two, and no statement ends with a semicolon.
 */
export function normalised(text: string, name: string): string {
  const lines = text.replaceAll('\t', '    ').split('\n')
  const indents = lines.slice(1).filter((line) => line.trim() !== '')
  const depthOf = (line: string) => line.length - line.trimStart().length
  const least = Math.min(...indents.map(depthOf))
  const depths = indents.map((line) => depthOf(line) - least).filter((depth) => depth > 0)
  const unit = depths.length === 0 ? 2 : Math.min(...depths)
  const inner = lines.map((line, i) => {
    if (i === 0 || line.trim() === '') return line.trim()
    return ' '.repeat(Math.round(((depthOf(line) - least) / unit) * 2)) + line.trim()
  })
  return inner
    .join('\n')
    .replace(/;$/gm, '')
    .replace(/^(async )?function\s*\*\s*\w*\s*\(/, `function* ${/^\w+$/.test(name) ? name : ''}(`)
}

/** The change that is made by texts from a file. */
export function changeOfTexts(
  texts: readonly ReplacedText[],
  { procedures }: Pick<ProceduresDocument, 'procedures'>,
): Change {
  return {
    procedures: texts.map(({ procedure, step, before, after, place }) => {
      const known = procedures.find(({ name }) => name === procedure)
      return {
        name: procedure,
        how: step !== undefined ? 'step' : before === '' ? 'added' : after === '' ? 'removed' : 'changed',
        ...(step === undefined ? {} : { step }),
        kernel: known?.kernel ?? '',
        summary: known?.summary ?? '',
        place,
        diff:
          step === undefined
            ? diffOf(before && normalised(before, procedure), after && normalised(after, procedure))
            : diffOf('', `onStep(${procedure}, '${step}', ${normalised(after, '')})`),
      }
    }),
    files: [],
  }
}

/** The files of a tree that a change touches, before and after; what is not there is undefined. */
export interface ChangedFile {
  readonly file: string
  readonly before: string | undefined
  readonly after: string | undefined
}

/** Files that bear on no verdict: what they hold is no text of the specification. */
const BESIDE =
  /^(?:(?:docs|test|bench|evidence|examples|tools|suite|\.\w+)\/|src\/(?:cli|explorer|mutate|publish|report|review|saturate|vitest)\/|(?:biome|typedoc)\.json$|vitest\.config\.ts$)/

/**
 * The change from one tree to another.
 *
 * @param before - what its sources hold
 * @param after - the same of the other
 * @param files - those that differ
 */
export function changeOfTrees(
  before: ProceduresDocument,
  after: ProceduresDocument,
  files: readonly ChangedFile[],
): Change {
  const changed = new Set(files.map(({ file }) => file))
  const inChanged = ({ file }: { readonly file: string }) => changed.has(file)
  const pairs = paired(
    before.procedures.filter(inChanged),
    after.procedures.filter(inChanged),
    ({ id }) => id,
  )
  const replaced = paired(
    before.overrides.filter((one) => one.kind !== 'defect' && inChanged(one)),
    after.overrides.filter((one) => one.kind !== 'defect' && inChanged(one)),
    ({ owner, target, step }) => `${owner} ${target} ${step}`,
  )
  const nameOf = ({ target }: OverrideData) =>
    [...after.procedures, ...before.procedures].find(({ id }) => id === target)?.name ?? target ?? ''
  return {
    procedures: [
      ...pairs.map(([was, is]) => {
        const { name, kernel, summary } = (is ?? was) as ProcedureData
        return { name, kernel, summary, ...differenceOf(was, is) }
      }),
      ...replaced.map(([was, is]) => {
        const one = (is ?? was) as OverrideData
        const target = after.procedures.find(({ id }) => id === one.target)
        return {
          name: nameOf(one),
          kernel: target?.kernel ?? '',
          summary: target?.summary ?? '',
          release: one.owner,
          ...differenceOf(was, is),
        }
      }),
    ],
    files: files
      .filter(({ file }) => /\.[cm]?[jt]sx?$|\.json$/.test(file) && !BESIDE.test(file))
      .filter((each) => restOf(each.before, before, each.file) !== restOf(each.after, after, each.file))
      .map(({ file }) => file),
  }
}

type Text = Pick<ProcedureData, 'text' | 'file' | 'line'>

function differenceOf(was: Text | undefined, is: Text | undefined) {
  const { file, line } = (is ?? was) as Text
  return {
    how:
      was === undefined ? ('added' as const) : is === undefined ? ('removed' as const) : ('changed' as const),
    place: { file, line },
    diff: diffOf(was?.text ?? '', is?.text ?? ''),
  }
}

/** What differs, by name: as it was and as it is. */
function paired<T extends Text>(
  before: readonly T[],
  after: readonly T[],
  keyOf: (item: T) => string,
): [was: T | undefined, is: T | undefined][] {
  const known = new Map(before.map((item) => [keyOf(item), item]))
  const found = after
    .map((item): [T | undefined, T | undefined] => [known.get(keyOf(item)), item])
    .filter(([was, is]) => was?.text !== is?.text)
  const kept = new Set(after.map(keyOf))
  return [
    ...found,
    ...before.filter((item) => !kept.has(keyOf(item))).map((item): [T, undefined] => [item, undefined]),
  ]
}

/** A file's text without that of procedures, and without imports, comments and blank lines. */
function restOf(
  text: string | undefined,
  { procedures, overrides }: ProceduresDocument,
  file: string,
): string {
  let rest = text ?? ''
  const texts = [...procedures, ...overrides.filter(({ kind }) => kind !== 'defect')]
  for (const each of texts) if (each.file === file) rest = rest.replace(each.text, () => '')
  return rest
    .replace(/^import [^;'"]*['"][^'"]*['"];?$/gm, '')
    .replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
    .replace(/\s*\n\s*/g, '\n')
    .trim()
}
