/**
 * Which mutants are run.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import type { Mutant } from '../mutant.js'
import { shuffled } from './shuffled.js'
import { SubjectError } from './subject.js'

/** What is asked for; what is left out leaves nothing out. */
export interface Wanted {
  /** A file or a folder, from the root of the project. */
  readonly target?: string | undefined
  /** Only functions that have changed since this commit. */
  readonly since?: string | undefined
  /** How many, at most. */
  readonly sample?: number | undefined
  /** Which of them: another seed, another sample. */
  readonly seed?: number | undefined
}

/**
 * The mutants that are asked for.
 *
 * @throws SubjectError if there is no such file or commit
 */
export function select(root: string, mutants: readonly Mutant[], wanted: Wanted): readonly Mutant[] {
  let chosen = mutants
  const { target, since, sample, seed = 1 } = wanted
  if (target !== undefined) {
    const path = target.replace(/^\.\//, '').replace(/\/+$/, '')
    chosen = chosen.filter(({ file }) => file === path || file.startsWith(`${path}/`))
    if (chosen.length === 0) throw new SubjectError(`--target ${target}: nothing of it is mutated`)
  }
  if (since !== undefined) {
    const changed = changedLines(root, since)
    chosen = chosen.filter(({ file, scope }) =>
      changed.get(file)?.some(({ first, last }) => first <= scope.last && scope.first <= last),
    )
  }
  if (sample === undefined || sample >= chosen.length) return chosen
  const kept = new Set(shuffled(chosen, seed).slice(0, sample))
  return chosen.filter((mutant) => kept.has(mutant))
}

/** The lines of each file that are not as they were at `ref`. */
function changedLines(root: string, ref: string): Map<string, { first: number; last: number }[]> {
  const { status, stdout, stderr } = spawnSync(
    'git',
    ['diff', '--unified=0', '--no-color', '--no-ext-diff', '--relative', ref, '--', 'src'],
    { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28 },
  )
  if (status !== 0)
    throw new SubjectError(`--since ${ref}: ${stderr.trim().split('\n', 1)[0] || 'git does not run'}`)
  const changed = new Map<string, { first: number; last: number }[]>()
  let lines: { first: number; last: number }[] = []
  for (const line of stdout.split('\n')) {
    const file = /^\+\+\+ b\/(.*)$/.exec(line)
    if (file !== null) {
      lines = []
      changed.set(file[1], lines)
    }
    const hunk = /^@@ -\S+ \+(\d+)(?:,(\d+))? @@/.exec(line)
    if (hunk === null) continue
    const first = Number(hunk[1])
    // Where lines were only removed, the function around the place has changed.
    lines.push({ first, last: first + Math.max(1, Number(hunk[2] ?? 1)) - 1 })
  }
  return changed
}
