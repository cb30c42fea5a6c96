/** The house: which folders may import which. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** The modules of the folders, each with the modules that it imports by a path. */
function importsOf(folders: readonly string[]): Map<string, string[]> {
  const imports = new Map<string, string[]>()
  for (const folder of folders)
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!/\.tsx?$/.test(name)) continue
      const file = join(folder, name)
      const text = readFileSync(join(root, file), 'utf8')
      const found = [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, path]) =>
        relative(root, join(root, dirname(file), path)),
      )
      imports.set(file, found)
    }
  return imports
}

/** `src/kernel` of `src/kernel/hmm/range.ts`; `spec` of what is in it. */
function folderOf(file: string): string {
  const parts = file.split(sep)
  return parts[0] === 'src' ? `${parts[0]}/${parts[1]}` : parts[0]
}

/** Edges between folders, and one import for each, for people. */
function edges(imports: ReadonlyMap<string, readonly string[]>, of: (file: string) => string) {
  const found = new Map<string, Map<string, string>>()
  for (const [file, targets] of imports)
    for (const target of targets) {
      const [from, to] = [of(file), of(target)]
      if (from === to) continue
      const known = found.get(from) ?? new Map<string, string>()
      known.set(to, `${file} imports ${target}`)
      found.set(from, known)
    }
  return found
}

/** A circle, if there is one: the imports that make it. */
function circleIn(graph: ReadonlyMap<string, ReadonlyMap<string, string>>): string[] | undefined {
  const done = new Set<string>()
  const path: string[] = []
  const visit = (at: string): string[] | undefined => {
    if (done.has(at)) return undefined
    const before = path.indexOf(at)
    if (before >= 0) {
      const circle = [...path.slice(before), at]
      return circle.slice(1).map((to, i) => graph.get(circle[i])?.get(to) as string)
    }
    path.push(at)
    for (const to of graph.get(at)?.keys() ?? []) {
      const found = visit(to)
      if (found !== undefined) return found
    }
    path.pop()
    done.add(at)
    return undefined
  }
  for (const at of graph.keys()) {
    const found = visit(at)
    if (found !== undefined) return found
  }
  return undefined
}

const imports = importsOf(['src', 'spec', 'models'])
const folders = edges(imports, folderOf)

test('there are folders, and they import each other', () => {
  expect(imports.size).toBeGreaterThan(200)
  expect(folders.get('src/kernel')?.has('src/world')).toBe(true)
})

test('no circle between folders', () => {
  expect(circleIn(folders)).toBeUndefined()
})

test('a circle is found where there is one', () => {
  const graph = edges(
    new Map([
      ['src/a/x.ts', ['src/b/y.js']],
      ['src/b/y.ts', ['src/c/z.js']],
      ['src/c/z.ts', ['src/a/x.js']],
    ]),
    folderOf,
  )
  expect(circleIn(graph)).toEqual([
    'src/a/x.ts imports src/b/y.js',
    'src/b/y.ts imports src/c/z.js',
    'src/c/z.ts imports src/a/x.js',
  ])
})

describe('what may import nothing else', () => {
  test.each([
    ['src/world', []],
    ['src/machine', ['src/world']],
    ['src/kernel', ['src/machine', 'src/world']],
    ['src/device', ['src/machine', 'src/world']],
    ['src/driver', ['src/device', 'src/kernel', 'src/machine', 'src/world']],
    ['models', ['src/world']],
  ])('%s imports %j', (folder, allowed) => {
    const others = [...(folders.get(folder) ?? [])].filter(([to]) => !(allowed as string[]).includes(to))
    expect(others.map(([, how]) => how)).toEqual([])
  })
})

/** Imports inside `src/kernel` that close a circle: from, to, and the call of the kernel that needs it. */
const CALLS_BACK = [
  [
    'mm/huge/fault',
    'mm/fault/fault',
    '__handle_mm_fault goes on with handle_pte_fault where do_huge_pmd_… fell back',
  ],
  ['mm/page', 'mm/swap/slots', 'free_pages_and_swap_cache gives the slots of its pages back'],
] as const

test('inside src/kernel only what the kernel calls back to closes a circle', () => {
  const inside = new Map(
    [...imports]
      .filter(([file]) => folderOf(file) === 'src/kernel')
      .map(([file, targets]) => [file, targets.filter((to) => folderOf(to) === 'src/kernel')]),
  )
  const name = (file: string) =>
    file
      .replace(/^src.kernel./, '')
      .replace(/\.[jt]s$/, '')
      .replaceAll(sep, '/')
  const graph = edges(inside, name)
  for (const [from, to] of CALLS_BACK) {
    expect(graph.get(from)?.has(to), `${from} imports ${to}: the table has a stale row`).toBe(true)
    // Each row is needed: with its import alone put back there is a circle.
    graph.get(from)?.delete(to)
  }
  expect(circleIn(graph)).toBeUndefined()
  for (const [from, to] of CALLS_BACK) {
    graph.get(from)?.set(to, 'put back')
    expect(circleIn(graph), `${from} imports ${to}: closes no circle`).toBeDefined()
    graph.get(from)?.delete(to)
  }
})

test('src/machine is records, and has no procedure', () => {
  for (const file of imports.keys())
    if (folderOf(file) === 'src/machine')
      expect(readFileSync(join(root, file), 'utf8'), file).not.toMatch(/\bprocedure\(/)
})
