/** Findings that were confirmed on a kernel have a reproducer in C, and a page that names it. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../cli/project.js'

const root = new URL('../../', import.meta.url)
const folder = fileURLToPath(new URL('suite/kernel/reproducers/', root))
const CONFIRMED = ['H5', 'H17', 'H18', 'H19', 'H23', 'H26', 'H29', 'X70']
const compiler = spawnSync('cc', ['--version']).status === 0

it('there is one for each of these findings, and no other', () => {
  const programs = readdirSync(folder).filter((name) => name.endsWith('.c'))
  expect(programs.sort()).toEqual(CONFIRMED.map((finding) => `${finding.toLowerCase()}.c`).sort())
})

describe.each(CONFIRMED)('%s', (finding) => {
  const name = finding.toLowerCase()

  it('has a page that names the program, and says what a report has to', () => {
    const page = readFileSync(new URL(`docs/findings/${finding}.md`, root), 'utf8')
    expect(page).toContain(`(../../suite/kernel/reproducers/${name}.c)`)
    for (const row of ['Affected releases', 'Configuration', 'Reproducer', 'What is seen', 'What mends it'])
      expect(page).toContain(`\n| ${row} | `)
  })

  it.skipIf(!compiler)('compiles without a warning (skipped where there is no C compiler)', () => {
    const source = join(folder, `${name}.c`)
    const line = `cc -static -O2 -pthread -o ${name} ${name}.c`
    expect(readFileSync(source, 'utf8')).toContain(line)
    const program = join(temporaryDirectory(), name)
    const built = spawnSync('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-pthread', '-o', program, source], {
      encoding: 'utf8',
    })
    expect(built.stderr).toBe('')
    expect(built.status).toBe(0)
  })
})
