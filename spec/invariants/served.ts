/**
 * That devices get what they ask for.
 *
 * @module
 */
import { deviceAccess, deviceAtomic, type Mirror } from '../../src/driver/index.js'
import { VM_READ, VM_WRITE, VmaKind } from '../../src/kernel/index.js'
import type { Witness } from '../../src/world/index.js'
import type { Call, InitialPage, MirrorScenario, MirrorWorld } from '../scenarios/mirror-world.js'

/** A page that a device asks for, to read or to write. */
interface Asked {
  readonly mirror: Mirror
  readonly page: number
  readonly write: boolean
}

/** The pages that `call` makes a device ask for. */
function askedBy({ procedure, args }: Call): Asked[] {
  const [mirror, page] = args as [Mirror, number]
  if ((procedure as unknown) === deviceAtomic) return [{ mirror, page, write: true }]
  if ((procedure as unknown) !== deviceAccess) return []
  const [end, value] = args.slice(2) as [number, number | undefined]
  return Array.from({ length: end - page }, (_, i) => ({
    mirror,
    page: page + i,
    write: value !== undefined,
  }))
}

/** True if the area of the page permits the access at the beginning: then the CPU may make it, and so may the device. */
function isPermitted(page: InitialPage | undefined, write: boolean, files: readonly number[]): boolean {
  const {
    kind = VmaKind.anonymous,
    flags = VM_READ | VM_WRITE,
    file,
    pgoff = 0,
  } = page ?? { kind: VmaKind.none }
  const isMirrored = kind !== VmaKind.none && kind !== VmaKind.pfnmap
  const isThere = file === undefined || pgoff < files[file]
  return isMirrored && isThere && (flags & VM_READ) !== 0 && (!write || (flags & VM_WRITE) !== 0)
}

/**
 * C5: of the pages that devices ask for each is had in some run. Where one of those that a call asks for is not permitted, a
 * driver may refuse them all.
 */
export function devicesAreServed(
  { mirrors }: MirrorWorld,
  { pages, files = [] }: Pick<MirrorScenario, 'pages' | 'files'>,
  calls: readonly (readonly Call[])[],
): Witness[] {
  const asked = calls
    .flat()
    .map(askedBy)
    .filter((all) => all.every(({ page, write }) => isPermitted(pages[page], write, files)))
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
        },
      ]
    }),
  )
}
