import { type CheckOptions, type CheckResult, check } from '../../src/checker/index.js'
import {
  Layout,
  type Model,
  procedure,
  type Running,
  type Scenario,
  type Thread,
} from '../../src/world/index.js'

/** A scenario without parameters, made on the spot. */
export function scenarioOf(build: () => Model, name = 'made by hand'): Scenario {
  return { name, summary: '', parameters: {}, exercises: [], build }
}

/** A thread that runs `body` once. */
export function thread(name: string, body: () => Running<void>): Thread {
  return { name, program: procedure(name, body), args: [] }
}

/** Checks threads over a layout that `declare` fills. */
export function checkThreads<T>(
  count: number,
  declare: (layout: Layout) => T,
  threads: (cells: T) => Thread[],
  rest: (cells: T) => Partial<Model> = () => ({}),
  options: CheckOptions = {},
): Promise<CheckResult> {
  const layout = new Layout({ threads: count })
  const cells = declare(layout)
  return check(
    scenarioOf(() => ({ layout, threads: threads(cells), ...rest(cells) })),
    options,
  )
}
