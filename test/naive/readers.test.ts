/**
 * Recordings, traces, options and driver files with random mistakes in them: the command line answers each with a
 * documented exit code, and never with an error of its own. With HMM_SPEC_SEED and HMM_SPEC_INPUTS=10000 there are others, or more.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { retryProtocol } from '../../spec/mirror/scenarios/retry-protocol.js'
import { check } from '../../src/checker/index.js'
import { main } from '../../src/cli/index.js'
import { referenceProject } from '../../src/cli/reference.js'
import { noRetry, stuck, temporaryDirectory, testIo, testProject } from '../cli/project.js'

const INPUTS = Number(process.env.HMM_SPEC_INPUTS ?? 4000)
const SEED = Number(process.env.HMM_SPEC_SEED ?? 3)
/** Milliseconds after which a run is said to hang. */
const HANGS_AFTER = 20_000

const directory = temporaryDirectory()
mkdirSync(join(directory, 'traces'))

/** Runs the command line, and says what it should not have done. */
async function faultsOf(argv: readonly string[], project = testProject()): Promise<string[]> {
  const { io, written } = testIo()
  const began = performance.now()
  let code: number
  try {
    code = await main([...argv], io, project)
  } catch (error) {
    return [`it throws: ${error instanceof Error ? error.stack : error}`]
  }
  const { out, err } = written()
  const faults: string[] = []
  if (!Number.isInteger(code) || code < 0 || code > 4) faults.push(`exit code ${code}`)
  if (/internal error/.test(err)) faults.push(err)
  if (performance.now() - began > HANGS_AFTER) faults.push('it hangs')
  if (code !== 0 && out === '' && err === '') faults.push(`it says nothing, and ends with ${code}`)
  return faults
}

/** Values that a reader may not expect. */
const strange = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    -1,
    0,
    0.5,
    1e308,
    2 ** 31,
    2 ** 53,
    '',
    ' ',
    '__proto__',
    'constructor',
    '\u0000\u001b[31m\n',
    'x'.repeat(2000),
    [],
    {},
    [[[]]],
    { toString: 0, valueOf: 0 },
    { length: -1 },
    { toJSON: 1 },
  ),
  fc.integer(),
  fc.string(),
)

/** A change of a document: the value at a random place is replaced, taken out, or put there twice. */
const change = fc.record({
  where: fc.array(fc.nat(30), { minLength: 1, maxLength: 6 }),
  how: fc.constantFrom('replace', 'remove', 'repeat'),
  value: strange,
})

type Change = typeof change extends fc.Arbitrary<infer T> ? T : never

function changed(document: unknown, changes: readonly Change[]): unknown {
  const copy = { root: structuredClone(document) }
  for (const { where, how, value } of changes) {
    let holder: Record<string, unknown> = copy
    let key = 'root'
    for (const turn of where) {
      const inner = holder[key]
      if (typeof inner !== 'object' || inner === null || Object.keys(inner).length === 0) break
      holder = inner as Record<string, unknown>
      key = Object.keys(inner)[turn % Object.keys(inner).length]
    }
    if (how === 'replace') holder[key] = value
    else if (how === 'remove') delete holder[key]
    else if (Array.isArray(holder)) holder.push(structuredClone(holder[Number(key)]))
    else holder[`${key}2`] = holder[key]
  }
  return copy.root
}

/** A change of a text: characters are put in, taken out, or the rest is cut off. */
const edit = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  how: fc.constantFrom('insert', 'delete', 'cut'),
  text: fc.oneof(
    fc.constantFrom('{', '"', ']', ',', '\n', '\u0000', '\ufeff', '99999999999999999999', '-'),
    fc.string(),
  ),
})

type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never

function edited(text: string, edits: readonly Edit[]): string {
  return edits.reduce((before, { at, how, text }) => {
    const place = Math.floor(at * before.length)
    if (how === 'insert') return before.slice(0, place) + text + before.slice(place)
    return before.slice(0, place) + (how === 'delete' ? before.slice(place + 1 + text.length) : '')
  }, text)
}

/** Some changes of a document and some of its text, more often of one of them. */
const mistakes = fc.record({
  changes: fc.array(change, { maxLength: 3 }),
  edits: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(edit, { minLength: 1, maxLength: 2 }) },
  ),
})

function hold<T>(
  inputs: fc.Arbitrary<T>,
  share: number,
  faults: (input: T) => Promise<string[]>,
): Promise<void> {
  const property = fc.asyncProperty(inputs, async (input) => {
    expect(await faults(input)).toEqual([])
  })
  return fc.assert(property, { numRuns: Math.ceil(INPUTS * share), seed: SEED })
}

describe(`of ${INPUTS} inputs (seed ${SEED}) none is answered with an error of the command line's own`, () => {
  it('recordings', async () => {
    const sequences = gunzipSync(
      readFileSync(new URL('../fixtures/linux-6.1-sequences.jsonl.gz', import.meta.url)),
    )
      .toString()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
      .slice(0, 60)
    const file = join(directory, 'recording.jsonl')
    const inputs = fc.record({
      sequence: fc.nat(sequences.length - 1),
      mistakes,
      length: fc.integer({ min: 1, max: 5 }),
    })
    await hold(inputs, 0.1, async ({ sequence, length, mistakes: { changes, edits } }) => {
      const { ops, results, ...rest } = sequences[sequence]
      const document = { ...rest, ops: ops.slice(0, length), results: results.slice(0, length) }
      writeFileSync(file, edited(JSON.stringify(changed(document, changes)) ?? '', edits))
      return faultsOf(['conform', file, '--kernel', '6.1'], referenceProject())
    })
  })

  it('traces', async () => {
    const { violation } = await check(retryProtocol, { bounds: 'smoke', defects: [noRetry] })
    expect(violation).toBeDefined()
    const file = join(directory, 'trace.json')
    const inputs = fc.record({
      mistakes,
      more: fc.constantFrom(
        [],
        [],
        ['--step', '1'],
        ['--step', '999'],
        ['--format', 'mermaid'],
        ['--format', 'json'],
      ),
    })
    await hold(inputs, 0.35, ({ more, mistakes: { changes, edits } }) => {
      writeFileSync(file, edited(JSON.stringify(changed(violation?.trace, changes)) ?? '', edits))
      return faultsOf(['replay', file, ...more])
    })
  })

  it('options', async () => {
    const project = testProject({ scenarios: [stuck], defects: [] })
    // What files are written to is chosen, not made up.
    const paths = [
      '',
      join(directory, 'report'),
      directory,
      join(directory, 'traces'),
      '/dev/full',
      '/nowhere/x',
    ]
    const made = fc.oneof(
      fc.constantFrom(
        'stuck',
        'M1',
        '1',
        '0',
        '-1',
        '1e9',
        '30s',
        '2m',
        '512MB',
        '5M',
        'depth=2',
        'depth=',
        '=',
        'depth=9',
      ),
      fc.constantFrom(
        'text',
        'json',
        'junit',
        'mermaid',
        'smoke',
        'deep',
        '6.1',
        '5.4',
        '__proto__',
        'constructor',
        '',
        '--',
        '-',
      ),
      fc.string({ maxLength: 8 }).map((text) => text.replaceAll('/', '')),
    )
    const valued = fc.constantFrom(
      '--format',
      '--set',
      '--bounds',
      '--time-limit',
      '--memory-limit',
      '--state-limit',
      '--kernel',
      '--generation',
      '--step',
      '--to',
      '--seed',
      '--runs',
    )
    const word = fc.oneof(
      fc.constantFrom(['--no-reductions'], ['--digest'], ['--help'], ['-V'], ['--nothing']),
      fc.tuple(fc.constantFrom('--output', '--trace-dir', '--driver'), fc.constantFrom(...paths)),
      fc.tuple(valued, made),
      fc.tuple(valued, made).map(([option, value]) => [`${option}=${value}`]),
      made.map((text) => [text]),
    )
    const command = fc.constantFrom(
      'check',
      'check',
      'check',
      'defects',
      'list',
      'explain',
      'export',
      'conform',
      'replay',
      'help',
      '',
    )
    const inputs = fc.tuple(command, fc.array(word, { maxLength: 5 }))
    await hold(inputs, 0.45, ([command, words]) => faultsOf([command, ...words.flat()], project))
  })

  it('driver files', async () => {
    const full = referenceProject()
    const scenarios = (driver: Parameters<typeof full.scenariosFor>[0]) =>
      full.scenariosFor(driver).filter(({ name }) => name.startsWith('munmap'))
    const project = { ...full, scenariosFor: scenarios }
    const text = fc.constantFrom(
      '"odp"',
      '""',
      '"a\\nb"',
      '"\\u001b[31m"',
      '1',
      'null',
      '{ toString: 0 }',
      '"__proto__"',
    )
    const body = fc.constantFrom(
      'function* () {}',
      'function* () { return 0 }',
      'function* () { return -11 }',
      'function* () { yield 1 }',
      'function* () { yield { kind: "step" } }',
      'function* () { yield { kind: "step", name: "x", run: () => 0, choices: 1 } }',
      'function* () { yield { kind: "step", name: "x", run: () => "a", choices: -1 } }',
      'function* () { yield { kind: "call", procedure: null, args: [] } }',
      'function* () { yield { kind: "become" } }',
      'function* () { throw null }',
      'function* () { throw new Error("mine") }',
      'function* () { return Symbol("x") }',
      'function () { return 1 }',
      '() => undefined',
      'async function* () {}',
      'class {}',
      'null',
    )
    const procedure = fc.oneof(
      body,
      fc
        .tuple(body, body, text)
        .map(([call, inner, name]) => `Object.assign(${call}, { procedureName: ${name}, body: ${inner} })`),
      fc.constantFrom(
        '1',
        '{}',
        'undefined',
        '{ procedureName: "x" }',
        'new Proxy({}, { get() { throw 1 } })',
      ),
    )
    const members = fc.record({ name: text, invalidate: procedure, fault: procedure }, { requiredKeys: [] })
    const driver = fc.oneof(
      {
        weight: 8,
        arbitrary: members.map(
          (given) => `{ ${Object.entries(given).map(([key, value]) => `${key}: ${value}`)} }`,
        ),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          'null',
          '1',
          '[]',
          'class {}',
          '{ get name() { throw new Error("mine") } }',
          'new Proxy({}, { get() { throw null }, has() { throw null } })',
          'Object.create(null)',
        ),
      },
    )
    const module = fc
      .tuple(driver, fc.array(edit, { maxLength: 1 }), fc.nat(3))
      .map(([value, edits, which]) =>
        which === 0 ? edited(`export default ${value}`, edits) : `export default ${value}`,
      )
    let count = 0
    await hold(module, 0.1, (source) => {
      const file = join(directory, `driver-${count++}.mjs`)
      writeFileSync(file, source)
      return faultsOf(['check', '--driver', file, '--bounds', 'smoke', '--state-limit', '300'], project)
    })
  })
})
