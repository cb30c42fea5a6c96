/**
 * The same protocol in SPIN's exact mode and in this checker, in turns: A B A B, so that a machine whose speed drifts
 * does so under both, and the ratio is taken pair by pair.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Against, Taken } from '../src/publish/bench.js'
import { isThere, type Measured, measure, median, pinned } from './measure.js'

/** How large the protocol is, and how many states it must then have. */
export interface Size {
  readonly invalidations: number
  readonly commits: number
  readonly states: number
  readonly steps: number
}

export const LARGE: Size = { invalidations: 5, commits: 3, states: 5_358_728, steps: 12_295_623 }
export const SMALL: Size = { invalidations: 3, commits: 2, states: 203_031, steps: 459_879 }

// From dist/bench to the sources.
const MODEL = fileURLToPath(new URL('../../bench/peers/hmm_exact.pml', import.meta.url))
const OURS = fileURLToPath(new URL('./retry-protocol.js', import.meta.url))

/**
 * Runs both in turns and prints what they took.
 *
 * @returns what they took, and false if a count was wrong
 */
export async function compareWithSpin(
  size: Size,
  pairs: number,
): Promise<{ readonly right: boolean; readonly against: Against }> {
  const pin = pinned()
  const { invalidations, commits } = size
  console.log(
    `retry-protocol, pages=2 invalidations=${invalidations} commits=${commits}: ${size.states.toLocaleString('en')} states`,
  )
  console.log(
    pin.length > 0
      ? `each on one processor (${pin.join(' ')})`
      : 'not restricted to one processor: no taskset',
  )
  const directory = mkdtempSync(join(tmpdir(), 'hmm-spec-bench-'))
  try {
    const pan = buildSpin(size, directory)
    const ours = [...pin, process.execPath, OURS, String(invalidations), String(commits)]
    const theirs = pan === undefined ? undefined : [...pin, pan, '-m200000', '-w26']
    const runs: { ours: Measured; theirs?: Measured }[] = []
    let right = true
    for (let pair = 0; pair < pairs; pair++) {
      const run = {
        ours: await measure(ours),
        ...(theirs === undefined ? {} : { theirs: await measure(theirs) }),
      }
      runs.push(run)
      right = countsAreRight(size, run) && right
      console.log(
        `  ${pair + 1}: hmm-spec ${show(run.ours)}${run.theirs ? ` | SPIN ${show(run.theirs)}` : ''}`,
      )
    }
    summarise(size, runs)
    const spins = runs.flatMap(({ theirs }) => theirs ?? [])
    return {
      right,
      against: {
        name: `retry-protocol, invalidations=${invalidations} commits=${commits}`,
        states: size.states,
        ours: taken(runs.map((run) => run.ours)),
        spin: spins.length === 0 ? null : taken(spins),
      },
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** The verifier that SPIN makes of the model, or `undefined` where it cannot be made. */
function buildSpin(size: Size, directory: string): string | undefined {
  const compiler = ['gcc', 'cc'].find(isThere)
  if (!isThere('spin') || compiler === undefined) {
    console.log('not compared with SPIN: spin and a C compiler are not both here')
    return undefined
  }
  const defines = ['-DP=2', `-DK=${size.invalidations}`, `-DR=${size.commits}`]
  execFileSync('spin', ['-a', ...defines, MODEL], { cwd: directory, stdio: 'ignore' })
  execFileSync(compiler, ['-O2', '-DNOREDUCE', '-DSAFETY', '-o', 'pan', 'pan.c'], {
    cwd: directory,
    stdio: 'ignore',
  })
  return join(directory, 'pan')
}

function countsAreRight(size: Size, { ours, theirs }: { ours: Measured; theirs?: Measured }): boolean {
  const counted = JSON.parse(ours.output) as { verdict: string; states: number; transitions: number }
  let right =
    counted.verdict === 'holds' && counted.states === size.states && counted.transitions === size.steps
  if (!right) console.log(`  WRONG: hmm-spec says ${ours.output}`)
  if (theirs !== undefined) {
    const states = Number(/(\d+) states, stored/.exec(theirs.output)?.[1])
    // SPIN counts the initial state as a transition.
    const steps = Number(/(\d+) transitions/.exec(theirs.output)?.[1]) - 1
    if (states !== size.states || steps !== size.steps) {
      console.log(`  WRONG: SPIN says ${states} states, ${steps} steps`)
      right = false
    }
  }
  return right
}

function summarise(size: Size, runs: readonly { ours: Measured; theirs?: Measured }[]): void {
  const speed = (cpu: number) => `${Math.round(size.states / cpu).toLocaleString('en')} states/s`
  const ours = medianOf(runs.map((run) => run.ours))
  console.log(`median hmm-spec: ${show(ours)}, ${speed(ours.cpu)}`)
  const pairs = runs.flatMap(({ ours, theirs }) => (theirs === undefined ? [] : [{ ours, theirs }]))
  if (pairs.length === 0) return
  const theirs = medianOf(pairs.map((pair) => pair.theirs))
  console.log(`median SPIN:     ${show(theirs)}, ${speed(theirs.cpu)}`)
  const cpu = pairs.map((pair) => pair.theirs.cpu / pair.ours.cpu)
  const wall = pairs.map((pair) => pair.theirs.wall / pair.ours.wall)
  tell('speed, SPIN = 1 (processor time)', cpu, (ratio) => ratio >= 1, 'at least 1.0')
  tell('speed, SPIN = 1 (clock)', wall, (ratio) => ratio >= 1, 'at least 1.0')
  const memory = pairs.flatMap((pair) =>
    pair.ours.peak === undefined || pair.theirs.peak === undefined ? [] : [pair.ours.peak / pair.theirs.peak],
  )
  if (memory.length > 0) tell('memory, SPIN = 1 (peak)', memory, (ratio) => ratio <= 1 / 3, 'at most 0.33')
}

function tell(
  what: string,
  ratios: readonly number[],
  met: (ratio: number) => boolean,
  wanted: string,
): void {
  const middle = median(ratios)
  const each = ratios.map((ratio) => ratio.toFixed(2)).join(' ')
  console.log(`${what}: ${middle.toFixed(2)} (${each}); wanted ${wanted}: ${met(middle) ? 'met' : 'NOT met'}`)
}

function taken(runs: readonly Measured[]): Taken {
  const { cpu, peak } = medianOf(runs)
  return { seconds: cpu, peakBytes: peak ?? null }
}

function medianOf(runs: readonly Measured[]): Measured {
  const peaks = runs.flatMap((run) => run.peak ?? [])
  return {
    output: '',
    cpu: median(runs.map((run) => run.cpu)),
    wall: median(runs.map((run) => run.wall)),
    peak: peaks.length === 0 ? undefined : median(peaks),
  }
}

function show({ cpu, wall, peak }: Measured): string {
  const memory = peak === undefined ? '' : `, ${(peak / 2 ** 20).toFixed(0)} MiB`
  return `${cpu.toFixed(2)} s processor, ${wall.toFixed(2)} s clock${memory}`
}
