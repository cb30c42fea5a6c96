/**
 * Explores one scenario in a process of its own, and prints what that took without loading: `explore.js NAME BOUNDS`.
 */
import { scenarios } from '../spec/index.js'
import { Exploration, parametersOf } from '../src/checker/index.js'
import type { Bounds } from '../src/world/index.js'

const [name, bounds] = process.argv.slice(2)
const scenario = scenarios.find((candidate) => candidate.name === name)
if (scenario === undefined) throw new Error(`there is no scenario ${name}`)
const exploration = new Exploration(scenario.build(parametersOf(scenario, { bounds: bounds as Bounds })))
const began = process.cpuUsage()
while (!exploration.done) exploration.advance(1 << 16)
const { user, system } = process.cpuUsage(began)
console.log(
  JSON.stringify({
    states: exploration.store.count,
    transitions: exploration.transitions,
    seconds: (user + system) / 1e6,
  }),
)
