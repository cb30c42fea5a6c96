/**
 * Changes states of scenarios in a process of its own.
 *
 * @module
 */
import { BuildCopy } from '../judging/build-copy.js'
import { execute, type Lost } from '../judging/processes.js'
import type { CorruptFindings, CorruptOptions } from './corrupt.js'

/** Milliseconds that one scenario may take. */
const PATIENCE_MS = 600_000

/** Which scenarios are run, and how their end is awaited. */
export interface CorruptRunOptions extends CorruptOptions {
  /** Names of the scenarios (default all). */
  readonly only?: readonly string[] | undefined
  readonly signal: AbortSignal
  readonly onFindings: (findings: CorruptFindings) => void
}

/** What was found, and what ended it early. */
export interface CorruptResult {
  readonly findings: readonly CorruptFindings[]
  readonly lost?: Lost
}

/** Changes states of the scenarios of the build in `root`. */
export async function corrupt(root: string, options: CorruptRunOptions): Promise<CorruptResult> {
  const { only, signal, onFindings, bounds, states, seed, steps } = options
  const copy = new BuildCopy(root, new Map())
  const findings: CorruptFindings[] = []
  try {
    const order = { kind: 'corrupt' as const, bounds, states, seed, steps, ...(only && { only }) }
    const lost = await execute(copy, order, {
      signal,
      patience: () => PATIENCE_MS,
      onReply: (reply) => {
        if (reply.kind !== 'corrupted') return
        findings.push(reply.findings)
        onFindings(reply.findings)
      },
    })
    return { findings, ...(lost === undefined ? {} : { lost }) }
  } finally {
    copy.remove()
  }
}
