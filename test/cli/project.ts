/**
 * A small specification with the real checker behind it, so that what the command line prints does not change with
 * every scenario that is added. Times are fixed, so that what is printed can be compared as it is.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import type { Defect, Requirement } from '../../spec/index.js'
import { mmu_interval_read_retry, retryProtocol } from '../../spec/mirror/scenarios/retry-protocol.js'
import {
  atomicity,
  check,
  checkAtRandom,
  judgeTrace,
  systemOf,
  withMatters,
} from '../../src/checker/index.js'
import { type Io, main, type Project } from '../../src/cli/index.js'
import { exportScenario } from '../../src/export/scenario.js'
import { generations } from '../../src/generations/generations.js'
import { kernelProfiles } from '../../src/generations/profiles.js'
import {
  BLOCKED,
  become,
  Layout,
  override,
  procedure,
  type Running,
  type Scenario,
  scenario,
  step,
} from '../../src/world/index.js'

const wait = procedure(function* wait(cell: { readonly value: number }) {
  return yield* step('for ever', () => (cell.value === 1 ? 0 : BLOCKED))
})

/** Two threads that wait for what nobody does. */
export const stuck = scenario({
  name: 'stuck',
  summary: 'Two threads that wait for ever.',
  exercises: ['deadlock'],
  parameters: { depth: { summary: 'unused', min: 1, max: 2, smoke: 1, default: 1, deep: 2 } },
  build() {
    const layout = new Layout({ threads: 2 })
    const cell = layout.flag('never')
    return {
      layout,
      threads: [
        { name: 'a', program: wait, args: [cell] },
        { name: 'b', program: wait, args: [cell] },
      ],
    }
  },
})

const blink: ReturnType<typeof procedure<[{ value: number }], void>> = procedure(function* blink(cell: {
  value: number
}): Running<void> {
  yield* step('on', () => {
    cell.value++
  })
  yield* step('off', () => {
    cell.value--
  })
  return yield* become(blink, cell)
})

/** A thread that goes round for ever. */
export const blinking = scenario({
  name: 'blinking',
  summary: 'A lamp that blinks and never stays off.',
  exercises: ['progress'],
  parameters: {},
  build() {
    const layout = new Layout({ threads: 1 })
    const lamp = layout.flag('lamp')
    return {
      layout,
      threads: [{ name: 'clock', program: blink, args: [lamp] }],
      progress: [{ clause: 'progress', name: 'the clock ends', pending: (view) => !view.finished(0) }],
    }
  },
})

const overflowing = procedure(function* overflow(cell: { value: number }) {
  for (let i = 0; i < 3; i++)
    yield* step('count', () => {
      cell.value++
    })
})

/** A scenario with a mistake of its own. */
export const mistaken = scenario({
  name: 'mistaken',
  summary: 'A counter that leaves its bound.',
  exercises: [],
  parameters: {},
  build() {
    const layout = new Layout({ threads: 1 })
    return { layout, threads: [{ name: 'a', program: overflowing, args: [layout.flag('small')] }] }
  },
})

const turn = procedure(function* turn(cell: { set(value: number): void }) {
  for (const value of [1, 0])
    yield* step(
      value === 1 ? 'on' : 'off',
      (choice) => {
        cell.set(value)
        return choice
      },
      2,
    )
})

/** A scenario with a statechart, and a transition of it that is never taken. */
export const charted = scenario({
  name: 'charted',
  summary: 'A lamp that is switched on and off.',
  exercises: ['lamp'],
  parameters: {},
  build() {
    const layout = new Layout({ threads: 1 })
    const on = layout.flag('on')
    const lamp = layout.lifecycle('lamp', 'lamp')
    const cell = {
      set(value: number) {
        on.value = value
        lamp.signal(value === 1 ? 'ON' : 'OFF')
      },
    }
    return {
      layout,
      threads: [{ name: 'hand', program: turn, args: [cell] }],
      charts: {
        lamp: {
          name: 'lamp',
          states: ['dark', 'lit'],
          events: ['ON', 'OFF', 'BREAK'],
          targets: Int16Array.of(1, -1, -1, -1, 0, 0),
        },
      },
      invariants: [{ clause: 'lamp', name: 'lamp is read', judge: () => true as const }],
    }
  },
})

export const requirements: readonly Requirement[] = [
  {
    id: 'C1',
    title: 'the mirror is coherent',
    text: 'Where the device maps a page, it maps what the CPU page table maps; else it maps nothing.',
    source: ['Documentation/mm/hmm.rst', 'reference, section C'],
    checks: ['mirror is not stale'],
  },
]

/** `read_retry` that never asks for a retry. */
export const noRetry: Defect = {
  name: 'M1',
  kind: 'mutation',
  title: 'read_retry is left out',
  text: 'The driver installs what it walked, whether or not an invalidation came between.',
  source: ['reference, section G.3'],
  requirement: 'C1',
  scenario: 'retry-protocol',
  overrides: [
    override(
      mmu_interval_read_retry,
      () =>
        function* () {
          return yield* step('compare', () => 0)
        },
    ),
  ],
  steps: 12,
}

/** A specification of the retry protocol alone, with what `changes` puts in its place. */
export function testProject(changes: Partial<Project> = {}): Project {
  return {
    version: '1.2.3',
    scenarios: [retryProtocol],
    scenariosFor: () => [],
    requirements,
    defects: [noRetry],
    statecharts: [
      {
        name: 'lamp',
        summary: 'A lamp.',
        states: ['dark', 'lit'],
        events: ['ON', 'OFF', 'BREAK'],
        transitions: [{ chart: 'lamp', state: 'dark', event: 'ON', target: 'lit' }],
        exportTo: (format) => `lamp as ${format}`,
      },
    ],
    generations,
    scenariosIn: () => [],
    kernels: kernelProfiles,
    universe: () => ({ transitions: [], steps: [{ procedure: 'fault', step: 'program' }], requirements }),
    check: async (scenario: Scenario, options) => ({
      ...(await check(scenario, options)),
      elapsedMs: 1234.5,
    }),
    simulate: async (scenario, options) => ({
      ...(await checkAtRandom(scenario, options)),
      elapsedMs: 1234.5,
    }),
    exportScenario: async (scenario, options) => exportScenario(scenario, options),
    atomicity: async (scenario, options) => atomicity(scenario, options),
    replay: (scenario, trace, defects) => {
      const { steps, broken } = judgeTrace(scenario, trace, defects)
      return { steps: steps.map(({ step }) => step), broken }
    },
    explained: (scenario, trace, defects) => withMatters(trace, systemOf(scenario, trace, defects)),
    conformFile: async () => {
      throw new Error('not faked')
    },
    ...changes,
  }
}

/** What one run of the command line left behind. */
export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** The surroundings of a test, and what was written to them. */
export function testIo(changes: Partial<Io> = {}) {
  const out: string[] = []
  const err: string[] = []
  const quits: number[] = []
  const interrupts: (() => void)[] = []
  const io: Io = {
    stdout: { write: (text: string) => void out.push(text) },
    stderr: { write: (text: string) => void err.push(text) },
    env: {},
    onInterrupt(handler) {
      interrupts.push(handler)
      return () => void interrupts.splice(interrupts.indexOf(handler), 1)
    },
    quit: (code) => void quits.push(code),
    ...changes,
  }
  return {
    io,
    quits,
    interrupt: () => {
      for (const handler of interrupts) handler()
    },
    written: () => ({ out: out.join(''), err: err.join('') }),
  }
}

/** Runs `hmm-spec` with the words of `line`. */
export async function run(line: string, project = testProject(), changes: Partial<Io> = {}): Promise<Ran> {
  const { io, written } = testIo(changes)
  const code = await main(line.split(' ').filter(Boolean), io, project)
  return { code, ...written() }
}

/** A run as a transcript, to be compared with one that was read and found right. */
export async function transcript(
  line: string,
  project = testProject(),
  hidden: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, out, err } = await run(line, project)
  let text = `$ hmm-spec ${line}\n${out}${err === '' ? '' : `--- on the standard error\n${err}`}--- exit code ${code}\n`
  for (const [secret, name] of Object.entries(hidden)) text = text.replaceAll(secret, name)
  return text
}

const directories: string[] = []

/** A directory that is gone when the test file ends. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'hmm-spec-'))
  directories.push(directory)
  return directory
}

afterAll(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})
