/**
 * How fast the checker was when it was last measured.
 *
 * @module
 */
import type { BenchDocument } from '../../src/publish/bench.js'
import { Commands, type Page, Section, type Site, Table, To } from './layout.js'
import { Reported } from './mutants.js'

/** Where the page is. */
export const SPEED_PAGE = '/doc/speed.html'

const MIB = 2 ** 20

/** States in a second, over all scenarios. */
export function speedOf({ scenarios }: BenchDocument): number {
  const sum = (of: 'states' | 'seconds') => scenarios.reduce((total, one) => total + one[of], 0)
  return Math.round(sum('states') / Math.max(sum('seconds'), 0.001))
}

/** The page. */
export function speedPage(site: Site): Page {
  const bench = site.data.evidence?.bench
  return {
    url: SPEED_PAGE,
    title: 'Speed',
    kind: 'list',
    names: ['speed', 'bench'],
    text: 'states per second SPIN memory benchmark',
    body: (
      <>
        <h1>Speed</h1>
        <p class="lead">States in a second, and the same states explored by SPIN where it was there.</p>
        {bench === undefined ? (
          <>
            <p class="provenance missing">It was not measured. This does it:</p>
            <Commands
              lines={[
                'npm run bench -- --quick --output bench.json',
                'npm run evidence -- --bench bench.json',
              ]}
            />
          </>
        ) : (
          <Measured site={site} bench={bench} />
        )}
      </>
    ),
  }
}

function Measured({ site, bench }: { site: Site; bench: BenchDocument }) {
  return (
    <>
      <Reported site={site} run={bench.run} />
      <p>
        <strong data-figure="speed">{speedOf(bench).toLocaleString('en-US')}</strong> states a second over all
        scenarios, on {bench.processor}, Node.js {bench.run.node}.
        {bench.right ? '' : ' A count was wrong, or a scenario could not be checked.'}
      </p>
      {bench.against.length === 0 ? null : (
        <Section title="Beside SPIN" id="spin">
          <p>Processor time, by turns on one machine. SPIN is run without partial-order reduction.</p>
          <Table
            head={[
              'model',
              'states',
              'hmm-spec, s',
              'SPIN, s',
              'speed, SPIN = 1',
              'hmm-spec, MiB',
              'SPIN, MiB',
            ]}
            rows={bench.against.map(({ name, states, ours, spin }) => [
              name,
              states,
              ours.seconds.toFixed(2),
              spin === null ? 'not there' : spin.seconds.toFixed(2),
              spin === null ? '' : (spin.seconds / ours.seconds).toFixed(2),
              ours.peakBytes === null ? '' : (ours.peakBytes / MIB).toFixed(0),
              spin === null || spin.peakBytes === null ? '' : (spin.peakBytes / MIB).toFixed(0),
            ])}
          />
        </Section>
      )}
      <Section title="Scenarios" id="scenarios">
        <Table
          head={['scenario', 'bounds', 'verdict', 'states', 'seconds', 'states/s', 'MiB stored']}
          rows={[...bench.scenarios]
            .sort((a, b) => b.seconds - a.seconds)
            .map(({ name, bounds, verdict, states, seconds, storedBytes }) => [
              site.data.scenarios.some((scenario) => scenario.name === name) ? (
                <To kind="scenario" name={name} />
              ) : (
                name
              ),
              bounds,
              verdict,
              states,
              seconds.toFixed(2),
              Math.round(states / Math.max(seconds, 0.001)),
              (storedBytes / MIB).toFixed(1),
            ])}
        />
      </Section>
    </>
  )
}
