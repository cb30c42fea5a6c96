/** Drivers in TypeScript, run by the compiled command as its users run it. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { withoutTypes } from '../../src/cli/typescript/strip.js'

const folder = fileURLToPath(new URL('../fixtures/cases/typescript', import.meta.url))
const command = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))

beforeAll(() => mkdirSync(folder, { recursive: true }))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function written(name: string, text: string): string {
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}

function check(file: string) {
  const args = ['check', 'munmap', '--driver', file, '--bounds', 'smoke', '--workers', '1']
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], { encoding: 'utf8' })
  return { status, said: `${stdout}${stderr}`.replace(/\s+/g, ' ') }
}

test('a line of TypeScript is the same line of JavaScript', () => {
  const text = withoutTypes(
    'interface A {\n  a: number\n}\nconst a: A = { a: 1 }\nexport type B =\n  | A\nexport { a }\n',
    'a.ts',
  )
  expect(text.split('\n')[3].trim()).toBe('const a = { a: 1 }')
  expect(text.split('\n')[6].trim()).toBe('export { a }')
})

test('a driver is loaded as it is, with what it imports', () => {
  written(
    'name.ts',
    "export enum Kind {\n  plain = 'plain',\n}\nexport const nameOf = (kind: Kind): string => 'typed-' + kind\n",
  )
  const file = written(
    'typed.ts',
    "import { type Driver, referenceDriver } from 'hmm-spec/driver'\nimport { Kind, nameOf } from './name.js'\n" +
      'const driver: Driver = { ...referenceDriver, name: nameOf(Kind.plain) }\nexport default driver\n',
  )
  const { status, said } = check(file)
  expect(said).toContain('munmap (typed-plain)')
  expect(status).toBe(0)
})

test('a mistake is named with its line', () => {
  const file = written(
    'keeps.ts',
    `import { type Driver, referenceDriver } from 'hmm-spec/driver'
import { procedure, step } from 'hmm-spec/world'
interface Unused {
  readonly a: number
}
let calls: number = 0
const fault = procedure(function* fault(): Generator<never, number> {
  yield* step('count', (): number => {
    calls++
    return 0
  })
  return 0
}) as unknown as Driver['fault']
export default { ...referenceDriver, name: 'keeps', fault }
`,
  )
  const { status, said } = check(file)
  expect(said).toMatch(/keeps\.ts:9, fault, step "count": .*calls/)
  expect(status).toBe(2)
})

test('a text that is no TypeScript is named with its file and line', () => {
  const { status, said } = check(written('broken.ts', 'const a: = 1\nexport default a\n'))
  expect(said).toMatch(/broken\.ts.*\(1:/)
  expect(status).toBe(2)
})

test('a compiled driver that is older than its source is refused', () => {
  written('stale.ts', "export { referenceDriver as default } from 'hmm-spec/driver'\n")
  const file = written('stale.js', "export { referenceDriver as default } from 'hmm-spec/driver'\n")
  expect(check(file).status).toBe(0)
  const before = new Date(Date.now() - 60_000)
  utimesSync(file, before, before)
  const { status, said } = check(file)
  expect(said).toMatch(/stale\.js is older than \S*stale\.ts, from which it was compiled; compile it again/)
  expect(status).toBe(2)
})
