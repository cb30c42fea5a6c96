/**
 * The page of the operation language, written from the table that the parser is made from.
 *
 * @module
 */
import {
  ANSWER_FIELDS,
  ARGUMENTS,
  LANGUAGE,
  MOST_PAGES,
  type OperationDefinition,
  usageOf,
  type Work,
} from '../src/conformance/operations.js'

/** What the bytes of a snapshot mean. */
const SNAPSHOT_BYTES: readonly (readonly [byte: string, meaning: string])[] = [
  ['0', 'no valid entry: nothing is mapped, another device has the page, or it is device-exclusive'],
  ['1', 'valid, read-only'],
  ['2', 'valid, writable'],
  ['+4', 'mapped by a PMD: part of a huge page'],
  ['+16', 'the zero page'],
  ['+32', "in the asking device's own private memory"],
  ['255', 'an error: no mapping, or none that permits reading'],
]

/** What the texts for page table entries mean. */
const ENTRIES: readonly (readonly [text: string, meaning: string])[] = [
  ['none', 'no entry'],
  ['present', 'a page of system memory, whatever the permissions'],
  ['dpriv_w, dpriv_r', 'a device-private entry, writable or read-only'],
  ['dexcl_w, dexcl_r', 'a device-exclusive entry, writable or read-only'],
  ['swap:0', 'the page is in swap'],
  ['+zero', 'the zero page'],
  ['+excl', 'the page is mapped once; 6.1 has it on device-private entries too'],
  ['+file', 'the page is not anonymous'],
  ['+thp', 'part of a huge page'],
]

/** The page, which is `docs/operations.md`. */
export function operationsPage(): string {
  const definitions = Object.entries(LANGUAGE) as [Work['name'], OperationDefinition][]
  return [
    '---',
    'title: The operation language',
    '---',
    '',
    '# The operation language',
    '',
    '<!-- Written by docs/build.ts from src/conformance/operations.ts: change the table, then `npm run docs`. -->',
    '',
    'The language of the conformance suite and of the recordings. A sequence is a list of operations. It begins with',
    'a fresh process, both device files open, and nothing mapped. Each operation runs to its end before the next',
    `begins. Pages are counted from the first page of a window of ${MOST_PAGES} pages. The value of a page is its`,
    'first 64-bit word.',
    '',
    'An operation is a text: its name and its arguments, with one space between. `c:` before it means that the child',
    'of the latest `fork` performs it: `c:cpu_read 0`.',
    '',
    '## Arguments',
    '',
    ...table(
      ['argument', 'meaning', 'range'],
      Object.values(ARGUMENTS).map(({ placeholder, meaning, range }) => [code(placeholder), meaning, range]),
    ),
    '',
    '## Answers',
    '',
    'An answer is a JSON object. Numbers above 2^53 - 1 are written as texts of their digits. A field that an operation',
    'does not have is left out; of an answer with an error only `rc` and `err` are there, or `rc`, `sig` and `code`.',
    '',
    ...table(
      ['field', 'meaning'],
      Object.entries(ANSWER_FIELDS).map(([field, meaning]) => [code(field), meaning]),
    ),
    '',
    '### Snapshot bytes',
    '',
    ...table(
      ['byte', 'meaning'],
      SNAPSHOT_BYTES.map(([byte, meaning]) => [byte, meaning]),
    ),
    '',
    '### Page table entries',
    '',
    ...table(
      ['text', 'meaning'],
      ENTRIES.map(([text, meaning]) => [text.split(', ').map(code).join(', '), meaning]),
    ),
    '',
    '## Operations',
    '',
    ...definitions.flatMap(([name, definition]) => [...sectionOf(name, definition), '']),
  ].join('\n')
}

function sectionOf(name: Work['name'], definition: OperationDefinition): string[] {
  const { summary, by, answers, errors } = definition
  const usage = by.includes('parent') ? usageOf(name) : `c:${usageOf(name)}`
  const whose = by.length > 1 ? [] : [`Only the ${by[0]} performs it.`, '']
  const listed = Object.entries(errors)
  return [
    `### ${name}`,
    '',
    '```text',
    usage,
    '```',
    '',
    summary,
    '',
    ...whose,
    `Answers \`rc\`${answers.map((field) => `, ${code(field)}`).join('')}.`,
    ...(listed.length === 0
      ? []
      : [
          '',
          ...table(
            ['error', 'when'],
            listed.map(([error, when]) => [code(error), when]),
          ),
        ]),
  ]
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)]
}

function code(text: string): string {
  return `\`${text}\``
}
