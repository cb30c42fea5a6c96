/**
 * What a check has found, at which bounds, within which limits, and what it leaves out.
 *
 * @module
 */
import { counted, figure, settings, size } from '../../report/form/figures.js'
import type { Checked } from '../messages.js'

/** Properties of {@link Verdict}. */
export interface VerdictProps {
  readonly checked: Checked
  /** True if a clause has a page of its own. */
  readonly isClause: (clause: string) => boolean
  /** Shows the run that breaks the claim, at its end. */
  readonly show: () => void
}

/** The verdict. */
export function Verdict({ checked: { result, memoryBytes, mapped }, isClause, show }: VerdictProps) {
  const { verdict, violation, limit } = result
  const set = settings(result.parameters)
  return (
    <div class="result">
      <p>
        <span class={`verdict ${verdict}`} data-figure="verdict">
          {verdict}
        </span>
        {violation === undefined ? null : (
          <>
            :{' '}
            <span data-figure="clause">
              {isClause(violation.clause) ? (
                <a href={`requirement/${violation.clause}.html`}>{violation.clause}</a>
              ) : (
                violation.clause
              )}
            </span>{' '}
            after <span data-figure="steps">{violation.trace.steps.length}</span>{' '}
            {violation.trace.steps.length === 1 ? 'step' : 'steps'}: {violation.detail}{' '}
            {violation.trace.steps.length === 0 ? null : (
              <button type="button" onClick={show}>
                Show this run
              </button>
            )}
          </>
        )}
        {limit === undefined
          ? null
          : `: the limit of ${limit.kind} (${limit.kind === 'memory' ? size(limit.value) : figure(limit.value)}) was reached first`}
      </p>
      <p>
        {result.scenario}
        {set === '' ? '' : ` with ${set}`}
        {result.defects.length === 0 ? '' : `, with the defect ${result.defects.join(', ')}`}:{' '}
        <span data-figure="states">{figure(result.states)}</span> states, {figure(result.transitions)}{' '}
        transitions, depth {result.depth}, in {(result.elapsedMs / 1000).toFixed(1)} s
        {result.exhaustive ? '; every state was visited, and stored exactly' : ''}.
      </p>
      <details>
        <summary>Limits, and what is not modelled</summary>
        <ul>
          <li>Progress: {result.fairness}.</li>
          <li>Reductions: {result.reductions.join('; ') || 'none'}.</li>
          {result.audit === undefined ? null : (
            <li>
              Audit: {counted(result.audit.steps, 'step')} run again in {counted(result.audit.runs, 'run')},{' '}
              {counted(result.audit.disagreements, 'disagreement')}.
            </li>
          )}
          <li>Limits: {size(memoryBytes)} of memory; none of time; the button stops it.</li>
          <li>Not modelled: {result.notModelled.join('; ')}.</li>
          {mapped === undefined ? null : (
            <li>
              What lies ahead of each step is known of {counted(mapped.states, 'state')}
              {mapped.exhaustive ? ', which are all' : ', which are not all'}; claims of progress and of what
              must be reachable are not part of it.
            </li>
          )}
        </ul>
      </details>
    </div>
  )
}
