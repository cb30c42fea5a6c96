/**
 * The statecharts that pages of drivers show are those of the drivers. `vitest -u` corrects them.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { svmRangeStatechart } from '../../src/driver/tree/index.js'
import { exportStatechart } from '../../src/report/chart/statechart.js'

const charts = [svmRangeStatechart]
const folder = new URL('../../docs/drivers/', import.meta.url)
const BLOCK = /(<!-- The statechart (\S+), written by [^>]*-->\n\n```mermaid\n)(.*?)(```)/gs

const pages = readdirSync(folder)
  .map((name) => ({ name, text: readFileSync(new URL(name, folder), 'utf8') }))
  .filter(({ text }) => text.match(BLOCK))

describe.each(pages)('$name', ({ name, text }) => {
  it('shows the statecharts of its driver', async () => {
    const corrected = text.replace(BLOCK, (_all, before: string, id: string, _shown, after: string) => {
      const chart = charts.find((machine) => machine.id === id)
      if (chart === undefined) throw new Error(`there is no statechart ${id}`)
      return before + exportStatechart(chart, 'mermaid') + after
    })
    await expect(corrected).toMatchFileSnapshot(`../../docs/drivers/${name}`)
  })
})

it('each chart is on a page', () => {
  const shown = pages.flatMap(({ text }) => [...text.matchAll(BLOCK)].map(([, , id]) => id))
  expect(shown.sort()).toEqual(charts.map(({ id }) => id).sort())
})
