/**
 * Projects of drivers, made of texts, and what the command says of them.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'

const command = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))

/** Files of a project, by name. */
export interface Files {
  readonly [file: string]: string
}

/** What `check` has said. */
export interface Answer {
  readonly code: number | null
  /** With one blank between words. */
  readonly out: string
}

/** Checks one driver of a project, at its smallest bounds. */
export type Check = (files: Files, driver?: string, scenarios?: readonly string[]) => Answer

/**
 * A check of projects in a folder of their own, which is removed in the end.
 *
 * @param name - of the folder
 * @param common - files that each of the projects has
 */
export function checkOf(name: string, common: Files): Check {
  const folder = fileURLToPath(new URL(`../fixtures/cases/${name}`, import.meta.url))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  let projects = 0
  return (files, driver = 'driver.js', scenarios = ['munmap']) => {
    const project = join(folder, String(projects++))
    for (const [file, text] of Object.entries({ ...common, ...files })) {
      const path = join(project, file)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
    }
    const args = ['--driver', join(project, driver), '--bounds', 'smoke', '--workers', '1']
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [command, 'check', ...scenarios, ...args],
      {
        encoding: 'utf8',
      },
    )
    return { code: status, out: `${stdout}${stderr}`.replaceAll(/\s+/g, ' ') }
  }
}
