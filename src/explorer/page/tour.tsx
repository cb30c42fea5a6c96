/**
 * The strip of a tour: where it stands, what there is to see, and the way to the stops before and after.
 *
 * @module
 */
import type { TourNow } from '../messages.js'

/** The stop that was reached last when so many steps are taken, from 0; -1 before the first. */
export function stopAt({ stops }: TourNow, at: number): number {
  return stops.findLastIndex((stop) => stop.at <= at)
}

/** After which step the stop before or after is; undefined if there is none. */
export function neighbour({ stops }: TourNow, at: number, way: 'before' | 'after'): number | undefined {
  return way === 'after' ? stops.find((stop) => stop.at > at)?.at : stops.findLast((stop) => stop.at < at)?.at
}

/** The strip. */
export function TourStrip({ tour, at, go }: { tour: TourNow; at: number; go: (to: number) => void }) {
  const { finding, stops } = tour
  const current = stopAt(tour, at)
  const stop = stops[current]
  const button = (way: 'before' | 'after', name: string) => {
    const to = neighbour(tour, at, way)
    return (
      <button
        type="button"
        data-tour={way}
        disabled={to === undefined}
        onClick={() => to !== undefined && go(to)}
      >
        {name}
      </button>
    )
  }
  return (
    <section class="tour" aria-label={`Tour of ${finding}`}>
      <p class="where">
        Tour of <a href={`finding/${finding}.html`}>{finding}</a>
        {': '}
        {stop === undefined ? (
          `${stops.length} stops`
        ) : (
          <>
            stop <span data-figure="stop">{current + 1}</span> of {stops.length}
            {stop.at < at ? `, ${at - stop.at} ${at - stop.at === 1 ? 'step' : 'steps'} on` : ''}
          </>
        )}
      </p>
      <div class="turns">
        {button('before', '‹ Previous stop')}
        {button('after', 'Next stop ›')}
      </div>
      {stop === undefined ? null : (
        <p class="says" aria-live="polite">
          {stop.says}{' '}
          <span class="holds">
            {Object.entries(stop.state).map(([name, value]) => (
              <code key={name}>
                {name} = {value}
              </code>
            ))}
          </span>
        </p>
      )}
    </section>
  )
}
