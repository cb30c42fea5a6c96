import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { mutantsOf } from '../../src/mutate/choosing/find.js'
import { edited, MUTATIONS, type Mutant } from '../../src/mutate/mutant.js'
import { compile } from '../../src/mutate/text/compile.js'
import { instrument } from '../../src/mutate/text/instrument.js'
import { compilerOptions, typedSources } from '../../src/mutate/text/program.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const TOY = 'test/mutate/toy.ts'
const text = readFileSync(new URL('./toy.ts', import.meta.url), 'utf8')
const mutants = mutantsOf(TOY, typedSources(ROOT, [TOY]))

const changes = (kind: Mutant['kind']) =>
  mutants
    .filter((mutant) => mutant.kind === kind)
    .map(({ procedure, step, original, replacement }) => [
      step === undefined ? procedure : `${procedure}, ${step}`,
      original,
      replacement,
    ])

test('there is a mutant of each kind', () => {
  expect(new Set(mutants.map(({ kind }) => kind))).toEqual(new Set(Object.keys(MUTATIONS)))
})

test('operators taken from real fixes', () => {
  expect(changes('staleRead')).toEqual([
    [
      'kernel_protocol',
      'yield* world.rw.lockWrite(); const seen = yield* read(world)',
      'const seen = yield* read(world); yield* world.rw.lockWrite()',
    ],
  ])
  expect(changes('recheck')).toEqual([['kernel_protocol', 'if (isStale(world)) return 2', '']])
  expect(changes('unlocked')).toEqual([['kernel_protocol, count', 'world.lock.critical', 'step']])
  expect(changes('lockMode')).toEqual([['kernel_protocol', 'world.rw.lockWrite()', 'world.rw.lockRead()']])
  expect(changes('owner')).toEqual([['kernel_protocol', 'world.owner', 'another owner']])
  expect(changes('cleanup')).toEqual([['kernel_protocol', 'yield* touch(world, head)', '']])
  expect(changes('tailPage')).toEqual([['kernel_protocol', 'head', '(head + 1)']])
  expect(changes('dirty')).toEqual([
    ['touch, touch', 'world.dirty = true', ''],
    ['record', 'dirty: seen > 2', 'dirty: false'],
  ])
  expect(changes('offByOne')).toContainEqual(['kernel_protocol', 'end', '(end - 1)'])
})

test('steps and branches', () => {
  expect(changes('invert')).toContainEqual(['kernel_protocol', 'isStale(world)', '!(isStale(world))'])
  expect(changes('condition').map(([, , replacement]) => replacement)).toEqual([
    'seen > 3',
    'world.owner === 1',
  ])
  expect(changes('zero')).toContainEqual(['kernel_protocol', 'yield* read(world)', '0'])
  expect(changes('delete')).toContainEqual(['kernel_protocol', 'yield* read(world)', '0'])
  expect(changes('swap')).toContainEqual([
    'kernel_protocol',
    'yield* touch(world, end); yield* world.rw.unlockWrite()',
    'yield* world.rw.unlockWrite(); yield* touch(world, end)',
  ])
})

test('claims and errors are not mutated', () => {
  expect(mutants.filter(({ procedure }) => procedure === 'mustBeSmall')).toEqual([])
  expect(mutants.filter(({ original }) => original.includes('mustBeSmall'))).toEqual([])
})

test('an identifier is of one mutant, and stays when lines move', () => {
  const ids = mutants.map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids).toContain(
    'test/mutate/toy | kernel_protocol | recheck | if (isStale(world)) return 2 → nothing',
  )
})

test('a mutant of the lock mode takes and releases it alike', () => {
  const [mutant] = mutants.filter(({ kind }) => kind === 'lockMode')
  const mutated = edited(text, mutant.edits)
  expect(mutated).toContain('yield* world.rw.lockRead()')
  expect(mutated).toContain('yield* world.rw.unlockRead()')
  expect(mutated).not.toContain('yield* world.rw.lockWrite()')
})

test('every mutant compiles, and so does the instrumented text', () => {
  const options = compilerOptions(ROOT)
  const original = compile(TOY, text, options)
  const compiled = mutants.map(({ edits }) => compile(TOY, edited(text, edits), options))
  expect(compiled.filter((js) => js === original)).toEqual([])
  const anchors = [...new Map(mutants.map(({ anchor }) => [anchor.start, anchor])).values()]
  const instrumented = compile(TOY, instrument(text, anchors, 7, './hits.js'), options)
  expect(instrumented.match(/__hit\(\d+\)/g)?.sort()).toEqual(
    anchors.map((_, index) => `__hit(${index + 7})`).sort(),
  )
})
