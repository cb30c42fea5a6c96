/** The page of public bugs is what its rows say, and what it says of defects is what these are held to. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { countOf, historyPage, percentOf, YEARS } from '../../docs/history.js'
import { type HistoricBug, historicBugs, nameOf } from '../../spec/history/index.js'
import { defects } from '../../spec/index.js'

const page = readFileSync(new URL('../../docs/history.md', import.meta.url), 'utf8')
const named = historicBugs.map((bug) => [nameOf(bug), bug] as const)

/** How a source is written: a hash is cut to twelve digits. */
const FORMS: Readonly<Record<keyof HistoricBug['source'], RegExp>> = {
  commit: /^[0-9a-f]{12}$/,
  stable: /^[0-9a-f]{12}$/,
  cve: /^CVE-20\d\d-\d{4,6}$/,
  mail: /^\S+@\S+$/,
  text: /^\S+\.[ch]: \w+ \(Linux .+\)$/,
}

describe('docs/history.md', () => {
  it('is what spec/history says (npm run docs writes it)', () => {
    expect(page).toBe(historyPage())
  })

  it('states the share of protocol bugs that are caught', () => {
    const protocol = historicBugs.filter(({ kind }) => kind === 'protocol')
    const caught = protocol.filter(({ notSaid }) => notSaid === undefined)
    const [, all, those, percent] =
      /Of (\d+) protocol bugs (\d+) are caught with a run: \*\*(\d+) %\*\*/.exec(page) ?? []
    expect([all, those].map(Number)).toEqual([protocol.length, caught.length])
    expect(Number(percent)).toBe(Math.floor((100 * caught.length) / protocol.length))
    expect(percentOf(countOf('protocol'))).toBe(Number(percent))
  })
})

describe('a public bug', () => {
  it('has a row of its own', () => {
    const sources = historicBugs.flatMap(({ source }) => Object.values(source) as string[])
    expect(sources.filter((each, i) => sources.indexOf(each) !== i)).toEqual([])
  })

  it.each(named)('%s can be found', (name, { source, year }) => {
    expect(name).not.toBe('')
    for (const [kind, value] of Object.entries(source))
      expect(value).toMatch(FORMS[kind as keyof HistoricBug['source']])
    expect(year).toBeGreaterThanOrEqual(YEARS.first)
    expect(year).toBeLessThanOrEqual(YEARS.last)
  })

  it.each(named)('%s is told in one sentence', (_, { what }) => {
    expect(what).toMatch(/^[A-Z].*[^.]\.$/)
    expect(what).not.toMatch(/\. [A-Z]/)
    expect(what.length).toBeLessThanOrEqual(150)
  })

  it.each(named)('%s is caught by defects that exist, or says why not', (_, bug) => {
    const { defects: own = [], alike = [], notSaid } = bug
    const names = [...own, ...alike]
    const known = new Set(defects.map(({ name }) => name))
    expect(names.filter((name) => !known.has(name))).toEqual([])
    expect(new Set(names).size).toBe(names.length)
    expect(names.length > 0).toBe(notSaid === undefined)
  })
})
