/** Which steps a procedure declares, whatever its text looks like: a dead step that nobody declares is not noticed. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, type Rolldown } from 'vite'
import { expect, test } from 'vitest'
import { declaredSteps } from '../../src/checker/index.js'
import { type AnyProcedure, choose, procedure, step } from '../../src/world/index.js'
import { temporaryDirectory } from '../cli/project.js'

const stepsOf = (...procedures: unknown[]) =>
  declaredSteps(procedures as AnyProcedure[]).map(({ procedure, step }) => `${procedure}: ${step}`)

test('literals, templates and quotes within; no comment, no other text, nothing that is made up as it runs', () => {
  const NAME = 'made up'
  const p = procedure(function* p(other: AnyProcedure) {
    // yield* step('in a comment', () => 0)
    const said = "yield* step('in a text', () => 0)"
    const seen = yield* step('look', () => said.length)
    if (seen === 2) yield* step(`a template`, () => 0)
    if (seen === 3) yield* step('it\'s "quoted"', () => 0)
    if (seen === 4) yield* choose('which', 3)
    if (seen === 5) yield* step(NAME, () => 0)
    if (seen === 6) yield* step(`${NAME} again`, () => 0)
    const run = () => 0
    if (seen === 7) yield* step('by name', run)
    // What is only called, and not yielded to, takes no step.
    if (seen === 8) console.log(step('not taken', () => 0))
    return yield* other()
  })
  expect(stepsOf(p)).toEqual(['p: look', 'p: a template', 'p: it\'s "quoted"', 'p: which', 'p: by name'])
})

test('a method of an object is a procedure as well', () => {
  const driver = {
    *fault() {
      return yield* step('in a method', () => 0)
    },
  }
  expect(stepsOf(procedure('m', driver.fault))).toEqual(['m: in a method'])
})

test('minified code declares the same steps', { timeout: 60_000 }, async () => {
  const text = `
    import { choose, procedure, step } from 'hmm-spec/world'
    export const p = procedure(function* p(current, range) {
      const seen = yield* step('look at the range', () => range.seen)
      if (seen) return yield* choose('go on?', 2)
      yield* step('mark it', () => { range.seen = 1 })
      return 0
    })`
  const root = temporaryDirectory()
  writeFileSync(join(root, 'driver.js'), text)
  const built = (await build({
    root,
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      minify: true,
      lib: { entry: 'driver.js', formats: ['es'], fileName: 'driver' },
      rolldownOptions: { external: ['hmm-spec/world'] },
    },
  })) as Rolldown.RolldownOutput[]
  const [chunk] = built.flatMap(({ output }) => output)
  const code = chunk.type === 'chunk' ? chunk.code : ''
  const names = Object.fromEntries(
    [...code.matchAll(/(\w+) as (\w+)/g)].map(([, imported, local]) => [imported, local]),
  )
  // It does not call a step by its name any more.
  expect(names.step).toBeDefined()
  expect(names.step).not.toBe('step')
  const body = code.slice(code.indexOf('function*'), code.lastIndexOf('})') + 1)
  const make = new Function(names.step, names.choose, `return ${body}`)
  expect(stepsOf(procedure('p', make(step, choose)))).toEqual([
    'p: look at the range',
    'p: go on?',
    'p: mark it',
  ])
})
