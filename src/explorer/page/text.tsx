/**
 * The text of the procedure that a thread is in, with the line of its next step.
 *
 * @module
 */
import { Fragment } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { KnownThread } from '../messages.js'
import { type PublishedTexts, textFor } from '../texts.js'

/** Properties of {@link Text}. */
export interface TextProps {
  readonly texts: PublishedTexts
  readonly now: readonly KnownThread[]
  /** Which thread's text is shown. */
  readonly thread: number
  readonly show: (thread: number) => void
  /** The defect and the release that are in force. */
  readonly owners: readonly string[]
}

/** A tab for each thread, and its text. */
export function Text({ texts, now, thread, show, owners }: TextProps) {
  const { procedure, step, stack, name } = now[thread] ?? now[0]
  const current = textFor(texts, procedure, step, owners)
  const line = useRef<HTMLSpanElement>(null)
  const box = useRef<HTMLPreElement>(null)
  const first = current?.current[0]
  useEffect(() => {
    if (line.current === null || box.current === null) return
    // Only the box scrolls, never the page.
    box.current.scrollTop = line.current.offsetTop - box.current.clientHeight / 3
  }, [first, procedure, thread])
  return (
    <>
      <fieldset class="tabs">
        <legend class="hidden">Whose text</legend>
        {now.map((one) => (
          <label key={one.thread}>
            <input
              type="radio"
              name="text-of"
              checked={one.thread === thread}
              onChange={() => show(one.thread)}
            />{' '}
            {one.name}
          </label>
        ))}
      </fieldset>
      {stack.length === 0 ? (
        <p>{name} has ended.</p>
      ) : current === undefined ? (
        <p>
          The text of {procedure} is not published; its next step is “{step}”.
        </p>
      ) : (
        <>
          <p class="place">
            {current.id === '' ? procedure : <a href={`procedure/${current.id}.html`}>{procedure}</a>}
            {current.kernel === '' || current.kernel === procedure ? null : (
              <>
                {' '}
                (kernel: <code>{current.kernel}</code>)
              </>
            )}
            , {current.file}:{current.line}
            {current.owner === undefined ? null : <strong>, as {current.owner} has it</strong>}. Next: “{step}
            ”
            {current.current.length === 0
              ? ', which a procedure of the world takes for it'
              : current.current.length > 1
                ? `, in one of ${current.current.length} lines`
                : ''}
            .
          </p>
          {stack.length < 2 ? null : (
            <p class="soft">Called by {[...stack].reverse().slice(1).join(', by ')}.</p>
          )}
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and must do so by keyboard as well */}
          <pre class="code current" tabIndex={0} ref={box}>
            <code style={`counter-reset: line ${current.line - 1}`}>
              {current.text.split('\n').map((content, i) => {
                const isCurrent = current.current.includes(current.line + i)
                return (
                  <Fragment key={i}>
                    {i === 0 ? '' : '\n'}
                    <span
                      class={isCurrent ? 'line here' : 'line'}
                      {...(isCurrent ? { 'aria-current': 'step' as const } : {})}
                      {...(isCurrent && current.line + i === first ? { ref: line } : {})}
                    >
                      {content}
                    </span>
                  </Fragment>
                )
              })}
            </code>
          </pre>
        </>
      )}
    </>
  )
}
