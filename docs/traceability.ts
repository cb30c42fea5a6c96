/**
 * Writes the table of the seeds: for each type, function, constant, callback and promise, where it is specified, implemented
 * and checked, and the defects that show that the check is effective.
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
    'This specification starts from five documents: two versions of a header, the removal of an interface, a patch, and a',
    'change to the documentation. The tables list every type, field, function, constant, callback and promise in them, with',
    'its place here. A row is *specified* by requirements, *implemented* by the exports of a module, and *checked* by scenarios',
    'and tests; the *defects* show that the checks are effective. A test fails if a name in a row does not exist.',
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
