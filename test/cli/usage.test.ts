import { expect, test } from 'vitest'
import { retryProtocol } from '../../spec/mirror/scenarios/retry-protocol.js'
import { nearest } from '../../src/cli/arguments/usage.js'
import { charted, run, testProject, transcript } from './project.js'

test('help and version', async () => {
  await expect(await transcript('--help')).toMatchFileSnapshot('transcripts/help.txt')
  await expect(await transcript('help check')).toMatchFileSnapshot('transcripts/help-check.txt')
  expect(await run('--version')).toEqual({ code: 0, out: '1.2.3\n', err: '' })
  expect((await run('check --help')).code).toBe(0)
})

test('no command is wrong usage', async () => {
  expect(await run('')).toMatchObject({ code: 2, out: '' })
})

const wrong: readonly [line: string, message: RegExp][] = [
  ['chek', /unknown command 'chek'\n\(Did you mean check\?\)/],
  [
    'check retry-protcol',
    /there is no scenario "retry-protcol"; did you mean retry-protocol\?; to list them: hmm-spec list scenarios/,
  ],
  ['check xyzzy', /there is no scenario "xyzzy"; to list them: hmm-spec list scenarios/],
  ['check --bound smoke', /unknown option '--bound'\n\(Did you mean --bounds\?\)\n.*hmm-spec help check/],
  ['check --bounds huge', /'huge' is invalid\. Allowed choices are smoke, default, deep/],
  ['check --format xml', /'xml' is invalid\. Allowed choices are text, json, junit/],
  ['check --set pages', /write NAME=VALUE/],
  ['check --set pages=two', /write NAME=VALUE, with a whole number as VALUE/],
  ['check --set pages=1 --set pages=2', /pages is set twice, to 1 and to 2/],
  ['check --set pages=4', /pages of scenario retry-protocol \(pages of the range\) is 1 to 3, not 4/],
  ['check --set pages=-1', /is 1 to 3, not -1/],
  [
    'check retry-protocol --set page=1',
    /scenario retry-protocol has no parameter "page"; did you mean pages\?; its parameters are pages \(1\.\.3\), invalidations \(0\.\.8\), commits \(0\.\.4\)/,
  ],
  [
    'check --set page=1',
    /no scenario has a parameter "page"; did you mean pages\?; there are: commits, invalidations, pages/,
  ],
  ['check --set __proto__=1', /no scenario has a parameter "__proto__"/],
  ['check --set constructor=1', /no scenario has a parameter "constructor"/],
  ['check --time-limit soon', /a time is a number with ms, s, m or h/],
  ['check --time-limit 0', /it must be more than 0/],
  ['check --time-limit -5', /a time is a number/],
  ['check --memory-limit 5parsecs', /a size is a number with KB, MB, GB/],
  ['check --state-limit 1.5', /whole number/],
  ['check --output', /argument missing/],
  ['list', /missing required argument 'what'/],
  ['list scenaros', /did you mean scenarios\? There are: scenarios, requirements, defects, statecharts/],
  ['explain', /missing required argument 'name'/],
  ['explain C2', /there is no requirement, defect, scenario, statechart or procedure "C2"; did you mean C1/],
  ['defects M2', /there is no defect "M2"; did you mean M1\?; to list them: hmm-spec list defects/],
  ['replay /nowhere/trace.json', /\/nowhere\/trace\.json cannot be read \(ENOENT\)/],
  ['conform /nowhere/file.jsonl', /\/nowhere\/file\.jsonl cannot be read \(ENOENT\)/],
  ['conform / --kernel 6.1', /\/ is a directory/],
  ['conform x --kernel 5.0', /'5\.0' is invalid\. Allowed choices are 6\.1, 6\.12/],
  [
    'export lampp --to dot',
    /there is no statechart "lampp"; did you mean lamp\?; to list them: hmm-spec list statecharts/,
  ],
  ['export lamp', /required option '--to <format>' not specified/],
  ['export lamp --to png', /Allowed choices are mermaid, dot, rv, json/],
]

test.each(wrong)('hmm-spec %s', async (line, message) => {
  const { code, out, err } = await run(line)
  expect(err).toMatch(message)
  expect(err).not.toMatch(/\n {4}at /)
  expect({ code, out }).toEqual({ code: 2, out: '' })
})

test('a parameter that one of the named scenarios does not have is an error', async () => {
  const project = testProject({ scenarios: [retryProtocol, charted] })
  const { code, err } = await run('check retry-protocol charted --set pages=1', project)
  expect(code).toBe(2)
  expect(err).toContain('scenario charted has no parameter "pages"; it has none')
})

test('nearest names', () => {
  expect(nearest('hmm-rnage', ['hmm-range', 'fork', 'exit'])).toEqual(['hmm-range'])
  expect(nearest('fork', ['parent-fork', 'exit'])).toEqual(['parent-fork'])
  expect(nearest('zzz', ['hmm-range', 'fork'])).toEqual([])
})
