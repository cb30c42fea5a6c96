import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { statecharts } from '../../models/index.js'
import { defects, requirements, scenarios, scenariosFor } from '../../spec/index.js'
import { referenceProject } from '../../src/cli/reference.js'
import { referenceDriver } from '../../src/driver/index.js'
import { run, temporaryDirectory } from '../cli/project.js'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')

const pages = [
  'README.md',
  ...readdirSync(new URL('docs', root))
    .filter((name) => /^writing-.*\.md$/.test(name))
    .map((name) => `docs/${name}`),
]

/** The fenced blocks of `language`, without the indentation of the list that they may be in. */
function blocks(page: string, language: string): string[] {
  const found = [...read(page).matchAll(new RegExp(`^( *)\`\`\`${language}\\n(.*?)^ *\`\`\``, 'gms'))]
  return found.map(([, indent, text]) => text.replace(new RegExp(`^${indent}`, 'gm'), ''))
}

/** Every file of the examples: they are compiled, and their tests run. */
const examples = readdirSync(new URL('examples', root), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => read(`examples/${name}`))

describe.each(pages)('%s', (page) => {
  test.each(blocks(page, 'ts'))('shows code of the examples, letter by letter: %s', (block) => {
    expect(examples.some((file) => file.includes(block.trimEnd()))).toBe(true)
  })

  test.each(commands(page))('%s is a command, with these options', async (line) => {
    const [name, ...words] = line.replace(/^help /, '').split(' ')
    const { out, code } = await run(`help ${name}`)
    expect(out).toContain(`Usage: hmm-spec ${name}`)
    expect(code).toBe(0)
    for (const option of words.filter((word) => word.startsWith('--')))
      expect(out).toMatch(new RegExp(`${option}(?: <|\\s{2,})`))
  })

  test('names files that are there', () => {
    const named = [...read(page).matchAll(/`((?:examples|docs|spec|src|models|bench|test)\/[\w./-]*)`/g)]
    const files = named.map(([, path]) => path).filter((path) => path !== 'docs/site')
    for (const path of files) expect(() => readdirOrFile(path), path).not.toThrow()
  })
})

function readdirOrFile(path: string): unknown {
  return path.endsWith('/') || !/\.\w+$/.test(path) ? readdirSync(new URL(path, root)) : read(path)
}

/** What the page's shell blocks and its text say to type after `hmm-spec`. */
function commands(page: string): string[] {
  const typed = [
    ...blocks(page, 'sh')
      .join('')
      .matchAll(/^npx hmm-spec (.*)$/gm),
  ]
  const mentioned = [...read(page).matchAll(/`(?:npx )?hmm-spec\s+([a-z][^`]*)`/g)]
  return [...typed, ...mentioned].map(([, line]) => line.replace(/\s+/g, ' '))
}

test('the scripts that the README names are there', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  for (const [, name] of read('README.md').matchAll(/npm run ([\w-]+)/g)) expect(scripts).toHaveProperty(name)
})

/** Sequences of the recordings that the README compares. */
function recordedSequences(): number {
  const files = [...read('README.md').matchAll(/^npx hmm-spec conform (\S+)/gm)].map(([, file]) => file)
  return files
    .map(
      (file) =>
        gunzipSync(readFileSync(new URL(file, root)))
          .toString()
          .trim()
          .split('\n').length,
    )
    .reduce((sum, lines) => sum + lines, 0)
}

/** Findings whose status says that a running kernel has shown them. */
function confirmedFindings(): number {
  return readdirSync(new URL('docs/findings', root)).filter((name) =>
    /^\*\*Status\.\*\*[\s\S]*?onfirmed on (a )?running kernels?/m.test(
      read(`docs/findings/${name}`).split('\n\n')[1] ?? '',
    ),
  ).length
}

test('the README counts as the tool does; `vitest -u` corrects it', async () => {
  const counts: readonly [words: RegExp, count: number][] = [
    [/\d+(?= numbered clauses)/, requirements.length],
    [/\d+(?= bounded worlds)/, scenarios.length],
    [/\d+(?= of them take any driver)/, scenariosFor(referenceDriver).length],
    [/\d+(?= known bugs)/, defects.length],
    [/\d+(?= lifecycles)/, Object.keys(statecharts).length],
    [/[\d,]+(?= sequences of\soperations)/, recordedSequences()],
    [/\d+(?= are confirmed\son running kernels)/, confirmedFindings()],
  ]
  let readme = read('README.md')
  for (const [words, count] of counts) {
    expect(readme).toMatch(words)
    readme = readme.replace(words, count.toLocaleString('en'))
  }
  await expect(readme).toMatchFileSnapshot('../../README.md')
})

/** A command of a page, and what the page says that it prints: parts, with others between that are left out. */
function shownRuns(page: string): readonly (readonly [command: string, parts: readonly string[]])[] {
  return [...read(page).matchAll(/^```sh\nnpx hmm-spec ([^\n]*)\n```\n\n```text\n(.*?)\n```$/gms)].map(
    ([, command, text]) => [command, text.split(/\n?^…\n?/m)],
  )
}

/** Runs a command as it runs in a project that `hmm-spec init` has made, with the examples beside its driver. */
async function runInProject(command: string): Promise<string> {
  const folder = temporaryDirectory()
  const here = command
    .replace(/(--driver )(\S+)/, (_, option, file) => `${option}examples/my-driver/${file}`)
    .replace(/^init /, `init ${folder}/`)
  const { out } = await run(here, referenceProject())
  return out
    .replaceAll(`${folder}/`, '')
    .replaceAll('examples/my-driver/', '')
    .replaceAll('docs/', 'node_modules/hmm-spec/docs/')
}

const tutorial = shownRuns('docs/writing-a-driver.md')

test('the tutorial shows what most of its commands print', () => {
  expect(tutorial.length).toBeGreaterThanOrEqual(9)
})

test.each(tutorial)('%s prints what the tutorial shows', { timeout: 120_000 }, async (command, parts) => {
  let rest = await runInProject(command)
  for (const part of parts) {
    expect(rest).toContain(part)
    rest = rest.slice(rest.indexOf(part) + part.length)
  }
})

test('the run that the README shows is what the tool prints', async () => {
  const [command] = blocks('README.md', 'sh')
  const line = command
    .trim()
    .replace('npx hmm-spec ', '')
    .replace(/dist\/(\S+)\.js/, (_, path) => fileURLToPath(new URL(`${path}.ts`, root)))
  const { out, code } = await run(line, referenceProject())
  expect(code).toBe(1)
  let rest = out
  for (const shown of blocks('README.md', 'text')[0].split(/\n?…\n/)) {
    expect(rest).toContain(shown.trimEnd())
    rest = rest.slice(rest.indexOf(shown.trimEnd()) + shown.trimEnd().length)
  }
})
