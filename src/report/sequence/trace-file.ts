/**
 * Reads a saved trace; of an invalid one it reports the field that is wrong.
 *
 * @module
 */
import type { Trace, ViolationKind } from '../../checker/result.js'
import type { RunFacts } from '../report.js'
import { isItf, traceOfItf } from './itf.js'

/** A saved trace, and what it says of the run that recorded it. */
export type RecordedTrace = Trace & {
  readonly run?: Pick<RunFacts, 'product' | 'commit' | 'release' | 'profile' | 'driver' | 'scenarioFile'>
}

/** A file that is not a trace. The message names the file and the field. */
export class TraceFileError extends Error {
  override readonly name = 'TraceFileError'
}

const KINDS: readonly ViolationKind[] = [
  'invariant',
  'step',
  'assertion',
  'deadlock',
  'refinement',
  'abstraction',
  'progress',
  'witness',
]

/**
 * Parses `text` as a trace: as it is saved, or in ITF.
 *
 * @param text - the contents of the file
 * @param file - its name, for messages
 * @throws TraceFileError if it is not one
 */
export function parseTrace(text: string, file: string): RecordedTrace {
  let parsed: unknown
  try {
    // Some editors write a byte order mark.
    parsed = JSON.parse(text.replace(/^\ufeff/, ''))
  } catch (error) {
    throw new TraceFileError(`${file} is not JSON: ${(error as Error).message}`)
  }
  const reader = new Reader(file)
  const trace = isItf(parsed)
    ? traceOfItf(parsed, (field, why) => reader.refuse(field, why))
    : reader.record(parsed, '')
  if (trace.format !== 'hmm-spec-trace')
    reader.refuse('format', `is ${show(trace.format)}, not "hmm-spec-trace": this is not a saved trace`)
  if (trace.version !== 1) reader.refuse('version', `is ${show(trace.version)}; this tool reads version 1`)
  if (trace.run !== undefined) reader.run(trace.run)
  reader.text(trace, 'scenario')
  const parameters = reader.record(trace.parameters, 'parameters')
  for (const name of Object.keys(parameters)) reader.count(parameters, name, 'parameters.')
  for (const field of ['defects', 'threads'])
    reader.list(trace, field).forEach((name, i) => {
      if (typeof name !== 'string') reader.refuse(`${field}[${i}]`, `is ${show(name)}, not a text`)
    })
  for (const field of ['clause', 'claim', 'detail']) reader.text(trace, field)
  if (!KINDS.includes(trace.kind as ViolationKind))
    reader.refuse('kind', `is ${show(trace.kind)}, not one of ${KINDS.join(', ')}`)
  reader.flag(trace, 'shortest')
  const threads = (trace.threads as string[]).length
  const steps = reader.list(trace, 'steps')
  steps.forEach((step, i) => {
    reader.step(step, `steps[${i}]`, threads)
  })
  if (trace.loopFrom !== undefined && reader.count(trace, 'loopFrom') >= steps.length)
    reader.refuse('loopFrom', `is ${show(trace.loopFrom)}, and the trace has ${steps.length} steps`)
  if (trace.past !== undefined)
    reader.list(trace, 'past').forEach((clause, i) => {
      if (typeof clause !== 'string') reader.refuse(`past[${i}]`, `is ${show(clause)}, not a text`)
      if (clause === trace.clause) reader.refuse(`past[${i}]`, 'is the clause that the trace is of')
    })
  return trace as unknown as RecordedTrace
}

type Fields = Readonly<Record<string, unknown>>

class Reader {
  constructor(private readonly file: string) {}

  refuse(field: string, why: string): never {
    throw new TraceFileError(`${this.file}: ${field === '' ? 'the document' : `field ${field}`} ${why}`)
  }

  record(value: unknown, at: string): Fields {
    if (value === undefined) this.refuse(at, 'is missing')
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      this.refuse(at, `is ${show(value)}, not an object`)
    return value as Fields
  }

  list(record: Fields, field: string, at = ''): readonly unknown[] {
    const value = this.present(record, field, at)
    if (!Array.isArray(value)) this.refuse(at + field, `is ${show(value)}, not a list`)
    return value as unknown[]
  }

  text(record: Fields, field: string, at = ''): void {
    const value = this.present(record, field, at)
    if (typeof value !== 'string') this.refuse(at + field, `is ${show(value)}, not a text`)
  }

  flag(record: Fields, field: string, at = ''): void {
    const value = this.present(record, field, at)
    if (typeof value !== 'boolean') this.refuse(at + field, `is ${show(value)}, not true or false`)
  }

  integer(record: Fields, field: string, at = ''): number {
    const value = this.present(record, field, at)
    if (!Number.isInteger(value)) this.refuse(at + field, `is ${show(value)}, not a whole number`)
    return value as number
  }

  count(record: Fields, field: string, at = ''): number {
    const value = this.integer(record, field, at)
    if (value < 0) this.refuse(at + field, `is ${value}, not 0 or more`)
    return value
  }

  run(value: unknown): void {
    const run = this.record(value, 'run')
    this.text(run, 'product', 'run.')
    for (const field of ['commit', 'release', 'profile'])
      if (run[field] !== null) this.text(run, field, 'run.')
    if (run.scenarioFile !== undefined) this.text(run, 'scenarioFile', 'run.')
    if (run.driver === null) return
    const driver = this.record(run.driver, 'run.driver')
    for (const field of ['name', 'file']) this.text(driver, field, 'run.driver.')
  }

  step(value: unknown, at: string, threads: number): void {
    const step = this.record(value, at)
    const thread = this.count(step, 'thread', `${at}.`)
    if (thread >= threads)
      this.refuse(`${at}.thread`, `is ${thread}, and the trace has ${threads} threads, from 0`)
    for (const field of ['name', 'procedure', 'step']) this.text(step, field, `${at}.`)
    const choice = this.count(step, 'choice', `${at}.`)
    const choices = this.count(step, 'choices', `${at}.`)
    if (choice >= choices)
      this.refuse(`${at}.choice`, `is ${choice}, and the step has ${choices} outcomes, from 0`)
    if (step.way !== undefined) this.text(step, 'way', `${at}.`)
    const result = this.present(step, 'result', `${at}.`)
    if (typeof result !== 'string' && !Number.isInteger(result))
      this.refuse(`${at}.result`, `is ${show(result)}, not a whole number or a text`)
    this.list(step, 'changes', `${at}.`).forEach((change, i) => {
      const where = `${at}.changes[${i}]`
      const fields = this.record(change, where)
      for (const field of ['cell', 'before', 'after']) this.text(fields, field, `${where}.`)
      this.flag(fields, 'ghost', `${where}.`)
    })
  }

  private present(record: Fields, field: string, at: string): unknown {
    const value = record[field]
    if (value === undefined) this.refuse(at + field, 'is missing')
    return value
  }
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing'
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}
