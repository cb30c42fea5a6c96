import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { answerAtOnce } from '../../src/cli/at-once.js'
import { allLists, LISTS } from '../../src/cli/commands/list.js'
import { run, temporaryDirectory, testIo, testProject } from './project.js'

/** A build with the lists of the project of these tests, and a module that was compiled before them. */
function build(): { folder: string; module: string } {
  const folder = temporaryDirectory()
  for (const source of ['models', 'spec', 'src']) mkdirSync(join(folder, source))
  const module = join(folder, 'spec', 'index.js')
  writeFileSync(module, '')
  utimesSync(module, 1, 1)
  writeFileSync(join(folder, 'lists.json'), JSON.stringify(allLists(testProject())))
  return { folder, module }
}

function atOnce(line: string, folder: string) {
  const { io, written } = testIo()
  return { answered: answerAtOnce(line.split(' '), io, folder), ...written() }
}

test.each(LISTS)('list %s is what the whole command line prints', async (what) => {
  const { folder } = build()
  const { out } = await run(`list ${what}`)
  expect(atOnce(`list ${what}`, folder)).toEqual({ answered: true, out, err: '' })
})

test('the version is that of the package', () => {
  const { folder } = build()
  expect(atOnce('--version', folder).out).toMatch(/^\d+\.\d+\.\d+\n$/)
  expect(atOnce('-V', folder)).toEqual(atOnce('--version', folder))
})

test.each([
  'list scenarios --format json',
  'list nothing',
  'list',
  'check',
  'check scenarios',
  '--version list',
])('the whole command line is asked: %s', (line) => {
  expect(atOnce(line, build().folder)).toEqual({ answered: false, out: '', err: '' })
})

test('lists that are older than what they are made of, or are not there, are not printed', () => {
  const { folder, module } = build()
  const later = Date.now() / 1000 + 60
  utimesSync(module, later, later)
  expect(atOnce('list scenarios', folder).answered).toBe(false)
  expect(atOnce('list scenarios', temporaryDirectory()).answered).toBe(false)
})
