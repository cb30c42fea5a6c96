/**
 * Scenarios for the recorded driver with every operation of the recordings: two or three threads
 * perform one operation each on one page.
 *
 * @module
 */
import { recordedDriver } from '../../src/driver/recorded/index.js'
import type { Override, Scenario } from '../../src/world/index.js'
import { type InitialPage, type MirrorScenario, mirrorModel } from '../mirror/scenarios/mirror-world.js'
import { type Operation, type OperationName, operations } from './operations.js'

/** The initial state of the page. */
interface PageBeginning {
  /** Description of the state. */
  readonly summary: string
  readonly page: InitialPage
  /** Index of the file through which it was migrated to the device (default 0). */
  readonly filledBy?: number
  /**
   * True if another page, which the device maps, comes before it. Operations of the process are on
   * that page.
   */
  readonly hasNeighbour?: boolean
  /** True if the process has forked and shares the page with the child. */
  readonly forked?: boolean
  /** True if no page of system memory is free. */
  readonly short?: boolean
}

/** The initial states, by name. */
export const beginnings = {
  untouched: { summary: 'untouched', page: {} },
  system: { summary: 'in system memory, and the device maps nothing', page: { touched: true } },
  mirrored: { summary: 'in system memory, and the device maps it', page: { touched: true, mirroredBy: [0] } },
  device: {
    summary: 'in device memory, and the device maps it',
    page: { touched: true, onDevice: true, mirroredBy: [0] },
  },
  dropped: {
    summary: 'in device memory, and the device has no entry for it',
    page: { touched: true, onDevice: true },
  },
  short: {
    summary: 'in device memory, the device maps it, and no system memory is left to bring it back to',
    page: { touched: true, onDevice: true, mirroredBy: [0] },
    short: true,
  },
  neighbour: {
    summary: 'in device memory, the device maps it, and the process operates on the page before it',
    page: { touched: true, onDevice: true, mirroredBy: [0] },
    hasNeighbour: true,
  },
  alone: {
    summary: 'in system memory, and the device has exclusive access',
    page: { touched: true, exclusive: true, mirroredBy: [0] },
  },
  mirrored2: {
    summary: 'in system memory, and the device maps it through the second file',
    page: { touched: true, mirroredBy: [1] },
  },
  device2: {
    summary: 'in device memory, migrated through the second file, which alone maps it',
    page: { touched: true, onDevice: true, mirroredBy: [1] },
    filledBy: 1,
  },
  shared: {
    summary: "in device memory, and shared with a child: fork removed the device's entry",
    page: { touched: true, onDevice: true },
    forked: true,
  },
  sharedSystem: {
    summary: "in system memory, and shared with a child: fork removed the device's entry",
    page: { touched: true },
    forked: true,
  },
  sharedMapped: {
    summary: 'in device memory, and shared with a child: the device maps it read-only through both files',
    page: { touched: true, onDevice: true, mirroredBy: [0, 1] },
    forked: true,
  },
  sharedChild: {
    summary:
      "in device memory, migrated through a child's file, which alone maps it, and shared with the parent",
    page: { touched: true, onDevice: true, mirroredBy: [1] },
    forked: true,
    filledBy: 1,
  },
} satisfies Readonly<Record<string, PageBeginning>>

/** Name of an initial state. */
export type BeginningName = keyof typeof beginnings

/** One scenario of the matrix. */
export interface RecordedCell {
  readonly page: BeginningName
  /** Operation of each thread. */
  readonly threads: readonly OperationName[]
}

function operation(name: OperationName): Operation {
  return operations[name]
}

const ALL = Object.keys(operations) as OperationName[]
/** Operations that use the first file, and eviction, which uses none. */
const OF_THE_DEVICE = ALL.filter(
  (name) => !operation(name).exclusive && (operation(name).file === 0 || operation(name).evicts),
)
const OF_THE_SECOND_FILE = ALL.filter((name) => operation(name).file === 1 && !operation(name).child)
const OF_THE_CHILD = ALL.filter((name) => operation(name).child)
const OF_THE_CHILDS_FILE = OF_THE_CHILD.filter((name) => operation(name).file === 1)
const EXCLUSIVE = ALL.filter((name) => operation(name).exclusive)
const OF_THE_PROCESS = ALL.filter(
  (name) => operation(name).file === undefined && !operation(name).evicts && !operation(name).child,
)

function product<A, B>(first: readonly A[], second: readonly B[]): [A, B][] {
  return first.flatMap((a) => second.map((b): [A, B] => [a, b]))
}

/** All pairs of `names`, including each name with itself. */
function twoOf(names: readonly OperationName[]): [OperationName, OperationName][] {
  return names.flatMap((first, i) =>
    names.slice(i).map((second): [OperationName, OperationName] => [first, second]),
  )
}

/** Cells of one table: operations of the threads against initial states of the page. */
export interface CellGroup {
  readonly title: string
  readonly pages: readonly BeginningName[]
  /** Operations of the threads, by row. */
  readonly threads: readonly (readonly OperationName[])[]
}

/** The groups of the matrix. */
export const cellGroups: readonly CellGroup[] = [
  {
    title: 'One file: the device against every operation',
    pages: ['untouched', 'system', 'mirrored', 'device', 'dropped'],
    threads: [...twoOf(OF_THE_DEVICE), ...product(OF_THE_DEVICE, OF_THE_PROCESS)],
  },
  {
    title: 'Two files of one device against each other',
    pages: ['mirrored', 'device', 'mirrored2', 'device2'],
    threads: product(OF_THE_DEVICE, OF_THE_SECOND_FILE),
  },
  {
    title: 'The second file against the process',
    pages: ['mirrored2', 'device2'],
    threads: product(OF_THE_SECOND_FILE, OF_THE_PROCESS),
  },
  {
    title: 'Exclusive access',
    pages: ['untouched', 'system', 'mirrored', 'alone', 'device', 'dropped'],
    threads: product(['exclusive'], [...EXCLUSIVE, ...OF_THE_DEVICE, ...OF_THE_PROCESS]),
  },
  {
    title: 'Exclusive access, and the second file',
    pages: ['mirrored', 'alone', 'mirrored2', 'device2'],
    threads: product(['exclusive'], OF_THE_SECOND_FILE),
  },
  {
    title: 'A page to which the device has exclusive access',
    pages: ['alone'],
    threads: product(OF_THE_DEVICE, OF_THE_PROCESS),
  },
  {
    title: 'A child that shares the page',
    pages: ['shared', 'sharedSystem', 'sharedMapped'],
    threads: product([...OF_THE_DEVICE, 'exclusive'], OF_THE_CHILD),
  },
  {
    title: "A child's file against its parent",
    pages: ['shared', 'sharedSystem', 'sharedMapped', 'sharedChild'],
    threads: product(
      OF_THE_CHILDS_FILE,
      OF_THE_PROCESS.filter((name) => name !== 'fork'),
    ),
  },
  {
    title: 'fork in progress',
    pages: ['mirrored', 'device'],
    threads: product(
      ['dev_read', 'dev_write', 'migrate_to_dev', 'migrate_to_sys'] as const,
      OF_THE_CHILD.filter((name) => !OF_THE_CHILDS_FILE.includes(name)),
    ).map(([device, child]) => [device, 'fork', child]),
  },
  {
    title: 'fork in progress, and exclusive access',
    pages: ['mirrored', 'alone'],
    threads: OF_THE_CHILD.filter((name) => !OF_THE_CHILDS_FILE.includes(name)).map((child) => [
      'exclusive',
      'fork',
      child,
    ]),
  },
  {
    title: 'No system memory left',
    pages: ['short'],
    threads: product(OF_THE_DEVICE, ['cpu_read', 'cpu_write', 'madv_dontneed']),
  },
  {
    title: 'The process changes the page before',
    pages: ['neighbour'],
    threads: product(OF_THE_DEVICE, ['mprotect', 'munmap', 'madv_dontneed']),
  },
  {
    title: 'Three threads',
    pages: ['mirrored'],
    threads: product(
      [
        ['dev_write', 'migrate_to_dev'],
        ['dev_write', 'migrate_to_sys'],
        ['migrate_to_dev', 'migrate_to_sys'],
      ] as const,
      ['cpu_write', 'madv_dontneed', 'mprotect', 'fork'] as const,
    ).map(([two, third]) => [...two, third]),
  },
]

/** All cells of the matrix. */
export const recordedCells: readonly RecordedCell[] = cellGroups.flatMap(({ pages, threads }) =>
  product(threads, pages).map(([names, page]) => ({ page, threads: names })),
)

/** The name of the scenario of `cell`. */
export function nameOf({ page, threads }: RecordedCell): string {
  return `recorded/${page}/${threads.join('+')}`
}

const SECOND_FILE = {
  own: { name: 'dmirror (second file)', sameDevice: true },
  child: { name: "dmirror (child's file)", sameDevice: true, process: 1 },
} as const

/** The world of `cell`. */
export function worldOf({ page, threads }: RecordedCell): MirrorScenario {
  const uses = threads.map(operation)
  const beginning: PageBeginning = beginnings[page]
  const isOfSecond = (beginning.page.mirroredBy ?? []).includes(1)
  const files = isOfSecond || uses.some(({ file }) => file === 1) ? 2 : 1
  const isExclusive = beginning.page.exclusive || uses.some(({ exclusive }) => exclusive)
  const isShared = beginning.forked || uses.some(({ child }) => child)
  const own = beginning.hasNeighbour ? 1 : 0
  return {
    pages: [...(own ? [{ touched: true, mirroredBy: [0] }] : []), beginning.page],
    mirrors: Array.from({ length: files }, (_, i) => ({
      ...(i === 0 ? { name: 'dmirror', memory: 2 } : SECOND_FILE[isShared ? 'child' : 'own']),
      ...(isExclusive ? { exclusive: true } : {}),
    })),
    processes: Math.max(isShared ? 2 : 1, ...uses.map((use) => use.processes ?? 1)),
    ...(beginning.forked ? { forked: true } : {}),
    spareFrames: beginning.short ? 0 : 3,
    values: 3,
    invalidations: 16,
    threads: uses.map(({ calls, file, child }, thread) => ({
      ...(child ? { process: 1 } : {}),
      name: threads.indexOf(threads[thread]) === thread ? threads[thread] : `${threads[thread]} (again)`,
      devices: file === undefined ? [] : [file],
      calls: (world) => calls({ world, thread, page: file === undefined ? 0 : own }),
    })),
    recorded: {
      filledBy: beginning.filledBy ?? 0,
      snapshots: threads.flatMap((name, thread) => (name === 'snapshot' ? [thread] : [])),
    },
  }
}

/** The cell of that name. @throws Error if there is none */
export function cellNamed(name: string): RecordedCell {
  const found = recordedCells.find((cell) => nameOf(cell) === `recorded/${name}`)
  if (found === undefined) throw new Error(`no cell ${name}`)
  return found
}

/** The scenario of `cell`, with the recorded driver, or with `overrides` of it. */
export function recordedScenario(
  cell: RecordedCell,
  overrides: readonly Override[] = [],
  exercises: readonly string[] = [],
): Scenario {
  return {
    name: nameOf(cell),
    summary: `The recorded driver${overrides.length > 0 ? ', mended' : ''}: ${cell.threads.join(', ')}. The page: ${beginnings[cell.page].summary}.`,
    parameters: {},
    exercises,
    build: () => mirrorModel({ ...worldOf(cell), overrides }, recordedDriver),
  }
}
