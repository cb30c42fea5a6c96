/**
 * The interleavings that pages of findings and of drivers show are those that the checker finds. `vitest -u` corrects them.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Defect, defects, scenarios } from '../../spec/index.js'
import { survey, type TraceStep } from '../../src/checker/index.js'
import type { Scenario } from '../../src/world/index.js'

const docs = new URL('../../docs/', import.meta.url)
const BLOCK = /(<!-- The shortest run of (\S+) to (\S+), written by [^>]*-->\n\n```text\n)(.*?)(```)/gs

const pages = ['findings', 'drivers']
  .flatMap((folder) => readdirSync(new URL(folder, docs)).map((name) => `${folder}/${name}`))
  .map((name) => ({ name, text: readFileSync(new URL(name, docs), 'utf8') }))
  .filter(({ text }) => text.match(BLOCK))

function named<T extends { readonly name: string }>(all: readonly T[], name: string): T {
  const found = all.find((one) => one.name === name)
  if (found === undefined) throw new Error(`there is no ${name}`)
  return found
}

/** The shortest run with `defect` that breaks `clause`, whatever has broken before; and what is seen at its end. */
function shortestRun(
  defect: string,
  clause: string,
): { readonly run: readonly TraceStep[]; readonly detail: string } {
  const injected = named<Defect>(defects, defect)
  const scenario = named<Scenario>(scenarios, injected.scenario)
  const { breaches } = survey(scenario, { bounds: 'smoke', set: injected.set ?? {}, defects: [injected] })
  const found = breaches.find((breach) => breach.clause === clause)
  if (found === undefined) throw new Error(`${defect} does not break ${clause}`)
  return { run: found.run().steps, detail: found.detail }
}

function written(defect: string, clause: string): string {
  const { run, detail } = shortestRun(defect, clause)
  const width = Math.max(...run.map(({ name }) => name.length))
  const steps = run.map(
    ({ name, procedure, step }, i) =>
      `${String(i + 1).padStart(2)}  ${name.padEnd(width)}  ${procedure}: ${step}\n`,
  )
  return `${steps.join('')}    ${clause}: ${detail}\n`
}

describe.each(pages)('$name', ({ name, text }) => {
  it('shows the runs that the checker finds', async () => {
    const corrected = text.replace(
      BLOCK,
      (_all, before: string, defect: string, clause: string, _shown, after: string) =>
        before + written(defect, clause) + after,
    )
    await expect(corrected).toMatchFileSnapshot(`../../docs/${name}`)
  })
})

it('there are such pages', () => {
  expect(pages.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'findings/H16.md',
      'findings/H17.md',
      'findings/H18.md',
      'findings/H19.md',
      'drivers/rxe.md',
    ]),
  )
})
