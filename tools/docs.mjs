// What `npm run docs` does after the build: the chapters that are generated, the API, the site. Seconds of processor time of
// each part are kept in dist/docs/seconds.json, where the system tells them: a test holds the site to its bound.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

const PARTS = {
  chapters: ['dist/docs/build.js', 'dist/docs/unlocked.js', 'dist/docs/generations.js'],
  site: ['node_modules/typedoc/bin/typedoc', 'dist/docs/site.js'],
}

/** Ticks a second of /proc. */
const TICKS = 100

/** Seconds of processor time of the processes that have ended; undefined where nothing says so. */
function seconds() {
  if (!existsSync('/proc/self/stat')) return undefined
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1).split(' ')
  return (Number(fields[13]) + Number(fields[14])) / TICKS
}

const took = {}
for (const [part, programs] of Object.entries(PARTS)) {
  const before = seconds()
  for (const program of programs) {
    const { status } = spawnSync(process.execPath, [program], { cwd: root, stdio: 'inherit' })
    if (status !== 0) process.exit(status ?? 1)
  }
  if (before !== undefined) took[part] = Math.round(10 * (seconds() - before)) / 10
}
writeFileSync(new URL('../dist/docs/seconds.json', import.meta.url), `${JSON.stringify(took)}\n`)
for (const [part, time] of Object.entries(took))
  process.stderr.write(`${part}: ${time} seconds of processor time\n`)
