/**
 * The texts of procedures, as the site publishes them for the explorer, and the line of a step in them.
 *
 * @module
 */

/** A text, its place and the lines of its steps. */
export interface PublishedText {
  readonly file: string
  readonly line: number
  readonly text: string
}

/** A procedure. */
export interface PublishedProcedure extends PublishedText {
  /** The name of its page. */
  readonly id: string
  /** What of the kernel it stands for, or an empty text. */
  readonly kernel: string
  readonly steps: readonly (readonly [name: string, line: number])[]
}

/** A text that replaces a procedure's. */
export interface PublishedOverride extends PublishedText {
  /** The defect or the release that has it. */
  readonly owner: string
  /** The page of the procedure. */
  readonly target: string
}

/** All texts. */
export interface PublishedTexts {
  readonly procedures: Readonly<Record<string, readonly PublishedProcedure[]>>
  readonly overrides: readonly PublishedOverride[]
}

/** The text that a thread is in. */
export interface CurrentText extends PublishedText {
  readonly id: string
  readonly kernel: string
  /** Who has this text in place of the procedure's own. */
  readonly owner?: string
  /** Numbers of the lines that take the step, of which there may be several. */
  readonly current: readonly number[]
}

/**
 * The text of a procedure as it is in a subject, with the lines of a step.
 *
 * @param owners - the defect and the release that are in force
 */
export function textFor(
  { procedures, overrides }: PublishedTexts,
  procedure: string,
  step: string,
  owners: readonly string[],
): CurrentText | undefined {
  const all = Object.hasOwn(procedures, procedure) ? procedures[procedure] : []
  const own = all.find(({ steps }) => steps.some(([name]) => name === step)) ?? all[0]
  if (own === undefined) return undefined
  const override = owners
    .map((owner) => overrides.find((one) => one.owner === owner && one.target === own.id))
    .find((one) => one !== undefined)
  const shown = override ?? own
  const { id, kernel } = own
  return {
    id,
    kernel,
    file: shown.file,
    line: shown.line,
    text: shown.text,
    ...(override === undefined ? {} : { owner: override.owner }),
    current: linesOf(shown, override === undefined ? own.steps : [], step),
  }
}

/** Verbs of locks, and the methods by which texts use them. */
const METHODS: Readonly<Record<string, readonly string[]>> = {
  lock: ['lock'],
  trylock: ['trylock'],
  unlock: ['unlock'],
  down_read: ['lockRead'],
  down_read_trylock: ['trylockRead'],
  up_read: ['unlockRead'],
  down_write: ['lockWrite'],
  up_write: ['unlockWrite'],
  downgrade_write: ['downgrade'],
}

function linesOf({ text, line }: PublishedText, steps: PublishedProcedure['steps'], step: string): number[] {
  const known = steps.filter(([name]) => name === step).map(([, at]) => at)
  const lines = text.split('\n')
  if (known.length > 0) return known.filter((at) => at >= line && at < line + lines.length)
  const where = (holds: (text: string) => boolean) =>
    lines.flatMap((content, i) => (holds(content) ? [line + i] : []))
  const named = where((content) => content.includes(`'${step}'`))
  if (named.length > 0) return named
  const [verb, ...lock] = step.replace(/ \(queued\)$/, '').split(' ')
  const methods = Object.hasOwn(METHODS, verb) ? METHODS[verb] : []
  const calls = where((content) => methods.some((method) => content.includes(`.${method}(`)))
  if (calls.length < 2) return calls
  // Several locks: the one whose name is in the line, as far as the text calls it by that.
  const plain = (name: string) => name.replace(/[^a-z]/gi, '').toLowerCase()
  const last = plain(lock.join(' ').split('.').at(-1) ?? '')
  const close = calls.filter((at) => plain(lines[at - line]).includes(last))
  return close.length > 0 ? close : calls
}
