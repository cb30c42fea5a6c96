import { type CheckOptions, type CheckResult, check } from '../../src/checker/index.js'
import {
  type Cell,
  Layout,
  type Lifecycle,
  type Lock,
  type Model,
  procedure,
  type RecordOf,
  type Running,
  type Scenario,
  type Thread,
  type WaitQueue,
} from '../../src/world/index.js'

/** A scenario without parameters, made on the spot. */
export function scenarioOf(build: () => Model, name = 'made by hand'): Scenario {
  return { name, summary: '', parameters: {}, exercises: [], build }
}

/** A thread that runs `body` once. */
export function thread(name: string, body: () => Running<void>): Thread {
  return { name, program: procedure(name, body), args: [] }
}

/** A plain object of fields becomes a record; anything else is what it is. */
type Declared<T> = T extends Cell<unknown> | Lifecycle | Lock | WaitQueue | readonly unknown[] | undefined
  ? T
  : RecordOf<T>

/** Checks threads over a layout that `declare` fills. */
export function checkThreads<T>(
  count: number,
  declare: (layout: Layout) => T,
  threads: (cells: Declared<T>) => Thread[],
  rest: (cells: Declared<T>) => Partial<Model> = () => ({}),
  options: CheckOptions = {},
): Promise<CheckResult> {
  const layout = new Layout({ threads: count })
  const declared = declare(layout)
  const isPlain =
    typeof declared === 'object' && declared !== null && Object.getPrototypeOf(declared) === Object.prototype
  const cells = (isPlain ? layout.record(declared as object) : declared) as Declared<T>
  return check(
    scenarioOf(() => ({ layout, threads: threads(cells), ...rest(cells) })),
    options,
  )
}
