/**
 * Writes the suite for use without Node: one file a profile, whose lines need nothing else to be understood.
 *
 * @module
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from '../../../host/folder.js'
import { ANSWER_FIELDS, ARGUMENTS, LANGUAGE } from '../../operations.js'
import { allowedBy, STEPS_FILE, type Suite } from '../data.js'

/**
 * Writes `manifest.json`, `operations.json`, `steps.txt` and `PROFILE.jsonl` for each profile.
 *
 * @param directory - is made if it is not there
 * @returns the paths of what was written
 */
export function exportSuite(suite: Suite, directory: string): string[] {
  makeFolder(directory)
  const operations = Object.fromEntries(
    Object.entries(LANGUAGE).map(([name, { shape: _, answeredFor: _for, ...definition }]) => [
      name,
      definition,
    ]),
  )
  const files: [name: string, text: string][] = [
    ['manifest.json', `${JSON.stringify(suite.manifest, null, 2)}\n`],
    [
      'operations.json',
      `${JSON.stringify({ arguments: ARGUMENTS, answers: ANSWER_FIELDS, operations }, null, 2)}\n`,
    ],
    [STEPS_FILE, suite.steps.map((step) => `${step}\n`).join('')],
    ...Object.keys(suite.manifest.profiles).map((profile): [string, string] => [
      `${profile}.jsonl`,
      suite.sequences
        .flatMap((sequence) => {
          const allowed = allowedBy(sequence, profile)
          const { seq, title, exercises, ops } = sequence
          return allowed === undefined ? [] : [`${JSON.stringify({ seq, title, exercises, ops, allowed })}\n`]
        })
        .join(''),
    ]),
  ]
  return files.map(([name, text]) => {
    const path = join(directory, name)
    writeFileSync(path, text)
    return path
  })
}
