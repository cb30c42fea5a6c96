/**
 * Writes the table of the seeds: for each type, function, constant, callback and promise, where it is specified, implemented and
 * checked, and which defect shows that the check is awake.
 *
 * @module
 */
import { type Seed, type SeedItem, seeds } from '../spec/seeds/index.js'

const COLUMNS = ['what', 'name', 'meaning', 'specified', 'implemented', 'checked', 'defects'] as const

/** The page, which is `docs/traceability.md`. */
export function traceabilityPage(): string {
  return [
    '---',
    'title: Traceability',
    '---',
    '',
    '# Traceability',
    '',
    '<!-- Written by docs/build.ts from spec/seeds/: change the rows, then `npm run docs`. -->',
    '',
    'Five documents are where this specification starts: two versions of a header, the removal of an interface, a patch, and a',
    'change to the documentation. Below is every type, field, function, constant, callback and promise in them, and where it',
    'is found here. A row is *specified* by requirements, *implemented* by what the named module exports, *checked* by scenarios',
    'and tests, and the *defects* show that the checks are awake. A test fails if a name in a row does not exist.',
    '',
    ...seeds.flatMap(sectionOf),
  ].join('\n')
}

function sectionOf({ number, title, items }: Seed): string[] {
  return [
    `## Seed ${number}: ${title}`,
    '',
    `| ${COLUMNS.join(' | ')} |`,
    `|${' --- |'.repeat(COLUMNS.length)}`,
    ...items.map(rowOf),
    '',
  ]
}

function rowOf({ kind, name, meaning, specified, implemented, checked, defects }: SeedItem): string {
  const code = (names: readonly string[]) => names.map((of) => `\`${of}\``).join(', ')
  const shown = kind === 'promise' ? name : `\`${name}\``
  const found = [specified, implemented, checked, defects].map(code)
  return `| ${[kind, shown, meaning, ...found].join(' | ')} |`
}
