/**
 * Measures a command from outside: processor time as the shell accounts for it, peak memory as the kernel does.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

/** What one run of a command took. */
export interface Measured {
  readonly output: string
  /** Processor seconds, user and system. */
  readonly cpu: number
  /** Seconds on the clock. */
  readonly wall: number
  /** Largest resident size in bytes; `undefined` where there is no /proc. */
  readonly peak: number | undefined
}

/** Milliseconds between two looks at the memory of a running command. */
const LOOK_MS = 5

/** True if `command` can be started. */
export function isThere(command: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0
}

/** What to put before a command so that it runs on one processor; empty where that cannot be had. */
export function pinned(): readonly string[] {
  if (!isThere('taskset') || !existsSync('/proc/self/status')) return []
  const allowed = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  const last = allowed?.split(/[,-]/).at(-1)
  if (last === undefined || spawnSync('taskset', ['-c', last, 'true']).status !== 0) return []
  return ['taskset', '-c', last]
}

/**
 * Runs a command to its end.
 *
 * @throws Error if it fails
 */
export async function measure(command: readonly string[]): Promise<Measured> {
  const began = performance.now()
  // `times` prints user and system time of the shell, and then of the children that it waited for.
  const child = spawn('sh', ['-c', '"$@" && times', 'sh', ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const shell = child.pid as number
  let peak: number | undefined
  const look = setInterval(() => {
    peak = Math.max(peak ?? 0, peakOf(shell)) || undefined
  }, LOOK_MS)
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('close', resolve).on('error', reject)
  })
  clearInterval(look)
  const wall = (performance.now() - began) / 1000
  if (status !== 0) throw new Error(`${command.join(' ')} failed (${status}):\n${output}`)
  const lines = output.trimEnd().split('\n')
  const cpu = [...(lines.pop() as string).matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + 60 * Number(minutes) + Number(seconds),
    0,
  )
  lines.pop()
  return { output: lines.join('\n'), cpu, wall, peak }
}

/** Largest resident size that the child of process `shell` has had so far, in bytes; 0 where it cannot be told. */
function peakOf(shell: number): number {
  try {
    const child = readFileSync(`/proc/${shell}/task/${shell}/children`, 'utf8').trim().split(' ')[0]
    const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${child}/status`, 'utf8'))?.[1]
    return Number(kilobytes ?? 0) * 1024
  } catch {
    return 0
  }
}

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
