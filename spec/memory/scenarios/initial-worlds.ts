/**
 * Worlds that no kernel can be in, refused before anything is explored: what would be found in them is nobody's bug.
 *
 * @module
 */
import { isFileBacked, VM_READ, VM_WRITE, VmaKind } from '../../../src/kernel/index.js'
import { SpecificationError } from '../../../src/world/index.js'
import type { InitialPage, MirrorScenario } from '../../mirror/scenarios/mirror-declarations.js'

/** A field that cannot be as it is, and why. */
interface Impossible {
  readonly field: string
  readonly why: string
}

/**
 * Refuses a world that no kernel can be in at the beginning.
 *
 * @param name - of the scenario
 * @throws SpecificationError `scenario`, which names the scenario, the field, and what is wrong with it
 */
export function mustBePossible(name: string, world: MirrorScenario): void {
  for (const [index, page] of world.pages.entries())
    for (const { field, why } of [
      ...ofArea(page, world),
      ...ofPage(page, world),
      ...ofMirrors(page, index, world),
    ])
      throw new SpecificationError('scenario', `scenario ${name}: pages[${index}].${field}: ${why}`)
  for (const [index, { start = 0, last = world.pages.length - 1, process = 0 }] of world.mirrors.entries()) {
    if (start > last || last >= world.pages.length)
      throw new SpecificationError(
        'scenario',
        `scenario ${name}: mirrors[${index}].last: it watches pages ${start} to ${last}, of ${world.pages.length}`,
      )
    if (process >= (world.processes ?? 1))
      throw new SpecificationError(
        'scenario',
        `scenario ${name}: mirrors[${index}].process: there is no process ${process}`,
      )
  }
}

/** What the area of the page forbids. */
function* ofArea(page: InitialPage, { files = [] }: MirrorScenario): Generator<Impossible> {
  const { kind = VmaKind.anonymous, flags = VM_READ | VM_WRITE, file, pgoff = 0 } = page
  const isOfFile = file !== undefined
  if (kind === VmaKind.none && page.touched) yield { field: 'kind', why: 'there is no area, and so no page' }
  if (isOfFile !== isFileBacked(kind))
    yield { field: 'file', why: isOfFile ? 'anonymous memory has no file' : 'the area needs a file' }
  if (isOfFile && (file >= files.length || (page.touched && pgoff >= files[file])))
    yield { field: 'pgoff', why: `file ${file} has no page ${pgoff}` }
  const isMapped = page.touched && !page.swappedOut
  if (isMapped && !isOfFile && !page.readOnly && !(flags & VM_WRITE))
    yield { field: 'flags', why: 'the area permits no writing, and the entry would; make it readOnly' }
  if (isMapped && !(flags & (VM_READ | VM_WRITE)))
    yield { field: 'flags', why: 'the area permits no access, and the page would be mapped' }
}

/** What cannot be true of one page at once. */
function* ofPage(page: InitialPage, world: MirrorScenario): Generator<Impossible> {
  const { touched, swappedOut, swapCached, onDevice, exclusive, readOnly, uffdWp, file, inBatchOf } = page
  const inSwap = swappedOut || swapCached
  if (swappedOut && !touched) yield { field: 'swappedOut', why: 'what was never touched is nowhere' }
  if (swappedOut && swapCached)
    yield { field: 'swapCached', why: 'a page in the swap cache is in memory, and one in swap alone is not' }
  if (inSwap && !world.swapSlots)
    yield { field: swappedOut ? 'swappedOut' : 'swapCached', why: 'there is no swap' }
  if (swapCached && !touched) yield { field: 'swapCached', why: 'it was brought back, and so it is touched' }
  if (inSwap && file !== undefined) yield { field: 'file', why: 'the pages of a file do not go to swap' }
  if (inSwap && onDevice) yield { field: 'onDevice', why: 'device memory is not in the swap cache' }
  if (onDevice && !touched) yield { field: 'onDevice', why: 'what was never touched is nowhere' }
  if (onDevice && !hasDeviceMemory(world)) yield { field: 'onDevice', why: 'there is no device memory' }
  if (onDevice && file !== undefined) yield { field: 'onDevice', why: 'the pages of a file do not migrate' }
  if (exclusive && (!touched || onDevice))
    yield { field: 'exclusive', why: 'a device has only pages of system memory to itself' }
  if (exclusive && !world.mirrors.some((mirror) => mirror.exclusive))
    yield { field: 'exclusive', why: 'no driver takes exclusive access' }
  if (uffdWp && !readOnly)
    yield { field: 'uffdWp', why: 'userfaultfd hears of no write to an entry that may be written' }
  if (inBatchOf !== undefined && (!world.lru || !touched || inBatchOf >= world.threads.length))
    yield { field: 'inBatchOf', why: 'pages are in the batch of a thread, on a machine with LRU lists' }
}

function hasDeviceMemory({ mirrors, bareMemory }: MirrorScenario): boolean {
  return bareMemory !== undefined || mirrors.some(({ memory }) => memory !== undefined)
}

/** What the mirrors cannot have mapped. */
function* ofMirrors(page: InitialPage, index: number, { mirrors }: MirrorScenario): Generator<Impossible> {
  for (const of of page.mirroredBy ?? []) {
    const mirror = mirrors[of]
    const { start = 0, last = Number.POSITIVE_INFINITY } = mirror ?? {}
    const why =
      mirror === undefined
        ? `there is no mirror ${of}`
        : mirror.detached
          ? `nobody tells mirror ${of} of changes, and it maps the page`
          : index < start || index > last
            ? `mirror ${of} does not watch the page`
            : !page.touched
              ? 'there is no page to map'
              : undefined
    if (why !== undefined) yield { field: 'mirroredBy', why }
  }
}
