/**
 * The page of the explorer: what it is, its keys, and the place that its script fills.
 *
 * @module
 */
import type { Page } from './layout.js'
import { Table } from './layout.js'

const KEYS: readonly (readonly [keys: readonly string[], does: string])[] = [
  [['1', '9'], 'take that one of the steps that can be taken'],
  [['←', 'p'], 'one step back'],
  [['→', 'n'], 'one step forward'],
  [['Home'], 'to the start of the run'],
  [['End'], 'to its end'],
  [['['], 'to the stop of a tour before'],
  [[']'], 'to the stop after'],
  [['c'], 'check every interleaving'],
  [['Esc'], 'stop a check or a search'],
  [['/'], 'search the site'],
]

/** The page. */
export function explorerPage(): Page {
  return {
    url: '/explorer.html',
    title: 'Explorer',
    kind: 'explorer',
    names: ['explorer', 'check in the browser'],
    text: 'Explorer: choose a scenario, bounds, a release and a defect, check it in the browser, step through a run by hand, see the state, the page tables, the locks and the text, find the shortest run, save it as SVG or for Perfetto.',
    assets: ['explorer.css', 'explorer.js'],
    body: (
      <>
        <h1>Explorer</h1>
        <p class="lead">
          Any scenario, checked and stepped through here: the checker runs in this page, and nothing leaves
          it. The address bar is the run.
        </p>
        <noscript>
          <p>The explorer is a program: it needs scripts.</p>
        </noscript>
        <div id="explorer" />
        <section id="keys">
          <h2>Keys</h2>
          <Table
            head={['key', 'what it does']}
            rows={KEYS.map(([keys, does]) => [
              keys.map((key, i) => (
                <>
                  {i === 0 ? '' : keys[0] === '1' ? ' to ' : ' or '}
                  <kbd>{key}</kbd>
                </>
              )),
              does,
            ])}
          />
        </section>
        <section id="addresses">
          <h2>Addresses</h2>
          <p>
            An address names scenario, bounds, release and defect, and each step as the index of its thread,
            its choice if there are several, and a check value of everything up to it. One that was made of
            another version of the specification is refused, with the step that differs.
          </p>
        </section>
      </>
    ),
  }
}
