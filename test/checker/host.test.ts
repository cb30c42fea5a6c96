/** The engine runs wherever JavaScript does: it is bundled for a browser, and run with nothing of Node.js in reach. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { build, type Rolldown } from 'vite'
import { expect, test } from 'vitest'
import { retryProtocol } from '../../spec/mirror/scenarios/retry-protocol.js'
import { check, type Host } from '../../src/checker/index.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const ENTRIES = ['src/world/index.ts', 'src/checker/index.ts', 'spec/index.ts']

/** Every file that `entry` imports, itself included, and every package. */
function reachable(entry: string): { files: ReadonlySet<string>; packages: ReadonlySet<string> } {
  const files = new Set<string>()
  const packages = new Set<string>()
  const queue = [resolve(root, entry)]
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (files.has(file)) continue
    files.add(file)
    const text = readFileSync(file, 'utf8')
    for (const [, specifier] of text.matchAll(
      /^(?:import|export)\s[^'"]*?from\s+'([^']+)'|^import\s+'([^']+)'/gm,
    ))
      if (specifier.startsWith('.')) queue.push(resolve(dirname(file), specifier.replace(/\.js$/, '.ts')))
      else packages.add(specifier)
  }
  return { files, packages }
}

test.each(ENTRIES)('nothing that %s reaches imports Node.js', (entry) => {
  const { files, packages } = reachable(entry)
  expect(files.size).toBeGreaterThan(10)
  expect([...packages].filter((name) => !['acorn', 'xstate', 'fast-check'].includes(name))).toEqual([])
})

test('the bundle checks a scenario without anything of Node.js', { timeout: 60_000 }, async () => {
  const built = (await build({
    root,
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      minify: false,
      lib: { entry: 'test/checker/in-a-browser.ts', formats: ['iife'], name: 'engine' },
      rolldownOptions: { external: [/^node:/] },
    },
  })) as Rolldown.RolldownOutput[]
  const chunks = built.flatMap(({ output }) => output).filter((file) => file.type === 'chunk')
  expect(chunks.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports])).toEqual([])
  // What every browser has, and nothing else.
  const globals = {
    performance,
    MessageChannel,
    AbortController,
    structuredClone,
    setTimeout,
    clearTimeout,
    console,
  }
  const context = createContext({ ...globals })
  const result = await runInContext(`${chunks.map(({ code }) => code).join('\n')}; engine.run()`, context)
  expect(result).toMatchObject({ verdict: 'holds', states: 8816, exhaustive: true })
  expect(runInContext('typeof process + typeof require + typeof setImmediate', context)).toBe(
    'undefinedundefinedundefined',
  )
})

test('time and memory are the host’s', async () => {
  let now = 0
  let pauses = 0
  const host: Host = {
    now: () => {
      now += 30
      return now
    },
    pause: async () => {
      pauses++
    },
    memoryBytes: 1 << 20,
  }
  const limited = await check(retryProtocol, { host })
  expect(limited).toMatchObject({ verdict: 'limit', limit: { kind: 'memory', value: (1 << 20) * 0.75 } })
  const timed = await check(retryProtocol, {
    host: { ...host, memoryBytes: undefined },
    limits: { timeMs: 200 },
  })
  expect(timed).toMatchObject({ verdict: 'limit', limit: { kind: 'time', value: 200 } })
  expect(pauses).toBeGreaterThan(0)
})
