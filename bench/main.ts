/**
 * How fast the checker is: against SPIN on the protocol that there is a model of for both, and on the real scenarios.
 */
import { parseArgs } from 'node:util'
import type { Against } from '../src/publish/bench.js'
import { writeBounds } from './bounds.js'
import { writeDigests } from './digests.js'
import { compareExported } from './exported.js'
import { writeReport } from './report.js'
import { timeScenarios } from './scenarios.js'
import { compareWithSpin, LARGE, SMALL } from './spin.js'

const USAGE = `npm run bench -- [options]
  --pairs N         runs of each checker, in turns (default 5; with --quick 1)
  --quick           a small protocol, and smoke bounds only
  --scenario NAME   only this scenario (may be given several times), and not SPIN
  --write-bounds    write docs/bounds.md, or its rows of the scenarios named, and nothing else: minutes for all of it
  --write-digests   write test/fixtures/digests.json, which takes two minutes, and nothing else
  --time-limit S    most seconds for each scenario (default 60)
  --output FILE     write what was measured as JSON too, for npm run evidence -- --bench FILE
Ends with 1 if a count of states is wrong or a scenario cannot be checked.`

const { values } = parseArgs({
  options: {
    pairs: { type: 'string' },
    'write-bounds': { type: 'boolean', default: false },
    'write-digests': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    scenario: { type: 'string', multiple: true, default: [] },
    'time-limit': { type: 'string', default: '60' },
    output: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

if (values.help) console.log(USAGE)
else if (values['write-bounds']) await writeBounds(values.scenario)
else if (values['write-digests']) await writeDigests()
else {
  const right: boolean[] = []
  const against: Against[] = []
  if (values.scenario.length === 0) {
    const pairs = Number(values.pairs ?? (values.quick ? 1 : 5))
    const protocol = await compareWithSpin(values.quick ? SMALL : LARGE, pairs)
    console.log('')
    const exported = await compareExported(values.quick ? 'smoke' : 'default', pairs)
    console.log('')
    right.push(protocol.right, exported.right)
    against.push(protocol.against, ...exported.against)
  }
  const bounds = values.quick ? (['smoke'] as const) : (['smoke', 'default'] as const)
  const timed = await timeScenarios(values.scenario, bounds, Number(values['time-limit']))
  right.push(timed.right)
  if (values.output !== undefined)
    writeReport(values.output, { right: !right.includes(false), against, scenarios: timed.scenarios })
  if (right.includes(false)) process.exitCode = 1
}
