// npm runs this after `npm ci`, before it packs, and each time that `npx hmm-spec` is called in a clone.
//
// `npx` must not touch a build that is there: checks and compiled drivers of users live in dist. A build
// never deletes what it did not write, so that a driver which somebody compiled into dist stays.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

if (process.env.npm_command !== 'exec' || !existsSync(new URL('../dist/src/cli/main.js', import.meta.url))) {
  const built = spawnSync('npm', ['run', '--silent', 'build'], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  process.exitCode = built.status ?? 1
}
