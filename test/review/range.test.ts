/** A range of commits: what is changed between two trees, and folders that are removed whatever happens. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fromCommits } from '../../src/cli/review/from-commits.js'
import type { ProcedureData, ProceduresDocument } from '../../src/publish/procedures.js'
import { CommitError, changeOfTrees, diffOf, normalised, Worktree } from '../../src/review/index.js'
import { temporaryDirectory, testIo } from '../cli/project.js'

function procedure(name: string, text: string, file = 'src/kernel/a.ts'): ProcedureData {
  return {
    ...{ id: name, name, symbol: name, kernel: name, file, line: 1, endLine: 2, summary: '', text },
    ...{ links: [], body: { start: 0, end: 0 }, steps: [], signals: [], claims: [], callees: [] },
    ...{ callers: [], open: [] },
  }
}

function documentOf(...procedures: ProcedureData[]): ProceduresDocument {
  return { format: 'hmm-spec-procedures', version: 1, procedures, overrides: [] }
}

describe('what is changed between two trees', () => {
  const WALK = 'export const walk = procedure(function* walk() {})'
  const LOUD = 'export const walk = procedure(function* walk() { yield* step("a", b) })'

  test('a procedure, with its comments and imports', () => {
    const change = changeOfTrees(documentOf(procedure('walk', WALK)), documentOf(procedure('walk', LOUD)), [
      {
        file: 'src/kernel/a.ts',
        before: `import { procedure } from '../world/index.js'\n\n/** Walks. */\n${WALK}\n\nexport const ONE = 1\n`,
        after: `import {\n  procedure,\n  step,\n} from '../world/index.js'\n/** Walks aloud. */\n${LOUD}\nexport const ONE = 1\n`,
      },
    ])
    expect(change).toMatchObject({ procedures: [{ name: 'walk', how: 'changed' }], files: [] })
    expect(change.procedures[0].diff).toBe(`-${WALK}\n+${LOUD}`)
  })

  test('what is outside of procedures, and files that bear on no verdict', () => {
    const same = documentOf(procedure('walk', WALK))
    const edited = (file: string) => ({ file, before: `${WALK}\nconst a = 1`, after: `${WALK}\nconst a = 2` })
    const files = [
      'src/kernel/a.ts',
      'spec/bounds.ts',
      'src/cli/terminal/io.ts',
      'docs/a.ts',
      'README.md',
    ].map(edited)
    const change = changeOfTrees(same, same, files)
    expect(change).toEqual({ procedures: [], files: ['src/kernel/a.ts', 'spec/bounds.ts'] })
  })

  test('procedures that come and go', () => {
    const files = [{ file: 'src/kernel/a.ts', before: WALK, after: LOUD.replaceAll('walk', 'run') }]
    const change = changeOfTrees(
      documentOf(procedure('walk', WALK)),
      documentOf(procedure('run', LOUD.replaceAll('walk', 'run'))),
      files,
    )
    expect(change.procedures.map(({ name, how }) => [name, how])).toEqual([
      ['run', 'added'],
      ['walk', 'removed'],
    ])
    expect(change.files).toEqual([])
  })
})

test('texts are compared without what their printers add', () => {
  const printed = 'function* (sub) {\n    const a = 1;\n    if (a)\n        yield* b();\n}'
  const written = 'function* old(sub) {\n      const a = 1\n      if (a)\n        yield* b()\n    }'
  expect(normalised(printed, 'begin')).toBe(
    'function* begin(sub) {\n  const a = 1\n  if (a)\n    yield* b()\n}',
  )
  expect(normalised(written, 'begin')).toBe(normalised(printed, 'begin'))
  expect(diffOf('a\nb\n', 'a\nc\n')).toBe(' a\n-b\n+c')
})

describe('commits in folders of their own', () => {
  const root = temporaryDirectory()
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
      cwd: root,
      encoding: 'utf8',
    }).trim()
  git('init', '--quiet')
  mkdirSync(join(root, 'node_modules/typescript/bin'), { recursive: true })
  mkdirSync(join(root, 'tools'))
  writeFileSync(join(root, '.gitignore'), 'node_modules\n')
  writeFileSync(
    join(root, 'node_modules/typescript/bin/tsc'),
    'console.log("a.ts(1,1): error"); process.exit(1)\n',
  )
  writeFileSync(join(root, 'a.txt'), 'one\n')
  writeFileSync(join(root, 'package.json'), '{ "exports": {} }\n')
  writeFileSync(join(root, 'tsconfig.json'), '{}\n')
  git('add', '.')
  git('commit', '--quiet', '-m', 'one')
  const commit = git('rev-parse', 'HEAD')
  writeFileSync(join(root, 'a.txt'), 'not committed\n')
  const left = () => readdirSync(tmpdir()).filter((name) => name.startsWith('hmm-spec-review-'))

  test('are what was committed, and are gone in the end', () => {
    const tree = new Worktree(root, commit)
    expect(execFileSync('cat', [join(tree.folder, 'a.txt')], { encoding: 'utf8' })).toBe('one\n')
    expect(existsSync(join(tree.folder, 'node_modules/typescript/bin/tsc'))).toBe(true)
    tree.remove()
    expect(existsSync(tree.folder)).toBe(false)
    expect(git('worktree', 'list').split('\n')).toHaveLength(1)
    expect(existsSync(join(root, 'node_modules/typescript/bin/tsc'))).toBe(true)
    expect(git('status', '--short')).toBe('M a.txt')
  })

  test('one that does not build says why', async () => {
    const tree = new Worktree(root, commit)
    await expect(tree.build(new AbortController().signal)).rejects.toThrow(
      /does not build:\na\.ts\(1,1\): error/,
    )
    tree.remove()
  })

  test('one that is not there leaves nothing', () => {
    const before = left()
    expect(() => new Worktree(root, '0'.repeat(40))).toThrow(CommitError)
    expect(left()).toEqual(before)
  })

  test.each([
    ['main', 'main is no range of commits; write BASE..HEAD'],
    ['HEAD..nowhere', 'review HEAD..nowhere: git rev-parse --verify: fatal: Needed a single revision'],
  ])('%s', async (range, message) => {
    const { io } = testIo()
    const options = { bounds: 'smoke', only: [], limits: {} } as const
    await expect(fromCommits(io, range, options, root)).rejects.toThrow(message)
  })

  test('an interrupt while a commit is built: the folders are gone, and nothing is said to hold', async () => {
    writeFileSync(join(root, 'node_modules/typescript/bin/tsc'), 'setInterval(() => {}, 1000)\n')
    git('commit', '--quiet', '-am', 'two')
    const before = left()
    const { io, interrupt, written } = testIo({
      stderr: {
        write: (text: string) => {
          if (text.startsWith('checking out')) setImmediate(() => interrupt())
        },
      },
    })
    const options = { bounds: 'smoke', only: [], limits: {} } as const
    expect(await fromCommits(io, 'HEAD~1..HEAD', options, root)).toBe('interrupted')
    expect(written().out).toBe('')
    expect(left()).toEqual(before)
    expect(git('worktree', 'list').split('\n')).toHaveLength(1)
  })
})
