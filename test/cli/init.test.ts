/** Where a project that `init` writes gets the package from. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sourceOf } from '../../src/cli/commands/init.js'
import { temporaryDirectory } from './project.js'

/** A project in which npm has installed the package, and noted that it came from `resolved`: the package's folder. */
function installedFrom(resolved: string | undefined): { readonly project: string; readonly from: string } {
  const project = temporaryDirectory()
  const from = join(project, 'node_modules', 'hmm-spec')
  mkdirSync(from, { recursive: true })
  if (resolved !== undefined)
    writeFileSync(
      join(project, 'node_modules', '.package-lock.json'),
      JSON.stringify({ packages: { 'node_modules/hmm-spec': { resolved } } }),
    )
  return { project, from }
}

test('the tarball that it was installed from', () => {
  const { project, from } = installedFrom('file:packed/hmm-spec-0.1.0.tgz')
  mkdirSync(join(project, 'packed'))
  writeFileSync(join(project, 'packed', 'hmm-spec-0.1.0.tgz'), '')
  expect(sourceOf(from, join(project, 'mine'), '0.1.0')).toBe('file:../packed/hmm-spec-0.1.0.tgz')
})

test.each([
  ['a tarball that is gone', 'file:packed/hmm-spec-0.1.0.tgz'],
  ['no note of npm', undefined],
])('the folder that it is in: %s', (_, resolved) => {
  const { project, from } = installedFrom(resolved)
  expect(sourceOf(from, join(project, 'mine'), '0.1.0')).toBe('file:../node_modules/hmm-spec')
})

test('the registry, where npm got it there', () => {
  const { project, from } = installedFrom('https://registry.example/hmm-spec/-/hmm-spec-0.1.0.tgz')
  expect(sourceOf(from, join(project, 'mine'), '0.1.0')).toBe('^0.1.0')
})

test('a folder that is not installed', () => {
  expect(sourceOf('/home/me/hmm-spec', '/home/me/mine', '0.1.0')).toBe('file:../hmm-spec')
})
