/**
 * What every thread can do next: steps that can be taken, with what comes of them, and steps that are blocked.
 *
 * @module
 */
import type { KnownThread, KnownWay } from '../messages.js'

/** Properties of {@link Ways}. */
export interface WaysProps {
  readonly now: readonly KnownThread[]
  /** True if nothing can follow: the last step broke a claim in the middle of its work. */
  readonly over: boolean
  readonly take: (thread: number, choice: number) => void
  /** Where the page of a procedure is. */
  readonly link: (procedure: string) => string | undefined
}

/** The ways that can be taken, in the order of their keys. */
export function keyed(now: readonly KnownThread[]): { readonly thread: number; readonly choice: number }[] {
  return now.flatMap(({ thread, ways }) =>
    ways.flatMap(({ choice, is }) => (is === 'enabled' ? [{ thread, choice }] : [])),
  )
}

/** What is known of a step. */
function Known({ broken, ahead }: Pick<KnownWay, 'broken' | 'ahead'>) {
  if (broken !== undefined) return <span class="breach">✗ breaks {broken.clause}</span>
  if (ahead === undefined) return null
  if (ahead === 'none') return <span class="safe">✓ no breach after it</span>
  return (
    <span class="ahead">
      ✗ {ahead.clause} at the earliest {ahead.steps} {ahead.steps === 1 ? 'step' : 'steps'} later
    </span>
  )
}

/** All threads, and how each can go on. */
export function Ways({ now, over, take, link }: WaysProps) {
  const keys = keyed(now)
  return (
    <ul class="ways">
      {now.map(({ thread, name, procedure, step, stack, ways }) => {
        const url = link(procedure)
        return (
          <li key={thread}>
            <p class="thread">
              <strong>{name}</strong>{' '}
              {stack.length === 0 ? (
                <span class="soft">has ended</span>
              ) : (
                <span class="stack" title={`in ${stack.join(', in ')}`}>
                  in {url === undefined ? procedure : <a href={url}>{procedure}</a>}
                </span>
              )}
            </p>
            {over && stack.length > 0 ? (
              <p class="soft">A claim was broken in the middle of a step.</p>
            ) : null}
            {ways.map(({ choice, is, result, broken, ahead }) => {
              const key = keys.findIndex((one) => one.thread === thread && one.choice === choice)
              const which = ways.length > 1 ? ` [choice ${choice}]` : ''
              return (
                <button
                  key={choice}
                  type="button"
                  class="way"
                  disabled={is === 'blocked'}
                  data-thread={thread}
                  data-choice={choice}
                  onClick={() => take(thread, choice)}
                >
                  {key >= 0 && key < 9 ? <kbd>{key + 1}</kbd> : <span class="nokey" />}
                  <span>
                    {step}
                    {which}
                    {is === 'blocked' ? <span class="soft"> (blocked)</span> : null}
                    {result === undefined || result === 'none' ? null : (
                      <span class="soft"> → {String(result)}</span>
                    )}
                    <Known {...(broken ? { broken } : {})} {...(ahead ? { ahead } : {})} />
                  </span>
                </button>
              )
            })}
          </li>
        )
      })}
    </ul>
  )
}
