/**
 * The state: page tables side by side, locks, statecharts, frames, and everything else. What the last step changed is marked,
 * and everything leads back to the step that wrote it.
 *
 * @module
 */
import type { TraceStep } from '../../checker/result.js'
import { type Grid, type Line, viewOf } from '../view.js'
import type { StateNow } from '../walk.js'

/** Properties of {@link State}. */
export interface StateProps {
  readonly state: StateNow
  readonly threads: readonly string[]
  readonly steps: readonly TraceStep[]
  /** Steps taken at what is shown. */
  readonly at: number
  readonly go: (at: number) => void
  /** True to show fields that are 0 or none. */
  readonly all: boolean
  readonly showAll: (all: boolean) => void
}

/** The number of the last step of the first `at` that changed one of `fields`; 0 if none did. */
export function writerOf(steps: readonly TraceStep[], at: number, fields: readonly string[]): number {
  for (let i = at; i > 0; i--) if (steps[i - 1].changes.some(({ cell }) => fields.includes(cell))) return i
  return 0
}

/** What is shown of several lines: what is not empty or has just become so, or one that is empty for all of them. */
function shownOf(lines: readonly Line[], isNew: (fields: readonly string[]) => boolean): readonly Line[] {
  const told = lines.filter((line) => !line.empty || isNew(line.fields))
  if (told.length > 0 || lines.length === 0) return told
  return [{ text: '–', fields: lines.flatMap(({ fields }) => fields), empty: true }]
}

/** The whole state. */
export function State({ state, threads, steps, at, go, all, showAll }: StateProps) {
  const { pages, frames, windows, rest } = viewOf(state)
  const isNew = (fields: readonly string[]) => at > 0 && writerOf(steps, at, fields) === at
  const told = ({ text, fields, empty }: Line) => {
    const writer = writerOf(steps, at, fields)
    const className = `told${empty ? ' empty' : ''}${isNew(fields) ? ' changed' : ''}`
    if (writer === 0) return <span class={className}>{text}</span>
    const by = `step ${writer}, ${steps[writer - 1].name}: ${steps[writer - 1].step}`
    return (
      <button type="button" class={className} title={`written by ${by}`} onClick={() => go(writer)}>
        {text}
      </button>
    )
  }
  const grid = ({ columns, rows }: Grid, first: string) => (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and must do so by keyboard as well
    <div class="wide" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">{first}</th>
            {columns.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, cells }) => (
            <tr key={name}>
              <th scope="row">{name.replace(/^\w+ /, '')}</th>
              {cells.map((lines, i) => (
                <td key={columns[i]}>
                  {shownOf(lines, isNew).map((line) => (
                    <div key={line.fields[0]}>{told(line)}</div>
                  ))}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
  const groups = rest
    .map(({ of, fields }) => ({
      of,
      fields: fields.filter(({ name, value }) => all || !['0', 'none'].includes(value) || isNew([name])),
    }))
    .filter(({ fields }) => fields.length > 0)
  return (
    <>
      {pages.rows.length === 0 ? null : (
        <>
          <h3>Page tables</h3>
          {grid(pages, 'page')}
        </>
      )}
      {state.locks.length === 0 ? null : (
        <>
          <h3>Locks</h3>
          <ul class="facts-list">
            {state.locks.map(({ name, holders, waiters }) => {
              const fields = [name, `${name}.writer`, `${name}.readers`, `${name}.waiting`]
              const held = holders.map(({ thread, how }) => `${threads[thread]} ${how}`).join(', ')
              const waits = waiters.map((thread) => threads[thread]).join(', ')
              const text = `${held === '' ? 'free' : held}${waits === '' ? '' : `; ${waits} waits`}`
              return (
                <li key={name}>
                  <code>{name}</code> {told({ text, fields, empty: held === '' && waits === '' })}
                </li>
              )
            })}
          </ul>
        </>
      )}
      {windows.length === 0 ? null : (
        <>
          <h3>Windows of invalidation</h3>
          <ul class="facts-list">
            {windows.map((line) => (
              <li key={line.fields[0]}>{told(line)}</li>
            ))}
          </ul>
        </>
      )}
      {state.charts.length === 0 ? null : (
        <>
          <h3>Statecharts</h3>
          <ul class="facts-list">
            {state.charts.map(({ chart, of, state: stands }) => (
              <li key={of}>
                <a href={`chart/${chart}.html`}>{chart}</a> of <code>{of}</code>{' '}
                {told({ text: stands, fields: [`${of}.lifecycle`], empty: false })}
              </li>
            ))}
          </ul>
        </>
      )}
      {frames.rows.length === 0 ? null : (
        <>
          <h3>Frames</h3>
          {grid(frames, 'frame')}
        </>
      )}
      <h3>Counts and the rest</h3>
      <dl class="rest">
        {groups.map(({ of, fields }) => (
          <div key={of}>
            <dt>
              <code>{of === '' ? 'the world' : of}</code>
            </dt>
            <dd>
              {fields.map(({ name, label, value, ghost }) => (
                <span key={name} class={ghost ? 'field ghost' : 'field'}>
                  {ghost ? '~' : ''}
                  {label} {told({ text: value, fields: [name], empty: false })}
                </span>
              ))}
            </dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={all}
          onChange={({ currentTarget }) => showAll(currentTarget.checked)}
        />{' '}
        also what is 0 or none
      </label>
      <p class="soft">
        Marked: the last step changed it. Press a value to go to the step that wrote it. ~ no kernel has it:
        it is kept so that claims can speak of the past.
      </p>
    </>
  )
}
