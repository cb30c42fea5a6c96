/**
 * Writes suite/schedules anew: `npm run schedules`.
 *
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { SCHEDULED, scheduledFinding } from './build.js'

const folder = fileURLToPath(new URL('../../../../suite/schedules/', import.meta.url))
const { version } = JSON.parse(
  readFileSync(fileURLToPath(new URL('../../../../package.json', import.meta.url)), 'utf8'),
)
mkdirSync(folder, { recursive: true })
for (const finding of SCHEDULED) {
  const { json, text } = scheduledFinding(finding, version)
  writeFileSync(`${folder}${finding.name}.json`, json)
  writeFileSync(`${folder}${finding.name}.txt`, text)
}
