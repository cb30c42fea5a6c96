/**
 * State of a driver that several mirrors share: those of one process, or those of one device.
 *
 * @module
 */
import { type Layout, type Pool, type RecordOf, SpecificationError } from '../world/index.js'
import { mustBeDeclared } from './declared-state.js'
import type { Driver } from './driver.js'
import type { Mirror } from './mirror.js'

/** State that was declared once for several mirrors. */
export interface SharedState {
  /** The text that has declared it. */
  readonly declare: unknown
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
    const earlier = layout.pools.length
    const state = layout.scope(`${whose}.driver`, declare)
    mustBeDeclared(driver.name, whose, state)
    shared = { declare, state, pools: layout.pools.slice(earlier), mirrors: [] }
    known.set(key, shared)
  } else if (String(shared.declare) !== String(declare) || used.includes(shared))
    throw new SpecificationError(
      'layout',
      `driver ${driver.name} declares the state of ${whose} twice; declare all of it in one call, the same for each mirror`,
    )
  used.push(shared)
  return shared.state as RecordOf<D>
}
