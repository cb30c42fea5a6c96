/**
 * Asks SPIN for a second opinion: `npm run second-opinion`.
 *
 * @module
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import type { Bounds } from '../world/model.js'
import { compare, MOST_STATES, type Opinion, prepare } from './compare.js'
import { findTools, type Tools } from './spin.js'
import { subjectsOf } from './subjects.js'

const USAGE = `npm run second-opinion -- [options] [name...]
  name              scenarios and defects (default every scenario of less than a million states, and thirty defects)
  --sample N        only N scenarios, and a third as many defects, drawn at random
  --seed N          draw others (default 1)
  --bounds SIZE     of the scenarios: smoke (default), default or deep
Ends with 1 if SPIN says anything else than this checker, and with 2 if something could not be asked.`

const BOUNDS: readonly string[] = ['smoke', 'default', 'deep'] satisfies Bounds[]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    bounds: { type: 'string', default: 'smoke' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const tools = findTools()
if (values.help) console.log(USAGE)
else if (tools === undefined) console.log('no second opinion: spin and a C compiler are not both here')
else process.exitCode = await main(tools)

async function main(tools: Tools): Promise<number> {
  const { bounds } = values
  if (!BOUNDS.includes(bounds)) throw new Error(`--bounds is ${BOUNDS.join(', ')}, not ${bounds}`)
  const seed = whole('--seed', values.seed)
  const subjects = subjectsOf({
    names: positionals,
    ...(values.sample === undefined ? {} : { sample: whole('--sample', values.sample) }),
    seed,
    bounds: bounds as Bounds,
  })
  const opinions: Opinion[] = []
  const failures: string[] = []
  const running = new Set<Promise<void>>()
  for (const subject of subjects) {
    const fail = (error: unknown) => {
      failures.push(subject.name)
      console.log(`${subject.name}: not asked: ${error instanceof Error ? error.message : String(error)}`)
    }
    try {
      const prepared = await prepare(subject)
      if (prepared === undefined) {
        console.log(`${subject.name}: more than ${figure(MOST_STATES)} states, not asked`)
        continue
      }
      const asked: Promise<void> = compare(tools, prepared)
        .then((opinion) => {
          opinions.push(opinion)
          show(opinion)
        }, fail)
        .finally(() => running.delete(asked))
      running.add(asked)
      // SPIN and the compiler are processes of their own; exploring goes on beside them.
      while (running.size >= availableParallelism()) await Promise.race(running)
    } catch (error) {
      fail(error)
    }
  }
  await Promise.all(running)
  summarise(opinions, failures, seed)
  if (failures.length > 0) return 2
  return opinions.every(({ differences }) => differences.length === 0) ? 0 : 1
}

function whole(option: string, text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`${option} is a whole number, not ${text}`)
  return number
}

function show({ subject, spin, compared, differences }: Opinion): void {
  const same = differences.length === 0 ? 'the same' : 'DIFFERENT'
  console.log(
    `${subject.name}: ${same}: ${compared}; SPIN: ${figure(spin.states)} states, ${figure(spin.transitions)} steps, ` +
      `${spin.compileSeconds.toFixed(1)} s to compile, ${spin.runSeconds.toFixed(2)} s to run`,
  )
  for (const difference of differences) console.log(`  ${difference}`)
}

function summarise(opinions: readonly Opinion[], failures: readonly string[], seed: number): void {
  const sum = (of: (opinion: Opinion) => number) =>
    opinions.reduce((total, opinion) => total + of(opinion), 0)
  const different = opinions.filter(({ differences }) => differences.length > 0)
  console.log(
    `\n${opinions.length} asked (seed ${seed}), ${different.length} different, ${failures.length} failed; ` +
      `${figure(sum(({ spin }) => spin.states))} states in SPIN, ${sum(({ spin }) => spin.compileSeconds).toFixed(0)} s to ` +
      `compile, ${sum(({ spin }) => spin.runSeconds).toFixed(1)} s to run`,
  )
  console.log(
    'This checks the checker: exploring, storing states, evaluating claims, depths, fairness. What a step does is taken ' +
      'from the same text by both: a wrong step is wrong in both.',
  )
}

function figure(number: number): string {
  return number.toLocaleString('en')
}
