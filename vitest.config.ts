import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const { exports } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as {
  exports: Record<string, { default: string }>
}

/** What the package exports, from its sources: examples import it by its name, and need no build to be tested. */
const sources = Object.entries(exports).map(([path, { default: built }]) => ({
  find: new RegExp(`^hmm-spec/${path.slice(2)}$`),
  replacement: fileURLToPath(
    new URL(built.replace(/^\.\/dist\//, './').replace(/\.js$/, '.ts'), import.meta.url),
  ),
}))

export default defineConfig({
  resolve: { alias: sources },
  test: {
    // One process a core: left to itself, a run keeps one core free, which on two cores doubles its time.
    maxWorkers: '100%',
    include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
    setupFiles: ['test/setup/sample.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
