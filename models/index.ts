/**
 * The lifecycles as statecharts: plain XState machines that XState's own tools can open. The checker compiles them to
 * tables and checks the signals of every step against them.
 *
 * @module models
 */
import type { AnyStateMachine } from 'xstate'
import { deviceMemoryStatechart } from './device-memory.js'
import { deviceMemoryHotplugStatechart } from './device-memory-hotplug.js'
import { devicePrivatePageStatechart } from './device-private-page.js'
import { intervalNotifierStatechart } from './interval-notifier.js'
import { migrationStatechart } from './migration.js'
import { mirrorStatechart } from './mirror.js'
import { rangeStatechart } from './range.js'

export { type DeviceMemoryEvent, type DeviceMemoryState, deviceMemoryStatechart } from './device-memory.js'
export {
  type DeviceMemoryHotplugEvent,
  type DeviceMemoryHotplugState,
  deviceMemoryHotplugStatechart,
} from './device-memory-hotplug.js'
export {
  type DevicePrivatePageEvent,
  type DevicePrivatePageState,
  devicePrivatePageStatechart,
} from './device-private-page.js'
export {
  type IntervalNotifierEvent,
  type IntervalNotifierState,
  intervalNotifierStatechart,
} from './interval-notifier.js'
export { type MigrationEvent, type MigrationState, migrationStatechart } from './migration.js'
export { type MirrorEvent, type MirrorState, mirrorStatechart } from './mirror.js'
export { type RangeEvent, type RangeState, rangeStatechart } from './range.js'

/** Every statechart, by the id of its machine. */
export const statecharts: Readonly<Record<string, AnyStateMachine>> = Object.fromEntries(
  [
    rangeStatechart,
    intervalNotifierStatechart,
    mirrorStatechart,
    devicePrivatePageStatechart,
    migrationStatechart,
    deviceMemoryStatechart,
    deviceMemoryHotplugStatechart,
  ].map((machine: AnyStateMachine) => [machine.id, machine]),
)
