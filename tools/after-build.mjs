// What a build needs beside what the compiler writes: an executable command, the commit it was built from, and the lists
// that the command line prints without loading the specification.
import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = new URL('../dist/', import.meta.url)

chmodSync(new URL('src/cli/main.js', dist), 0o755)

// A tree with changes that are not committed is told apart: reports name what they were made with.
const { status, stdout } = spawnSync(
  'git',
  ['describe', '--always', '--dirty', '--abbrev=40', '--exclude=*'],
  { cwd: root, encoding: 'utf8' },
)
const commit = status === 0 ? stdout.trim() : null
writeFileSync(new URL('build.json', dist), `${JSON.stringify({ commit })}\n`)

const { allLists } = await import(new URL('src/cli/commands/list.js', dist))
const { referenceProject } = await import(new URL('src/cli/reference.js', dist))
writeFileSync(new URL('lists.json', dist), JSON.stringify(allLists(referenceProject())))
