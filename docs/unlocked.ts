/**
 * Writes the chapter of the reference on accesses without a common lock, from the accesses of all
 * scenarios and the table of what orders them. Run by `npm run docs`, compiled.
 *
 * @module
 */
import { realpathSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { scenarios } from '../spec/index.js'
import { orders, unlockedFields } from '../spec/unlocked/index.js'
import { againstFields, atomicity, type FieldAccesses, fieldAccesses } from '../src/checker/index.js'

/** Number of states explored in each scenario. They reach nearly all of its steps. */
const STATES = 1500

const INTRODUCTION = `---
title: Accesses without a common lock
---

# Accesses without a common lock

<!-- Written by docs/unlocked.ts from spec/unlocked/ and the accesses of all scenarios: change the table, then \`npm run docs\`. -->

<a id="B.12"></a>

## B.12 What orders them

Source: the functions that each row names; Linux 6.1, later where said. Derived from the code.

Steps of the model run one after another, and each sees all earlier ones (decision 2). The kernel needs barriers for that, or does
not depend on it. This chapter lists every field that two threads access, where at least one access changes it and at least one is
made without the lock that the field declares, with what orders the two accesses in the kernel. A row with \`*\` covers several
drivers. A pair is two steps of different threads, of which one writes: the step without the lock, and the step that it was recorded
against. Most steps occur on *either side*; those of one side only are under *without a lock* and *against*. The pairs were recorded
in the first ${STATES} states of every scenario. The model does not explore reorderings that a missing barrier would permit, and
claims nothing about them.
`

/** The fields that threads access without a common lock, in all scenarios. */
export function unlockedAccesses(): FieldAccesses[] {
  return fieldAccesses(
    scenarios.map((scenario) => atomicity(scenario, { bounds: 'smoke', states: STATES })),
    unlockedFields.map(({ field }) => field),
  )
}

/** The chapter, which is `docs/reference/unlocked-accesses.md`. */
export function unlockedPage(accesses: readonly FieldAccesses[]): string {
  const pairs = accesses.reduce((sum, field) => sum + field.pairs, 0)
  return [
    INTRODUCTION,
    `${accesses.length} fields, ${pairs} pairs.`,
    '',
    ...Object.entries(orders).flatMap(([name, { title, text }]) => [
      `<a id="order-${name}"></a>**${title}.** ${text}`,
      '',
    ]),
    '| field | ordered by | where | why this suffices | pairs |',
    '| --- | --- | --- | --- | --- |',
    ...unlockedFields.map(({ field, by, where, why }) => {
      const fitting = accesses.filter(({ row }) => row === field)
      const count = fitting.reduce((sum, each) => sum + each.pairs, 0)
      const title = orders[by].title.toLowerCase()
      return `| \`${field}\` | [${title}](#order-${by}) | ${where} | ${why} | ${count} |`
    }),
    '',
    '## The accesses',
    '',
    ...unlockedFields.flatMap(({ field }) =>
      accesses.filter(({ row }) => row === field).flatMap((each) => accessesOf(each)),
    ),
  ].join('\n')
}

function accessesOf({ field, unlocked, others, pairs }: FieldAccesses): string[] {
  const lines = (title: string, steps: readonly string[]) =>
    steps.length === 0 ? [] : [`- ${title}: ${steps.join('; ')}.`]
  return [
    `\`${field}\`, ${pairs} pair${pairs === 1 ? '' : 's'}`,
    '',
    ...lines(
      'either side',
      unlocked.filter((step) => others.includes(step)),
    ),
    ...lines(
      'without a lock',
      unlocked.filter((step) => !others.includes(step)),
    ),
    ...lines(
      'against',
      others.filter((step) => !unlocked.includes(step)),
    ),
    '',
  ]
}

/** Writes the chapter, unless a field has no row or a row no field. */
function main(): void {
  const accesses = unlockedAccesses()
  const rows = unlockedFields.map(({ field }) => field)
  const { missing, stale } = againstFields(accesses, rows)
  if (missing.length + stale.length > 0)
    throw new Error(
      `spec/unlocked: no row for ${missing.join(', ') || 'none'}; no field for ${stale.join(', ') || 'none'}`,
    )
  writeFileSync(new URL('../../docs/reference/unlocked-accesses.md', import.meta.url), unlockedPage(accesses))
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) main()
