/**
 * Traces in the Informal Trace Format (ITF), which Apalache, Quint and their viewers read and write: one record for each state,
 * with every cell of the world as a variable. The step that led to a state is in the two variables that Quint has for that.
 *
 * @module
 * @see https://apalache-mc.org/docs/adr/015adr-trace.html
 */
import type { Change, Trace, TraceStep } from '../../checker/result.js'
import type { RecordedTrace } from './trace-file.js'

/** The variables that say which step led to a state. */
const ACTION = 'mbt::actionTaken'
const PICKS = 'mbt::nondetPicks'

/** A cell in the initial state. */
export interface InitialCell {
  readonly cell: string
  readonly value: string
  readonly ghost: boolean
}

/**
 * Writes a trace in ITF.
 *
 * @param trace - the trace, its steps with what each changes
 * @param initial - every cell before its first step
 */
export function traceToItf(trace: RecordedTrace, initial: readonly InitialCell[]): string {
  const { format: _, version, steps, loopFrom, ...about } = trace
  const values = new Map(initial.map(({ cell, value }) => [cell, value]))
  const worlds = [new Map(values)]
  for (const { changes } of steps) {
    for (const { cell, after } of changes) values.set(cell, after)
    worlds.push(new Map(values))
  }
  const cells = initial.map(({ cell }) => cell)
  const numbers = new Set(cells.filter((cell) => worlds.every((world) => isNumber(world.get(cell) ?? ''))))
  const states = worlds.map((world, index) => ({
    '#meta': { index },
    ...actionOf(steps[index - 1]),
    ...Object.fromEntries(
      cells.map((cell) => {
        const value = world.get(cell) as string
        return [cell, numbers.has(cell) ? Number(value) : value]
      }),
    ),
  }))
  const document = {
    '#meta': {
      format: 'ITF',
      'format-description': 'https://apalache-mc.org/docs/adr/015adr-trace.html',
      description: `hmm-spec: ${trace.scenario} breaks ${trace.clause}: ${trace.detail}`,
      'hmm-spec': { version, ...about, ghosts: initial.filter(({ ghost }) => ghost).map(({ cell }) => cell) },
    },
    params: [],
    vars: [ACTION, PICKS, ...cells],
    // The state after the last is that after the first step of the loop: the last itself is the one where it began.
    ...(loopFrom === undefined ? {} : { loop: loopFrom + 1 }),
    states,
  }
  return `${JSON.stringify(document, null, 1)}\n`
}

function isNumber(text: string): boolean {
  return /^(0|-?[1-9]\d*)$/.test(text) && Number.isSafeInteger(Number(text))
}

function actionOf(step: TraceStep | undefined): Readonly<Record<string, unknown>> {
  const { thread, name, procedure, choice, choices, way, result } = step ?? {
    thread: -1,
    name: '',
    procedure: '',
    choice: 0,
    choices: 1,
    result: 0,
  }
  return {
    [ACTION]: step === undefined ? 'init' : step.step,
    [PICKS]: { thread, name, procedure, choice, choices, way: way ?? '', result: String(result) },
  }
}

type Fields = Readonly<Record<string, unknown>>

/** True if a parsed document says that it is in ITF. */
export function isItf(document: unknown): document is Fields {
  return (fieldsOf(document)?.['#meta'] as Fields | undefined)?.format === 'ITF'
}

function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined
}

/**
 * The fields of a saved trace, of a document in ITF. What a step changed is the difference of two states. Nothing but the
 * structure of ITF is looked at: the result is read as any saved trace.
 *
 * @param refuse - called with the field that is wrong and why
 */
export function traceOfItf(document: Fields, refuse: (field: string, why: string) => never): Fields {
  const about = fieldsOf(fieldsOf(document['#meta'])?.['hmm-spec'])
  if (about === undefined)
    return refuse('#meta.hmm-spec', 'is missing: only traces that hmm-spec has written can be replayed')
  const vars = textsOf(document.vars) ?? refuse('vars', 'is not a list of texts')
  const ghosts = textsOf(about.ghosts) ?? refuse('#meta.hmm-spec.ghosts', 'is not a list of texts')
  if (!Array.isArray(document.states)) return refuse('states', 'is not a list')
  const states = document.states.map(
    (state, i) => fieldsOf(state) ?? refuse(`states[${i}]`, 'is not an object'),
  )
  if (states.length === 0) return refuse('states', 'is empty')
  states.forEach((state, i) => {
    for (const name of vars)
      if (!Object.hasOwn(state, name))
        refuse(`states[${i}]`, `has no ${JSON.stringify(name)}, which vars names`)
  })
  const cells = vars.filter((name) => name !== ACTION && name !== PICKS)
  const { ghosts: _, ...rest } = about
  const { loop } = document
  if (loop !== undefined && (!Number.isInteger(loop) || (loop as number) < 1))
    refuse('loop', `is ${JSON.stringify(loop)}, not a whole number from 1`)
  return {
    ...rest,
    format: 'hmm-spec-trace' satisfies Trace['format'],
    steps: states.slice(1).map((state, i) => {
      const picks = fieldsOf(state[PICKS]) ?? refuse(`states[${i + 1}]["${PICKS}"]`, 'is not an object')
      const { way, result, thread, choice, choices, ...texts } = picks
      return {
        ...texts,
        thread: plain(thread),
        step: state[ACTION],
        choice: plain(choice),
        choices: plain(choices),
        ...(way === '' ? {} : { way }),
        result: typeof result === 'string' && isNumber(result) ? Number(result) : result,
        changes: changesBetween(cells, ghosts, states[i], state),
      }
    }),
    ...(loop === undefined ? {} : { loopFrom: (loop as number) - 1 }),
  }
}

function textsOf(value: unknown): string[] | undefined {
  return Array.isArray(value) && value.every((each) => typeof each === 'string') ? value : undefined
}

/** A value as JavaScript has it: some tools write every number as a `#bigint`. */
function plain(value: unknown): unknown {
  const large = fieldsOf(value)?.['#bigint']
  return typeof large === 'string' && isNumber(large) ? Number(large) : value
}

function changesBetween(
  cells: readonly string[],
  ghosts: readonly string[],
  before: Fields,
  after: Fields,
): Change[] {
  return cells.flatMap((cell) => {
    const [was, is] = [before, after].map((state) => String(plain(state[cell])))
    return was === is ? [] : [{ cell, before: was, after: is, ghost: ghosts.includes(cell) }]
  })
}
