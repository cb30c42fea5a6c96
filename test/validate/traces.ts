/** The recorded races. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import type { KernelVersion } from '../../src/conformance/index.js'

export interface RecordedRace {
  readonly name: string
  readonly kernel: KernelVersion
  /** Judged events, and operations, of the whole of it. */
  readonly events: number
  readonly operations: number
}

export const RACES: readonly RecordedRace[] = [
  { name: 'linux-6.1-race-DF', kernel: '6.1', events: 39716, operations: 4019 },
  { name: 'linux-6.1-race-DM', kernel: '6.1', events: 16347, operations: 1826 },
  { name: 'linux-6.1-race-DU', kernel: '6.1', events: 43393, operations: 5618 },
  { name: 'linux-6.1-race-GP', kernel: '6.1', events: 53221, operations: 2045 },
  { name: 'linux-6.1-race-OC', kernel: '6.1', events: 6274, operations: 1260 },
  { name: 'linux-6.1-race-OO', kernel: '6.1', events: 4761, operations: 315 },
  { name: 'linux-6.1-race-XF', kernel: '6.1', events: 55592, operations: 1768 },
  { name: 'linux-7.3-race-DF', kernel: '7.3', events: 37719, operations: 3800 },
  { name: 'linux-7.3-race-DU', kernel: '7.3', events: 41202, operations: 5233 },
  { name: 'linux-7.3-race-OC', kernel: '7.3', events: 5070, operations: 1213 },
  { name: 'linux-7.3-race-OO', kernel: '7.3', events: 3556, operations: 231 },
  { name: 'linux-7.3-race-XF', kernel: '7.3', events: 54039, operations: 1654 },
  { name: 'linux-7.3-race-GP', kernel: '7.3', events: 57371, operations: 1963 },
]

/** The file of a race. */
export function fileOf(name: string): string {
  return fileURLToPath(new URL(`../fixtures/traces/${name}.ftrace.txt.gz`, import.meta.url))
}

/** The lines of a race. */
export function linesOf(name: string): readonly string[] {
  return gunzipSync(readFileSync(fileOf(name)))
    .toString('utf8')
    .trimEnd()
    .split('\n')
}

/** Its lines up to `lines` lines after its first operation. */
export function beginningOf(name: string, lines: number): readonly string[] {
  const all = linesOf(name)
  const first = all.findIndex((line) => line.includes('tracing_mark_write'))
  return all.slice(0, first + lines)
}
