/**
 * `reference B.3.1` in a comment, a requirement or a defect names a fact of docs/reference: every citation resolves to an
 * anchor there, every chapter is in the index, and every section names its source.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')

const chapters = readdirSync(new URL('docs/reference/', root))
  .filter((name) => name.endsWith('.md'))
  .map((name) => ({ name, text: read(`docs/reference/${name}`) }))
const index = chapters.find(({ name }) => name === 'README.md')!.text

/** Which chapter has the anchor. A chapter that has one twice, or two chapters that have it, are found by the first test. */
const anchors = chapters.flatMap(({ name, text }) =>
  [...text.matchAll(/<a id="([^"]+)"><\/a>/g)].map(([, id]) => ({ id, name })),
)
const known = new Set(anchors.map(({ id }) => id))

/** The files of `folder` that may cite. */
function filesOf(folder: string, ending: RegExp): string[] {
  return readdirSync(new URL(`${folder}/`, root), { recursive: true, encoding: 'utf8' })
    .filter((name) => ending.test(name) && !/(^|\/)(node_modules|site|fixtures)\//.test(name))
    .map((name) => `${folder}/${name}`)
}

const citing = [
  ...['src', 'spec', 'models', 'test', 'examples', 'bench'].flatMap((folder) =>
    filesOf(folder, /\.[mc]?ts$/),
  ),
  ...filesOf('docs', /\.(md|ts)$/),
  'README.md',
].filter((path) => path !== 'test/docs/reference.test.ts')

interface Citation {
  readonly at: string
  readonly text: string
}

/** Every citation in `text`: from the word `reference` to the end of the sentence, string or line. */
function citationsIn(path: string, text: string): Citation[] {
  return text.split('\n').flatMap((line, i) =>
    [...line.matchAll(/\breference,?(?: sections?)? ((?:[A-G]\.|[CDH](?=\d))\d[^'"`]*)/g)].map(
      ([, cited]) => ({
        at: `${path}:${i + 1}`,
        text: cited.replace(/\*\/.*/, ''),
      }),
    ),
  )
}

/**
 * The facts that `text` cites and that are not there. A label after a section is a step of that section, if it has one of that
 * name: `B.1 S3`, `B.5 steps 3 and 7`.
 */
function unresolved(text: string): string[] {
  const missing: string[] = []
  let section = ''
  const LABELS =
    /\b([A-G]\.\d+(?:\.\d+)*)|\b([A-Z]\d+[ab]?)(?:\(([ab])\))?|\b(?:steps?|notes?) \(?(\d+|[a-e])\b\)?(?: (?:and|to) (\d+|[a-e])\b)?/g
  for (const [, id, label, part = '', from, to] of text.matchAll(LABELS)) {
    if (id !== undefined) {
      section = id
      if (!known.has(id)) missing.push(id)
    } else if (label !== undefined) {
      if (!known.has(`${section}.${label}`) && !known.has(label + part))
        missing.push(`${section} ${label}${part}`)
    } else {
      for (const step of [from, to]) {
        if (step !== undefined && !known.has(`${section}.${step}`)) missing.push(`${section} step ${step}`)
      }
    }
  }
  return missing
}

describe('docs/reference', () => {
  it('has each anchor once', () => {
    const twice = anchors.filter(({ id }, i) => anchors.findIndex((one) => one.id === id) !== i)
    expect(twice).toEqual([])
  })

  it('is cited by more than a few files, and every citation resolves', () => {
    const citations = citing.flatMap((path) => citationsIn(path, read(path)))
    expect(citations.length).toBeGreaterThan(300)
    const broken = citations
      .map(({ at, text }) => ({ at, missing: unresolved(text) }))
      .filter(({ missing }) => missing.length > 0)
    expect(broken).toEqual([])
  })

  it('and the other documents are there where a comment names one', () => {
    const missing = citing.flatMap((path) =>
      [...read(path).matchAll(/@see (docs\/[\w./-]+\.md)(?:#([\w.-]+))?/g)]
        .filter(([, document, id]) => {
          const text = existsSync(new URL(document, root)) ? read(document) : undefined
          return text === undefined || (id !== undefined && !fragmentsOf(text).includes(id))
        })
        .map(([all]) => `${path}: ${all}`),
    )
    expect(missing).toEqual([])
  })

  it('is refused a number that it does not have', () => {
    expect(unresolved('B.3.2')).toEqual(['B.3.2'])
    expect(unresolved('C8, B.1 S9')).toEqual(['B.1 S9'])
    expect(unresolved('B.5 steps 3 and 9, C99')).toEqual(['B.5 step 9', 'B.5 C99'])
    expect(unresolved('C14, B.1 S3, N2, R1 to R3, B.4 D1 and D2; D21(a), B.3.1 note (b)')).toEqual([])
  })

  it('has every chapter and every section in its index', () => {
    const linked = [...index.matchAll(/\[([^\]]*)\]\(([\w.-]+\.md)(?:#([\w-]+))?\)/g)]
    const sections = anchors.filter(({ id }) => /^[A-G](\.\d+(\.\d+)?)?$/.test(id) && !/^B\.5\.\d$/.test(id))
    const listed = (id: string, chapter: string) =>
      linked.some(([, text, file]) => text === id && file === chapter)
    expect(sections.filter(({ id, name }) => !listed(id, name))).toEqual([])
    const files = linked.map(([, , file]) => file)
    expect(
      chapters.map(({ name }) => name).filter((name) => name !== 'README.md' && !files.includes(name)),
    ).toEqual([])
    for (const [, text, file, slug = ''] of linked) {
      const heading = text.replaceAll('.', '').toLowerCase()
      if (slug !== '') expect(slug.startsWith(`${heading}-`), `${text}: ${file}#${slug}`).toBe(true)
    }
  })

  it('has in its index the chapter of each numbered fact', () => {
    const chapterOf = (letter: string) =>
      index.match(
        new RegExp(`\\| [^|]*\\b${letter}1 to ${letter}(\\d+) \\| \\[[^\\]]*\\]\\(([\\w-]+\\.md)\\)`),
      )
    for (const [letter, prefix] of [
      ['C', ''],
      ['D', ''],
      ['H', ''],
      ['M', 'G.3.'],
    ]) {
      const numbered = anchors.filter(({ id }) => id.match(`^${prefix}${letter}\\d+[ab]?$`))
      const [, last, chapter] = chapterOf(letter) ?? []
      expect(numbered.map(({ name }) => name).filter((name) => name !== chapter)).toEqual([])
      expect(Math.max(...numbered.map(({ id }) => Number.parseInt(id.slice(prefix.length + 1), 10)))).toBe(
        Number(last),
      )
    }
  })

  it.each(chapters)('$name: its links lead to files, headings and anchors that exist', ({ name, text }) => {
    for (const [, path, id] of text.matchAll(/\]\(([^)#:]*)(?:#([^)]+))?\)/g)) {
      const target = path === '' ? text : read(`docs/reference/${path}`)
      if (id !== undefined) expect(fragmentsOf(target), `${name}: ${path}#${id}`).toContain(id)
    }
  })
})

/** What a link into `text` may name: its anchors, and its headings as GitHub and typedoc write them. */
function fragmentsOf(text: string): string[] {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
  return [...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id)]
}

describe.each(chapters.filter(({ name }) => name !== 'README.md'))('docs/reference/$name', ({ text }) => {
  it('names a source for each section, and for each promise', () => {
    const sections = text.split(/^(?=<a id="[A-G](?:\.\d+)*"><\/a>\n)/m).slice(1)
    const silent = sections.filter((section) => !/^(Source: |\| \| promise \| source \|)/m.test(section))
    expect(silent.map((section) => section.slice(0, 60))).toEqual([])
    const promises = [...text.matchAll(/^\| <a id="(C\d+)"><\/a>.*\| ([^|]*) \|$/gm)]
    expect(promises.filter(([, , source]) => !/\S/.test(source)).map(([, id]) => id)).toEqual([])
  })
})
