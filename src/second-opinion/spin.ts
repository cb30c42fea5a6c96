/**
 * Runs SPIN on an exported model: spin makes a verifier of it in C, which is compiled and run.
 *
 * @module
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** An assertion that failed, or a deadlock, and after how many steps. */
export interface SpinError {
  /** N of `assert(wrong == N)`. */
  readonly wrong: number | 'deadlock'
  readonly depth: number
}

/** What SPIN counts in a model, and finds wrong with it. */
export interface SpinResult {
  readonly states: number
  /** Steps; SPIN counts the initial state too, which is left out here. */
  readonly transitions: number
  /** Length of the longest shortest run. */
  readonly depth: number
  /** The first error of each kind, in their order. */
  readonly errors: readonly SpinError[]
  /** Seconds of spin and the C compiler. */
  readonly compileSeconds: number
  /** Seconds of the verifier. */
  readonly runSeconds: number
}

/** The tools that are here. */
export interface Tools {
  readonly spin: string
  readonly compiler: string
}

/** SPIN and a C compiler; `undefined` if they are not both here. */
export function findTools(): Tools | undefined {
  const isThere = (command: string) =>
    spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0
  const compiler = ['gcc', 'cc', 'clang'].find(isThere)
  return isThere('spin') && compiler !== undefined ? { spin: 'spin', compiler } : undefined
}

/** How a verifier is compiled for breadth-first search: every state, no reduction, the shortest run to each error. */
const BREADTH_FIRST = ['-w', '-DNOREDUCE', '-DSAFETY', '-DBFS']
/** The same for loops that are fair to every process. */
const FAIR_LOOPS = ['-w', '-DNOREDUCE', '-DNFAIR=3']

/**
 * Explores a model breadth first, also beyond errors.
 *
 * @param optimise - of the C compiler: `-O0` compiles fastest
 */
export async function explore(tools: Tools, model: string, optimise = '-O0'): Promise<SpinResult> {
  return withVerifier(tools, model, [], [optimise, ...BREADTH_FIRST], async (pan, compileSeconds) => {
    const { output, seconds } = await runHere(pan, ['-c0', '-w22'])
    const states = numberIn(output, /^\s*(\d+) states, stored/m)
    const transitions = numberIn(output, /^\s*(\d+) transitions/m)
    return {
      states,
      transitions: transitions - 1,
      depth: numberIn(output, /depth reached (\d+)/),
      errors: errorsIn(output),
      compileSeconds,
      runSeconds: seconds,
    }
  })
}

/**
 * Looks for runs that are fair to every process and in which what a progress claim says lasts for ever.
 *
 * @param formulas - of the model, by name
 * @returns for each formula, whether there is such a run
 */
export async function lasting(
  tools: Tools,
  model: string,
  formulas: readonly string[],
): Promise<readonly boolean[]> {
  return withVerifier(tools, model, ['-DPROGRESS'], ['-O1', ...FAIR_LOOPS], async (pan) => {
    const answers: boolean[] = []
    for (const formula of formulas) {
      const { output } = await runHere(pan, ['-a', '-f', '-A', '-E', '-m2000000', '-w22', '-N', formula])
      if (/max search depth too small|out of memory/.test(output))
        throw new Error(`SPIN did not search all of it:\n${output}`)
      answers.push(numberIn(output, /errors: (\d+)/) > 0)
    }
    return answers
  })
}

/** What a command has printed, and how long it took. */
interface Run {
  readonly output: string
  readonly seconds: number
}

/**
 * Makes a verifier of a model.
 *
 * @param defines - for spin's preprocessor
 * @param flags - for the C compiler
 * @param use - gets its path, which is there until this ends, and how long it took to make
 */
export async function withVerifier<T>(
  { spin, compiler }: Tools,
  model: string,
  defines: readonly string[],
  flags: readonly string[],
  use: (pan: string, compileSeconds: number) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'hmm-spec-spin-'))
  try {
    await writeFile(join(folder, 'model.pml'), model)
    const generated = await run(spin, ['-a', '-o2', ...defines, 'model.pml'], folder)
    const compiled = await run(compiler, [...flags, '-o', 'pan', 'pan.c'], folder)
    return await use(join(folder, 'pan'), generated.seconds + compiled.seconds)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Runs a verifier in its own folder: it leaves files where it runs. */
function runHere(pan: string, args: readonly string[]): Promise<Run> {
  return run(pan, args, dirname(pan))
}

/** Runs a command to its end. @throws Error if it fails */
async function run(command: string, args: readonly string[], folder: string): Promise<Run> {
  const began = performance.now()
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: folder,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('close', resolve).on('error', reject)
  })
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')} failed (${status}):\n${output.slice(-2000)}`)
  return { output, seconds: (performance.now() - began) / 1000 }
}

function numberIn(output: string, pattern: RegExp): number {
  const found = pattern.exec(output)?.[1]
  if (found === undefined)
    throw new Error(`SPIN did not say what was expected of it (${pattern}):\n${output}`)
  return Number(found)
}

function errorsIn(output: string): SpinError[] {
  const first = new Map<SpinError['wrong'], number>()
  const pattern = /^pan:\d+: (?:assertion violated \(wrong==(\d+)\)|invalid end state) \(at depth (\d+)\)/gm
  for (const [, number, depth] of output.matchAll(pattern)) {
    const wrong = number === undefined ? 'deadlock' : Number(number)
    first.set(wrong, Math.min(first.get(wrong) ?? Number.POSITIVE_INFINITY, Number(depth)))
  }
  return [...first].map(([wrong, depth]) => ({ wrong, depth }))
}
