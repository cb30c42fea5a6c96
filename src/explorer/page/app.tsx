/**
 * The page of the explorer.
 *
 * @module
 */
import { useEffect, useRef, useState } from 'preact/hooks'
import { sequenceSvg } from '../../report/sequence/sequence-svg.js'
import { addressOf } from '../address.js'
import type { Snapshot } from '../messages.js'
import { Choose } from './choose.js'
import type { Explorer, Shown } from './explorer.js'
import { Goals } from './goals.js'
import { actionOf, type StepKey } from './keys.js'
import { DriverPicture, OwnDriver } from './own-driver.js'
import { endOf, saveSvg, saveTrace } from './save.js'
import { State } from './state.js'
import { Text } from './text.js'
import { neighbour, TourStrip } from './tour.js'
import { Verdict } from './verdict.js'
import { keyed, Ways } from './ways.js'

/** Does what a key asks for. */
function useKeys(explorer: Explorer): void {
  useEffect(() => {
    const act = (action: StepKey): Promise<void> | undefined => {
      const { snapshot } = explorer.shown
      if (snapshot === undefined) return undefined
      if (action.kind === 'take') {
        const way = keyed(snapshot.now)[action.index]
        return way === undefined ? undefined : explorer.take(way.thread, way.choice)
      }
      const { at, steps, tour } = snapshot
      if (action.kind === 'stop before' || action.kind === 'stop after') {
        const to = tour && neighbour(tour, at, action.kind === 'stop before' ? 'before' : 'after')
        return to === undefined ? undefined : explorer.go(to)
      }
      return explorer.go({ back: at - 1, forward: at + 1, start: 0, end: steps.length }[action.kind])
    }
    const onKey = (event: KeyboardEvent) => {
      const action = actionOf(event)
      if (action === undefined) return
      event.preventDefault()
      if (action.kind === 'check') void explorer.check()
      else if (action.kind === 'stop') void explorer.stop()
      else explorer.inOrder(() => act(action))
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [explorer])
}

/** Pixels that a thread's steps take to the right of its line, and those to the left of it that are shown. */
const COLUMN = 280
const MARGIN = 80

/** Where the run that a check has found repeats, if it is the one that is shown. */
function loopOf({ checked, snapshot }: Shown): { readonly loopFrom?: number; readonly end?: string } {
  const trace = checked?.result.violation?.trace
  if (trace?.kind !== 'progress' || snapshot === undefined) return {}
  const { steps } = snapshot
  const isIt =
    steps.length === trace.steps.length &&
    steps.every(
      ({ thread, choice }, i) => thread === trace.steps[i].thread && choice === trace.steps[i].choice,
    )
  if (!isIt) return {}
  const end = endOf({ end: trace }) as string
  return trace.loopFrom === undefined ? { end } : { end, loopFrom: trace.loopFrom }
}

/** The run as a drawing, each step leading to the state after it. */
function Drawing({ shown, snapshot }: { shown: Shown; snapshot: Snapshot }) {
  const { subject, threads, steps, at } = snapshot
  const box = useRef<HTMLElement>(null)
  const address = addressOf(subject, steps)
  const { loopFrom, end } = loopOf(shown)
  const said = at === steps.length ? (endOf(snapshot) ?? end) : undefined
  const svg = sequenceSvg(
    { threads, steps, ...(loopFrom === undefined ? {} : { loopFrom }) },
    {
      steps: at,
      linkTo: (_, row) => `#${address}${row + 1 < steps.length ? `&at=${row + 1}` : ''}`,
      ...(said === undefined ? {} : { end: `✗ ${said}` }),
    },
  )
  useEffect(() => {
    if (box.current === null) return
    // To the last step: at the end of the drawing, in the column of its thread.
    box.current.scrollTop = box.current.scrollHeight
    const step = [...box.current.querySelectorAll('circle')].at(-1)
    const x = Number(step?.getAttribute('cx') ?? 0)
    box.current.scrollLeft = x + COLUMN < box.current.clientWidth ? 0 : x - MARGIN
  }, [svg])
  return (
    <section
      class="scroll drawing"
      aria-label="Drawing of the run"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and must do so by keyboard as well
      tabIndex={0}
      ref={box}
      dangerouslySetInnerHTML={{ __html: svg }}
    />
  )
}

/** The buttons that move through the run, and what it can be saved as. */
function Moves({ explorer, snapshot }: { explorer: Explorer; snapshot: Snapshot }) {
  const { at, steps } = snapshot
  const [copied, setCopied] = useState('')
  const button = (name: string, to: number, sign: string) => (
    <button
      type="button"
      aria-label={name}
      disabled={to === at || to < 0 || to > steps.length}
      onClick={() => explorer.go(to)}
    >
      {sign}
    </button>
  )
  return (
    <div class="moves">
      {button('To the start', 0, '«')}
      {button('One step back', at - 1, '‹')}
      <span>
        after step <span data-figure="at">{at}</span> of <span data-figure="length">{steps.length}</span>
      </span>
      {button('One step forward', at + 1, '›')}
      {button('To the end', steps.length, '»')}
      <span class="gap" />
      <button
        type="button"
        onClick={() => {
          navigator.clipboard.writeText(location.href).then(
            () => setCopied('copied'),
            () => setCopied('the address bar has it'),
          )
        }}
      >
        Copy address
      </button>
      <button type="button" id="save-svg" onClick={() => saveSvg(snapshot)}>
        SVG
      </button>
      <button type="button" id="save-trace" onClick={() => saveTrace(snapshot)}>
        Perfetto
      </button>
      <span class="soft" role="status">
        {copied}
      </span>
    </div>
  )
}

/** The runs that were left. */
function Forks({ explorer, shown }: { explorer: Explorer; shown: Shown }) {
  if (shown.forks.length === 0) return null
  return (
    <p class="forks">
      Runs that were left:{' '}
      {shown.forks.map((fork) => (
        <button key={JSON.stringify(fork.moves)} type="button" onClick={() => explorer.restore(fork)}>
          {fork.moves.length} {fork.moves.length === 1 ? 'step' : 'steps'}
          {fork.clause === undefined ? '' : `, ✗ ${fork.clause}`}, left after step {fork.at}
        </button>
      ))}
    </p>
  )
}

/** The whole page. */
export function App({ explorer, shown }: { explorer: Explorer; shown: Shown }) {
  useKeys(explorer)
  const { catalogue, snapshot, checked, job, message, texts } = shown
  const [all, showAll] = useState(false)
  // The text is of the thread that moved last, unless another was chosen there.
  const [chosen, choose] = useState<{ readonly at: Snapshot; readonly thread: number }>()
  if (catalogue === undefined || snapshot === undefined) return <p role="status">{message?.text}</p>
  const { subject, steps, at, now, broken, threads } = snapshot
  const last = at > 0 ? steps[at - 1].thread : 0
  const thread = chosen?.at === snapshot ? chosen.thread : last
  const summary = catalogue.scenarios.find(({ name }) => name === subject.scenario)?.summary
  const defect = catalogue.defects.find(({ name }) => name === subject.defect)
  const link = (procedure: string) => {
    const id = Object.hasOwn(texts.procedures, procedure) ? texts.procedures[procedure][0]?.id : undefined
    return id === undefined || id === '' ? undefined : `procedure/${id}.html`
  }
  const owners = [subject.defect, subject.release].filter((owner) => owner !== undefined)
  return (
    <>
      <Choose
        catalogue={catalogue}
        subject={subject}
        choose={(next) => void explorer.choose(next)}
        brought={shown.brought}
      />
      <OwnDriver
        subject={subject}
        brought={shown.brought}
        bring={(text) => void explorer.bring(text)}
        remove={() => void explorer.choose({ scenario: subject.scenario, bounds: 'smoke', set: {} })}
      />
      <p class="about">
        <a href={`scenario/${subject.scenario}.html`}>{subject.scenario}</a>: {summary}
        {defect === undefined ? null : (
          <>
            {' '}
            With the defect <a href={`defect/${defect.name}.html`}>{defect.name}</a>: {defect.title}.
          </>
        )}
      </p>
      <div class="actions">
        <button type="button" id="check" disabled={job !== undefined} onClick={() => explorer.check()}>
          Check every interleaving
        </button>
        <button type="button" id="stop" disabled={job === undefined} onClick={() => explorer.stop()}>
          Stop
        </button>
        <Goals
          catalogue={catalogue}
          texts={texts}
          busy={job !== undefined}
          search={(goal, fromHere) => void explorer.search(goal, fromHere)}
        />
      </div>
      <p role="status" class={message?.kind === 'refused' ? 'message refused' : 'message'}>
        {job === undefined
          ? message?.text
          : `${job.what}${job.progress === undefined ? '' : `: ${job.progress}`} …`}
      </p>
      {checked === undefined ? null : (
        <Verdict
          checked={checked}
          isClause={(clause) => catalogue.clauses.some(({ id }) => id === clause)}
          show={() => void explorer.showBreach()}
        />
      )}
      <Moves explorer={explorer} snapshot={snapshot} />
      {broken === undefined ? null : (
        <p class="breach" data-figure="broken">
          ✗ {broken.clause}
          {broken.claim === broken.clause ? '' : ` (${broken.claim})`}: {broken.detail}
        </p>
      )}
      <Forks explorer={explorer} shown={shown} />
      {snapshot.tour === undefined ? null : (
        <TourStrip tour={snapshot.tour} at={at} go={(to) => void explorer.go(to)} />
      )}
      <div class="panes">
        <section class="pane next" aria-labelledby="next-steps">
          <h2 id="next-steps">Next steps</h2>
          <Ways
            now={now}
            over={now.every(({ ways }) => ways.length === 0) && broken !== undefined}
            take={(mover, choice) => void explorer.take(mover, choice)}
            link={link}
          />
        </section>
        <section class="pane run" aria-labelledby="the-run">
          <h2 id="the-run">Run</h2>
          <Drawing shown={shown} snapshot={snapshot} />
        </section>
        <section class="pane state" aria-labelledby="the-state">
          <h2 id="the-state">State</h2>
          {snapshot.picture === undefined ? null : <DriverPicture picture={snapshot.picture} />}
          <State
            state={snapshot.state}
            threads={threads}
            steps={steps}
            at={at}
            go={(to) => void explorer.go(to)}
            all={all}
            showAll={showAll}
          />
        </section>
      </div>
      <section aria-labelledby="the-text">
        <h2 id="the-text">Text</h2>
        <Text
          texts={texts}
          now={now}
          thread={thread}
          show={(next) => choose({ at: snapshot, thread: next })}
          owners={owners}
        />
      </section>
    </>
  )
}
