/**
 * The tour of a finding: its run, drawn, with the stops beside it, each of which leads into the explorer.
 *
 * @module
 */

import { indexOfStop, type Tour } from '../../spec/tours/index.js'
import type { Trace, TraceStep } from '../../src/checker/result.js'
import { addressOf } from '../../src/explorer/address.js'
import { subjectOfTour, takeTurns } from '../../src/explorer/tours.js'
import { sequenceSvg, traceSvg } from '../../src/report/sequence/sequence-svg.js'
import { Html, Provenance, Section, type Site, scrolling, To } from './layout.js'

/** The run of a tour, as far as it is known. */
interface TourRun {
  readonly threads: readonly string[]
  readonly steps: readonly TraceStep[]
  /** What it breaks at its end. */
  readonly trace?: Trace
}

/** The run: of a defect as the evidence has it, which may have none. */
function runOf({ data }: Site, tour: Tour): TourRun | undefined {
  const { run } = tour
  if (run.kind === 'turns') {
    const { threads, steps } = takeTurns(tour, run.turns)
    return { threads, steps }
  }
  const trace = data.evidence?.defects?.defects.find(({ name }) => name === run.defect)?.trace
  return trace ? { threads: trace.threads, steps: trace.steps, trace } : undefined
}

/** Makes the numbers of the steps at which the tour stops lead to what it says there. */
function marked(svg: string, stops: readonly number[]): string {
  return stops.reduce(
    (drawing, at, i) =>
      drawing.replace(
        new RegExp(`<text class="number"[^>]*>${at + 1}</text>`),
        (number) => `<a class="stop" id="step-${at + 1}" href="#stop-${i + 1}">${number}</a>`,
      ),
    svg,
  )
}

/** A tour, as a section; without a run only what it says. */
export function TourSection({ site, tour }: { site: Site; tour: Tour }) {
  const run = runOf(site, tour)
  const subject = subjectOfTour(tour)
  const stops = tour.stops.map((stop) => indexOfStop(run?.steps ?? [], stop))
  const isWhole = run !== undefined && !stops.includes(-1)
  // A run of another version would be refused: the explorer looks for today's, and shows the tour of it.
  const isKnown = isWhole && (tour.run.kind === 'turns' || !site.data.stale)
  const address = (at: number) =>
    isKnown ? addressOf(subject, run.steps, at) : `${addressOf(subject, [])}&check=1`
  const options = { linkTo: (procedure: string) => site.addresses.ofProcedure(procedure) }
  const svg = run && (run.trace ? traceSvg(run.trace, options) : sequenceSvg(run, options))
  return (
    <Section title={isWhole ? `A tour of the run, in ${stops.length} stops` : 'A tour of the run'} id="tour">
      {tour.run.kind === 'turns' ? (
        <p>
          A run of the reference in <To kind="scenario" name={tour.run.scenario} />, in which nothing breaks:{' '}
          {run?.steps.length} steps.
        </p>
      ) : (
        <Provenance site={site} />
      )}
      <div class="tour">
        <ol class="stops">
          {tour.stops.map(({ thread, says, state }, i) => (
            <li key={String(i)} id={`stop-${i + 1}`}>
              <p class="at">
                {isWhole ? <a href={`#step-${stops[i] + 1}`}>step {stops[i] + 1}</a> : null}{' '}
                <strong>{thread}</strong>
              </p>
              <p>{says}</p>
              <p class="holds">
                {Object.entries(state).map(([name, value]) => (
                  <code key={name}>
                    {name} = {value}
                  </code>
                ))}
              </p>
              <p class="explore">
                <a href={`/explorer.html#${address(stops[i] + 1)}`}>
                  {isKnown ? 'See this step in the explorer' : 'Find the run in the explorer'}
                </a>
              </p>
            </li>
          ))}
        </ol>
        {svg === undefined ? null : (
          <Html class="drawing" html={scrolling(isWhole ? marked(svg, stops) : svg)} />
        )}
      </div>
    </Section>
  )
}
