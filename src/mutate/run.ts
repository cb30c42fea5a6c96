/**
 * Judges mutants, several at a time, and keeps what was found: a run that was ended goes on where it was.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type MeasureOptions, reachOf } from './choosing/reaching.js'
import type { Subject } from './choosing/subject.js'
import { BuildCopy } from './judging/build-copy.js'
import { judge } from './judging/judge.js'
import type { Finding, Judged, StaleRow } from './judging/verdict.js'
import type { Mutant } from './mutant.js'

/** How mutants are judged. */
export interface RunOptions extends MeasureOptions {
  /** Milliseconds after which no other is begun. */
  readonly timeMs?: number | undefined
  /** Where findings are kept. */
  readonly cache: string
  /** Reasons why survivors make no difference. */
  readonly equivalents: Readonly<Record<string, string>>
  readonly onJudged: (judged: Judged, from: 'run' | 'kept') => void
}

/** What a run has found. */
export interface RunResult {
  readonly judged: readonly Judged[]
  /** How many of the mutants were not judged. */
  readonly left: number
  /** What ended it early. */
  readonly stopped?: 'interrupted' | 'time'
}

/** Judges `mutants` of `subject`. */
export async function runMutants(
  subject: Subject,
  mutants: readonly Mutant[],
  options: RunOptions,
): Promise<RunResult> {
  const began = performance.now()
  const folder = join(options.cache, folderOf(subject, options))
  const reach = await reachOf(subject, mutants, folder, options)
  if (reach === undefined) return { judged: [], left: mutants.length, stopped: 'interrupted' }
  const kept = new Kept(folder)
  const findings = new Map<Mutant, Finding>()
  const add = (mutant: Mutant, finding: Finding, from: 'run' | 'kept'): void => {
    const explained = explain(finding, options.equivalents)
    findings.set(mutant, explained)
    options.onJudged({ mutant, finding: explained }, from)
  }
  const queue: Mutant[] = []
  for (const mutant of mutants) {
    const known = kept.get(mutant.id)
    if (known === undefined) queue.push(mutant)
    else add(mutant, known, 'kept')
  }
  let stopped: RunResult['stopped']
  const next = queue.values()
  const work = async (): Promise<void> => {
    const copy = new BuildCopy(subject.root, subject.modules)
    try {
      for (const mutant of next) {
        if (options.timeMs !== undefined && performance.now() - began > options.timeMs) stopped ??= 'time'
        if (options.signal.aborted) stopped = 'interrupted'
        if (stopped !== undefined) return
        const finding = await judge(subject, reach, mutant, copy, options)
        if (finding === undefined) continue
        kept.add(finding)
        add(mutant, finding, 'run')
      }
    } finally {
      copy.remove()
    }
  }
  await Promise.all(Array.from({ length: Math.min(options.workers, queue.length) }, work))
  const judged = mutants.flatMap((mutant) => {
    const finding = findings.get(mutant)
    return finding === undefined ? [] : [{ mutant, finding }]
  })
  return { judged, left: mutants.length - judged.length, ...(stopped === undefined ? {} : { stopped }) }
}

/** A name for what was measured and found: the same for the same build, bounds and scenarios. */
function folderOf({ identity }: Subject, { bounds, only }: MeasureOptions): string {
  const name = `${identity}-${bounds}`
  if (only === undefined) return name
  return `${name}-${createHash('sha256').update(only.join('\n')).digest('hex').slice(0, 8)}`
}

function explain(finding: Finding, equivalents: Readonly<Record<string, string>>): Finding {
  const reason = Object.hasOwn(equivalents, finding.id) ? equivalents[finding.id] : undefined
  return reason === undefined || finding.verdict !== 'survived'
    ? finding
    : { ...finding, verdict: 'equivalent', reason }
}

/** Rows of the list of equivalents that are wrong, as far as `judged` shows it. */
export function staleRows(
  subject: Pick<Subject, 'mutants'>,
  judged: readonly Judged[],
  equivalents: Readonly<Record<string, string>>,
): StaleRow[] {
  const all = new Set(subject.mutants.map(({ id }) => id))
  const verdicts = new Map(judged.map(({ finding }) => [finding.id, finding.verdict]))
  return Object.keys(equivalents).flatMap((id) => {
    const verdict = verdicts.get(id)
    if (!all.has(id)) return [{ id, message: 'there is no such mutant any more; take the row out' }]
    if (verdict === undefined || verdict === 'equivalent') return []
    return [{ id, message: `it is no survivor any more: ${verdict}; take the row out` }]
  })
}

/** Findings of earlier runs, one a line. */
class Kept {
  private readonly file: string
  private readonly findings = new Map<string, Finding>()

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true })
    this.file = join(folder, 'findings.jsonl')
    if (!existsSync(this.file)) return
    for (const line of readFileSync(this.file, 'utf8').split('\n')) {
      const finding = parsed(line)
      if (finding !== undefined) this.findings.set(finding.id, finding)
    }
  }

  get(id: string): Finding | undefined {
    return this.findings.get(id)
  }

  add(finding: Finding): void {
    appendFileSync(this.file, `${JSON.stringify(finding)}\n`)
  }
}

/** A line that was written whole; the last of a run that was killed may not be. */
function parsed(line: string): Finding | undefined {
  try {
    return JSON.parse(line) as Finding
  } catch {
    return undefined
  }
}
