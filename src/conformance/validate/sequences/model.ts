/**
 * What the model does in a sequence: the events of its functions, operation by operation.
 *
 * @module
 */

import { releases } from '../../../generations/releases.js'
import { type IntervalNotifier, type MmStruct, NotifyEvent } from '../../../kernel/index.js'
import type { AnyProcedure, Step } from '../../../world/index.js'
import type { Operation } from '../../operations.js'
import { Oracle } from '../../oracle.js'
import type { KernelVersion } from '../../result.js'
import { ChartActors } from '../actors.js'
import { bindingsOf, eventOf, instrumented, type ModelEvent } from '../instrument.js'
import type { JudgedFunction } from '../probe.js'
import { judgedIn, NOTIFIER_EVENTS } from '../table.js'

/** An event of the model. */
export interface DoneEvent {
  readonly judged: JudgedFunction
  readonly at: 'entry' | 'return'
  readonly values: ReadonlyMap<string, number>
  /** Index of the address space whose sequence it tells of. */
  readonly mm: number
}

const OF_NOTIFIERS: ReadonlySet<string> = new Set([
  '__mmu_notifier_invalidate_range_start',
  '__mmu_notifier_invalidate_range_end',
  'mn_itree_inv_start_range',
  'mn_itree_inv_end',
])

/** The oracle, which tells of its events. */
export class SequenceModel {
  readonly actors = new ChartActors()
  /** How often each step was taken, by procedure and step. */
  readonly taken = new Map<string, number>()
  steps = 0
  private readonly oracle: Oracle
  /** A page that no operation uses: it stands for all outside of the window. */
  private readonly elsewhere: number
  /** Address spaces that a notifier was registered in. No function of the notifiers is called of others. */
  private readonly registered = new Set([0])
  private forks = 0
  private done: {
    judged: JudgedFunction
    at: 'entry' | 'return'
    values: Map<string, number>
    mm: number
  }[] = []
  /** Calls that are open of functions that loop, which the model does by calls of itself. */
  private readonly open = new Map<JudgedFunction, number>()

  /**
   * @param operations - all of the sequence
   * @param pages - pages of the window
   */
  constructor(operations: readonly Operation[], pages: number, kernel: KernelVersion) {
    this.elsewhere = pages
    const look = { name: 'ptes', start: pages, end: pages + 1, inChild: false } as const
    this.oracle = new Oracle([...operations, look], {
      kernel,
      overrides: instrumented([...judgedIn(kernel).values()], releases[kernel].overrides),
      onStep: (procedure, step) => this.onStep(procedure, step),
      onLayout: (layout) => this.actors.attach(layout),
    })
  }

  /** Performs an operation. */
  perform(operation: Operation): readonly DoneEvent[] {
    this.done = []
    if (operation.name === 'open' && operation.inChild) this.registered.add(this.forks)
    this.oracle.perform(operation)
    if (operation.name === 'fork') this.forks++
    return this.done
  }

  /** A process invalidates pages outside of the window. */
  invalidateOther(event: number, inChild: boolean): void {
    this.oracle.invalidate(this.elsewhere, NOTIFIER_EVENTS[event] ?? NotifyEvent.UNMAP, inChild)
  }

  private onStep(procedure: AnyProcedure, step: Step): void {
    const event = eventOf(step.run)
    if (event === undefined) {
      const name = `${procedure.procedureName}: ${step.name}`
      this.steps++
      this.taken.set(name, (this.taken.get(name) ?? 0) + 1)
    } else if (event.at !== 'end') this.tell(event)
  }

  private tell(event: ModelEvent): void {
    const { judged, at, args, result } = event
    const { index: mm } = mmOf(args)
    if (!judged.happens(args) || (judged.loops && this.isWithin(judged, at))) return
    if (OF_NOTIFIERS.has(judged.function) && !this.registered.has(mm)) return
    const values = Object.entries(bindingsOf(event)).map(
      ([field, binding]) => [field, binding.of(args, result)] as const,
    )
    const last = this.done.at(-1)
    if (at !== 'sample') this.done.push({ judged, at, values: new Map(values), mm })
    else if (last?.judged === judged) for (const [field, value] of values) last.values.set(field, value)
  }

  /** True for an event of a call that is another round of the one that is open. */
  private isWithin(judged: JudgedFunction, at: ModelEvent['at']): boolean {
    const open = this.open.get(judged) ?? 0
    this.open.set(judged, at === 'entry' ? open + 1 : at === 'return' ? open - 1 : open)
    return at === 'entry' ? open > 0 : open > 1
  }
}

/** The address space that the arguments of a call are of: the task's own, unless another is among them. */
function mmOf(args: readonly unknown[]): MmStruct {
  let own: MmStruct | undefined
  for (const arg of args) {
    if (typeof arg !== 'object' || arg === null) continue
    if ('subscriptions' in arg) return arg as MmStruct
    if ('notifier' in arg) return (arg.notifier as IntervalNotifier).mm
    if ('machine' in arg && 'mm' in arg) own = arg.mm as MmStruct
    else if ('mm' in arg) return arg.mm as MmStruct
  }
  if (own === undefined) throw new Error('a judged function has no address space among its arguments')
  return own
}
