/**
 * State of a driver that several mirrors share: those of one process, or those of one device.
 *
 * @module
 */
import { Layout, type Pool, type RecordOf, SpecificationError } from '../world/index.js'
import { givenName } from '../world/records/layout.js'
import { mustBeDeclared } from './declared-state.js'
import type { Driver } from './driver.js'
import type { Mirror } from './mirror.js'

/** State that was declared once for several mirrors. */
export interface SharedState {
  /** The text that has declared it. */
  readonly declare: unknown
  /** Its fields and locks, as they were declared. */
  readonly shape: string
  readonly state: unknown
  /** Its pools: they must be empty once the last of its mirrors is freed. */
  readonly pools: readonly Pool<object>[]
  /** The mirrors that have it. */
  readonly mirrors: Mirror[]
}

/** By world, and by driver and what shares it. */
const declared = new WeakMap<Layout, Map<string, SharedState>>()

/**
 * The state of `whose` in the world that `layout` declares: declared now, or by an earlier mirror.
 *
 * @param used - what the mirror shares so far
 * @param whose - `process[0]`, `device[1]`
 * @throws SpecificationError `layout` if a mirror declares it by another text, or twice
 */
export function sharedState<D extends object>(
  layout: Layout,
  driver: Driver,
  used: SharedState[],
  whose: string,
  declare: (layout: Layout) => D,
): RecordOf<D> {
  const known = declared.get(layout) ?? new Map<string, SharedState>()
  declared.set(layout, known)
  const key = `${driver.name} ${whose}`
  let shared = known.get(key)
  if (shared === undefined) {
    const pools = layout.pools.length
    const { state, shape } = declaredIn(layout, whose, declare)
    mustBeDeclared(driver.name, whose, state)
    shared = { declare, shape, state, pools: layout.pools.slice(pools), mirrors: [] }
    known.set(key, shared)
  } else if (
    used.includes(shared) ||
    String(shared.declare) !== String(declare) ||
    // The same text may declare something else for another mirror.
    shared.shape !== declaredIn(new Layout({ threads: layout.threads }), whose, declare).shape
  )
    throw new SpecificationError(
      'layout',
      `driver ${driver.name} declares the state of ${whose} twice; declare all of it in one call, the same for each mirror`,
    )
  used.push(shared)
  return shared.state as RecordOf<D>
}

/** State that is declared in `layout` now, and what it consists of. */
function declaredIn<D extends object>(
  layout: Layout,
  whose: string,
  declare: (layout: Layout) => D,
): { readonly state: RecordOf<D>; readonly shape: string } {
  const cells = layout.cells.length
  const locks = layout.locks.length
  const state = layout.scope(`${whose}.driver`, declare)
  const fields = layout.cells.slice(cells).map(({ name, max, codec, options, values }) => {
    const declared = Object.entries(options).map(([option, value]) => [option, nameIn(value)])
    return [name, max, codec, declared, values.map(nameIn)]
  })
  const ranks = layout.locks.slice(locks).map(({ name, rank, spinning }) => [name, rank, spinning])
  return { state, shape: JSON.stringify([fields, ranks]) }
}

/** A lock, a field or a record by its name; anything else as it is. */
function nameIn(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  return givenName(value) ?? ('name' in value ? value.name : String(value))
}
