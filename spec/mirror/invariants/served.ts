/**
 * Devices get the pages on which they fault.
 *
 * @module
 */
import {
  accessByDriver,
  deviceAccess,
  deviceAtomic,
  handleFaults,
  type Mirror,
  populatePinned,
  prefault,
  serveFault,
} from '../../../src/driver/index.js'
import {
  errnoName,
  isShared,
  RangeResult,
  type Task,
  VM_READ,
  VM_WRITE,
  VmaKind,
} from '../../../src/kernel/index.js'
import type { CallUnderWay, StepClaim, Witness } from '../../../src/world/index.js'
import type { Call, InitialPage, MirrorScenario, MirrorWorld } from '../scenarios/mirror-world.js'

/** A page that a device accesses, for reading or writing. */
interface Asked {
  readonly mirror: Mirror
  readonly page: number
  readonly write: boolean
  /**
   * True if the device requests exclusive access, which a page of shared memory does not permit.
   */
  readonly alone: boolean
}

/** The pages that the device accesses in `call`. */
function askedBy({ procedure, args }: Call): Asked[] {
  const [mirror, page] = args as [Mirror, number]
  if ((procedure as unknown) === deviceAtomic) return [{ mirror, page, write: true, alone: true }]
  if ((procedure as unknown) !== deviceAccess) return []
  const [end, value] = args.slice(2) as [number, number | undefined]
  return Array.from({ length: end - page }, (_, i) => ({
    mirror,
    page: page + i,
    write: value !== undefined,
    alone: false,
  }))
}

/**
 * True if the VMA of the page permits the access at the beginning: then the CPU may make it, and so
 * may the device.
 */
function isPermitted(
  page: InitialPage | undefined,
  { write, alone }: Asked,
  files: readonly number[],
): boolean {
  const {
    kind = VmaKind.anonymous,
    flags = VM_READ | VM_WRITE,
    file,
    pgoff = 0,
  } = page ?? { kind: VmaKind.none }
  if (alone && isShared(kind)) return false
  const isMirrored = kind !== VmaKind.none && kind !== VmaKind.pfnmap
  const isThere = file === undefined || pgoff < files[file]
  return isMirrored && isThere && (flags & VM_READ) !== 0 && (!write || (flags & VM_WRITE) !== 0)
}

/**
 * C5: a device gets each page that it accesses in some run. If one of the pages of a call is not
 * permitted, a driver may refuse all of them.
 */
export function devicesAreServed(
  { mirrors }: MirrorWorld,
  { pages, files = [] }: Pick<MirrorScenario, 'pages' | 'files'>,
  calls: readonly (readonly Call[])[],
): Witness[] {
  const asked = calls
    .flat()
    .map(askedBy)
    .filter((all) => all.every((one) => isPermitted(pages[one.page], one, files)))
    .flat()
  return mirrors.flatMap((mirror) =>
    [...pages.keys()].flatMap((page): Witness[] => {
      const ways = asked.filter((one) => one.mirror === mirror && one.page === page)
      if (ways.length === 0) return []
      const write = ways.every((one) => one.write)
      const accesses = [...mirror.accesses.values()]
      return [
        {
          clause: 'C5',
          name: 'a device gets each page that it asks for',
          about: `${mirror.name}, page ${page}${write ? ', to write' : ''}`,
          holds: () => accesses.some((access) => access.page === page + 1 && (!write || access.write)),
          instead: (calls) => refusalOf(calls, mirror, page),
        },
      ]
    }),
  )
}

/** Where the driver of `mirror` has just refused the page. */
function refusalOf(calls: readonly CallUnderWay[], mirror: Mirror, page: number): string | undefined {
  for (const { procedure, args, inputs } of calls) {
    const what =
      procedure === serveFault ? 'the fault' : procedure === accessByDriver ? 'the access' : undefined
    const answer = inputs[0]
    if (what === undefined || typeof answer !== 'number' || answer >= 0) continue
    const [start, end] = args.filter((arg) => typeof arg === 'number')
    if (args[1] === mirror && start <= page && page < end)
      return `its driver answers ${what} with ${answer} (-${errnoName(answer)})`
  }
  return undefined
}

/** Calls that have the driver populate, up to the same last page each time: (mirror, page, end, …). */
const POPULATING: readonly unknown[] = [deviceAccess, handleFaults, prefault]

/** C5: the reference driver validates a walk of all requested pages, even after earlier tries. */
export function faultsAreServedWhole(tasks: readonly Task[], calls: readonly (readonly Call[])[]): StepClaim {
  const asked = tasks.map(({ thread }) =>
    calls[thread].flatMap(({ procedure, args, run }) => {
      if (!POPULATING.includes(procedure)) return []
      const [mirror, , end] = args as [Mirror, number, number]
      return [{ run, end, name: mirror.name, range: mirror.ranges.get(thread) }]
    }),
  )
  return {
    clause: 'C5',
    name: 'a fault is served whole',
    judge(thread, from, to) {
      if (!from.inside(thread, populatePinned) || to.inside(thread, populatePinned)) return undefined
      const call = asked[thread].find(({ run }) => from.inside(thread, run))
      if (call?.range?.result !== RangeResult.committed) return undefined
      return call.range.end === call.end
        ? true
        : `${call.name} requests the pages up to ${call.end}, and its driver maps those up to ${call.range.end}`
    },
  }
}
