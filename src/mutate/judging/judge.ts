/**
 * Runs what reaches a mutant, until something notices it.
 *
 * @module
 */
import type { Bounds } from '../../world/model.js'
import type { Reaching, ReachMap } from '../choosing/reaching.js'
import type { Subject } from '../choosing/subject.js'
import type { Mutant } from '../mutant.js'
import type { BuildCopy } from './build-copy.js'
import { execute } from './processes.js'
import type { Heard } from './protocol.js'
import type { Finding } from './verdict.js'

/** Milliseconds that a process may take beyond what its scenario takes without a mutant. */
const PATIENCE_MS = 20_000
/** How many times longer than without a mutant a scenario or a file of recordings may take. */
const PATIENCE = 20

/**
 * Judges `mutant` in processes that run from `copy`.
 *
 * @returns what was found; `undefined` if the run was interrupted
 */
export async function judge(
  subject: Subject,
  reach: ReachMap,
  mutant: Mutant,
  copy: BuildCopy,
  { bounds, signal }: { readonly bounds: Bounds; readonly signal: AbortSignal },
): Promise<Finding | undefined> {
  const began = performance.now()
  const reaching = reach.scenariosOf(mutant)
  const recordings = reach.recordingsOf(mutant)
  const all = [...reaching, ...recordings]
  const found = (finding: Omit<Finding, 'id' | 'scenarios' | 'ms'>): Finding => ({
    id: mutant.id,
    ...finding,
    scenarios: reaching.length,
    ms: Math.round(performance.now() - began),
  })
  if (reaching.length === 0 && recordings.length === 0) return found({ verdict: 'notReached' })
  const { module, text } = subject.mutated(mutant)
  copy.become(module, text)
  const heard: Heard[] = []
  let left = { scenarios: reaching, recordings }
  let sameGraphs = false
  for (;;) {
    const lost = await execute(
      copy,
      { kind: 'judge', bounds, ...left },
      {
        signal,
        patience: (name) => PATIENCE_MS + PATIENCE * (all.find((one) => one.name === name)?.ms ?? 0),
        onReply: (reply) => {
          if (reply.kind === 'heard') heard.push(reply.heard)
          else if (reply.kind === 'end') sameGraphs = reply.sameGraphs ?? false
        },
      },
    )
    if (lost === undefined) break
    if (lost.code === 'interrupted') return undefined
    const { code, at: by = 'loading', message } = lost
    heard.push({ kind: 'blamed', by, code, message })
    const rest = after(left, by)
    if (rest === undefined) break
    left = rest
  }
  return found(summary(heard, reaching, sameGraphs))
}

/** What is left to run after what was lost at `name`; nothing if that was the last. */
function after<R extends { readonly name: string }>(
  { scenarios, recordings }: { scenarios: Reaching[]; recordings: R[] },
  name: string,
): { scenarios: Reaching[]; recordings: R[] } | undefined {
  const scenario = scenarios.findIndex((one) => one.name === name)
  const recording = recordings.findIndex((one) => one.name === name)
  if (scenario < 0 && recording < 0) return undefined
  const rest =
    scenario >= 0
      ? { scenarios: scenarios.slice(scenario + 1), recordings }
      : { scenarios: [], recordings: recordings.slice(recording + 1) }
  return rest.scenarios.length + rest.recordings.length === 0 ? undefined : rest
}

function summary(
  heard: readonly Heard[],
  reaching: readonly Reaching[],
  sameGraphs: boolean,
): Omit<Finding, 'id' | 'scenarios' | 'ms'> {
  const killed = heard.find((one) => one.kind === 'killed')
  if (killed !== undefined)
    return { verdict: 'killed', by: killed.by, clause: killed.clause, steps: killed.steps }
  const blamed = heard.find((one) => one.kind === 'blamed')
  if (blamed !== undefined)
    return { verdict: 'error', by: blamed.by, clause: blamed.code, reason: blamed.message.split('\n', 1)[0] }
  const limit = heard.find((one) => one.kind === 'limit')
  if (limit !== undefined)
    return { verdict: 'error', by: limit.by, clause: 'limit', reason: 'it has many times more states' }
  if (reaching.length === 0) return { verdict: 'notReached' }
  return { verdict: sameGraphs ? 'sameGraph' : 'survived' }
}
