/**
 * A driver of the reader's own: chosen as a file or pasted as a text, and the picture that it gives of a state.
 *
 * @module
 */
import { useState } from 'preact/hooks'
import type { Brought, Snapshot } from '../messages.js'
import type { Subject } from '../subject.js'

/** Properties of {@link OwnDriver}. */
export interface OwnDriverProps {
  readonly subject: Subject
  readonly brought: Brought | undefined
  readonly bring: (text: string) => void
  readonly remove: () => void
}

/** What can be said of a driver only by the command. */
function NotAudited() {
  return (
    <p class="soft">
      It runs in this page, and nothing of it leaves it. Not audited here: that it keeps nothing outside of
      the world, that its steps are as small as the reference's, that it ends.{' '}
      <code>npx hmm-spec check --driver FILE</code> does.
    </p>
  )
}

/** The fields that bring a driver. */
export function OwnDriver({ subject, brought, bring, remove }: OwnDriverProps) {
  const [text, setText] = useState('')
  if (subject.driver !== undefined)
    return (
      <div class="own-driver">
        <p>
          With the driver <strong data-figure="driver">{subject.driver.replace(/~.*$/, '')}</strong> in place
          of the reference, in {brought?.scenarios.length} scenarios.{' '}
          <button type="button" id="remove-driver" onClick={remove}>
            Back to the reference
          </button>
        </p>
        <NotAudited />
      </div>
    )
  return (
    <details class="own-driver">
      <summary>A driver of your own</summary>
      <p>
        A JavaScript module whose default export is the driver, in one file; it imports{' '}
        <code>hmm-spec/driver</code>, <code>hmm-spec/kernel</code> and <code>hmm-spec/world</code>. It may
        export <code>picture</code>, a function from a field's value by its name to a table, which is shown
        beside the state.
      </p>
      <label>
        <span>File</span>
        <input
          type="file"
          id="driver-file"
          accept=".js,.mjs,text/javascript"
          onChange={async ({ currentTarget }) => {
            const content = await currentTarget.files?.[0]?.text()
            if (content !== undefined) bring(content)
          }}
        />
      </label>
      <label>
        <span>Or its text</span>
        <textarea
          id="driver-text"
          rows={6}
          spellcheck={false}
          value={text}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      </label>
      <button type="button" id="use-driver" disabled={text.trim() === ''} onClick={() => bring(text)}>
        Use this text
      </button>
      <NotAudited />
    </details>
  )
}

/** The driver's picture: a table of texts. */
export function DriverPicture({ picture }: { picture: NonNullable<Snapshot['picture']> }) {
  if ('failed' in picture) return <p class="breach">The driver's picture fails: {picture.failed}</p>
  const { title, columns, rows } = picture
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and must do so by keyboard as well
    <div class="wide" tabIndex={0}>
      <table id="picture">
        <caption>{title}</caption>
        <thead>
          <tr>
            <th scope="col" aria-label="name" />
            {columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, cells }, i) => (
            <tr key={String(i)}>
              <th scope="row">{name}</th>
              {cells.map((cell, k) => (
                <td key={String(k)}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
