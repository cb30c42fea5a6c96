/**
 * What the suite exercises: each sequence says it, and together they exercise what one thread is known to. Of the longest parts
 * every few are looked at here, all with HMM_SPEC_WHOLE=1.
 */
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { RECORDED_KERNELS } from '../../src/conformance/result.js'
import { allTransitions, ITEM_KINDS } from '../../src/conformance/suite/coverage.js'
import { countExercised, EXERCISED, exercisedOn, readSuite } from '../../src/conformance/suite/data.js'
import { performedByRelease } from '../../src/conformance/suite/making/build.js'
import { isHuge } from '../../src/conformance/suite/making/generate.js'
import {
  foundByRecordings,
  foundBySearch,
  recordedSequences,
} from '../../src/conformance/suite/making/known.js'

const WHOLE = process.env.HMM_SPEC_WHOLE === '1'
const { manifest, sequences, steps } = readSuite()
const small = sequences.filter(({ ops }) => !isHuge(ops))

function every<T>(nth: number, all: readonly T[]): T[] {
  return WHOLE ? [...all] : all.filter((_, index) => index % nth === 0)
}

/** What the suite says that it exercises on a release. */
function saidOn(release: string): Set<string> {
  const said = sequences.flatMap((sequence) => {
    const exercises = exercisedOn(sequence, release)
    if (exercises === undefined) return []
    return EXERCISED.flatMap((kind) =>
      kind === 'steps'
        ? exercises.steps.map((step) => `${ITEM_KINDS.steps}${steps[step]}`)
        : exercises[kind].map((item) => `${ITEM_KINDS[kind]}${item}`),
    )
  })
  return new Set(said)
}

describe('a sequence', () => {
  it('names what it exercises', () => {
    for (const { seq, exercises } of sequences) {
      expect(exercises, seq).not.toEqual([])
      for (const { answers } of exercises) expect(answers, seq).not.toEqual([])
    }
  })

  const sampled = [
    ...every(8, small),
    ...every(
      60,
      sequences.filter(({ ops }) => isHuge(ops)),
    ),
  ]

  it.each(sampled.map((sequence) => [sequence.seq, sequence] as const))(
    '%s exercises that, and nothing else (npm run suite -- --answers)',
    (_, sequence) => {
      const performed = performedByRelease(sequence.ops)
      expect(sequence.exercises.flatMap(({ releases }) => releases).sort()).toEqual(
        [...performed.keys()].sort(),
      )
      for (const [release, { items }] of performed) {
        const only = { exercises: sequence.exercises.filter(({ releases }) => releases.includes(release)) }
        for (const kind of EXERCISED) {
          const names = [...items].filter((item) => item.startsWith(ITEM_KINDS[kind]))
          expect(countExercised([only], release, kind)).toBe(names.length)
        }
        const said = exercisedOn(sequence, release)
        expect(said?.steps.map((step) => `${ITEM_KINDS.steps}${steps[step]}`)).toEqual(
          [...items].filter((item) => item.startsWith(ITEM_KINDS.steps)).sort(),
        )
      }
    },
  )
})

describe.each(RECORDED_KERNELS)('of what one thread is known to exercise on %s', (release) => {
  const kinds = manifest.coverage[release]

  it('the manifest counts what the sequences say', () => {
    for (const kind of EXERCISED) expect(kinds[kind].taken).toBe(countExercised(sequences, release, kind))
    const known = EXERCISED.reduce((sum, kind) => sum + kinds[kind].known - kinds[kind].taken, 0)
    expect(manifest.notTaken[release]).toHaveLength(known)
    const said = saidOn(release)
    expect(manifest.notTaken[release].filter((item) => said.has(item))).toEqual([])
  })

  it('the suite has every transition of a statechart, and at least 95 % of the ways of steps', () => {
    expect(kinds.transitions.taken).toBe(kinds.transitions.known)
    expect(kinds.steps.taken / kinds.steps.known).toBeGreaterThanOrEqual(0.95)
  })
})

it('transitions that no sequence takes are those that the manifest lists', () => {
  const taken = new Set(RECORDED_KERNELS.flatMap((release) => [...saidOn(release)]))
  expect(manifest.transitionsNotTaken).toEqual(
    allTransitions
      .filter((transition) => !taken.has(transition))
      .map((transition) => transition.slice(ITEM_KINDS.transitions.length)),
  )
})

describe('what is found without the suite', () => {
  /** Of what was found, the share that the suite has too. */
  function shareOf(found: ReadonlyMap<string, ReadonlySet<string>>): number[] {
    return [...found].map(([release, items]) => {
      const said = saidOn(release)
      const ways = [...items].filter((item) => item.startsWith(ITEM_KINDS.steps))
      for (const item of items) if (item.startsWith(ITEM_KINDS.transitions)) expect(said).toContain(item)
      return ways.filter((item) => said.has(item)).length / ways.length
    })
  }

  it('in recordings is in the suite, at least 95 % of it', () => {
    const recorded = recordedSequences(fileURLToPath(new URL('../fixtures/', import.meta.url)))
    const sampled = [
      ...every(
        10,
        recorded.filter(({ ops }) => !isHuge(ops)),
      ),
      ...every(
        60,
        recorded.filter(({ ops }) => isHuge(ops)),
      ),
    ]
    for (const share of shareOf(foundByRecordings(sampled))) expect(share).toBeGreaterThanOrEqual(0.95)
  })

  it('by another search is in the suite, at least 90 % of it', () => {
    const begin = every(20, small).map(({ ops }) => ops)
    for (const share of shareOf(foundBySearch(begin, RECORDED_KERNELS, { changed: 200, explored: 0 })))
      expect(share).toBeGreaterThanOrEqual(0.9)
  })
})
