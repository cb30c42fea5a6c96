/**
 * Refuses initial states that no kernel can be in: a violation found from one would not be a bug.
 *
 * @module
 */
import { isFileBacked, VM_MERGEABLE, VM_READ, VM_WRITE, VmaKind } from '../../../src/kernel/index.js'
import { SpecificationError } from '../../../src/world/index.js'
import type { InitialPage, MirrorScenario } from '../../mirror/scenarios/mirror-declarations.js'

/** A field with an impossible value, and the reason. */
interface Impossible {
  readonly field: string
  readonly why: string
}

/**
 * Throws if a scenario starts in a state that no kernel can be in.
 *
 * @param name - of the scenario
 * @throws SpecificationError `scenario`, which names the scenario, the field, and what is wrong
 * with it
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

/** Values that the VMA of the page forbids. */
function* ofArea(page: InitialPage, { files = [], ksm }: MirrorScenario): Generator<Impossible> {
  const { kind = VmaKind.anonymous, flags = VM_READ | VM_WRITE, file, pgoff = 0 } = page
  const isOfFile = file !== undefined
  if (kind === VmaKind.none && page.touched) yield { field: 'kind', why: 'a hole has no page' }
  if (isOfFile !== isFileBacked(kind))
    yield { field: 'file', why: isOfFile ? 'anonymous memory has no file' : 'the area needs a file' }
  if (isOfFile && (file >= files.length || (page.touched && pgoff >= files[file])))
    yield { field: 'pgoff', why: `file ${file} has no page ${pgoff}` }
  if (flags & VM_MERGEABLE && !ksm) yield { field: 'flags', why: 'nobody merges pages here' }
  const isMapped = page.touched && !page.swappedOut
  if (isMapped && !isOfFile && !page.readOnly && !(flags & VM_WRITE))
    yield { field: 'flags', why: 'the entry would be writable in a VMA without VM_WRITE; set readOnly' }
  if (isMapped && !(flags & (VM_READ | VM_WRITE)))
    yield { field: 'flags', why: 'the page would be mapped in a VMA that permits no access' }
}

/** Values that exclude each other for one page. */
function* ofPage(page: InitialPage, world: MirrorScenario): Generator<Impossible> {
  const { touched, swappedOut, swapCached, onDevice, exclusive, readOnly, uffdWp, file, inBatchOf } = page
  const inSwap = swappedOut || swapCached
  if (swappedOut && !touched) yield { field: 'swappedOut', why: 'what was never touched is nowhere' }
  if (swappedOut && swapCached)
    yield { field: 'swapCached', why: 'a page in the swap cache is in memory, and one in swap alone is not' }
  if (inSwap && !world.swapSlots)
    yield { field: swappedOut ? 'swappedOut' : 'swapCached', why: 'there is no swap' }
  if (swapCached && !touched) yield { field: 'swapCached', why: 'a page that was swapped in is touched' }
  if (inSwap && file !== undefined) yield { field: 'file', why: 'the pages of a file do not go to swap' }
  if (inSwap && onDevice) yield { field: 'onDevice', why: 'device memory is not in the swap cache' }
  if (onDevice && !touched) yield { field: 'onDevice', why: 'what was never touched is nowhere' }
  if (onDevice && !hasDeviceMemory(world)) yield { field: 'onDevice', why: 'there is no device memory' }
  if (onDevice && file !== undefined) yield { field: 'onDevice', why: 'the pages of a file do not migrate' }
  if (exclusive && (!touched || onDevice))
    yield { field: 'exclusive', why: 'a device has exclusive access to pages of system memory only' }
  if (exclusive && !world.mirrors.some((mirror) => mirror.exclusive))
    yield { field: 'exclusive', why: 'no driver takes exclusive access' }
  if (uffdWp && !readOnly)
    yield { field: 'uffdWp', why: 'an entry that userfaultfd write-protects is not writable; set readOnly' }
  if (inBatchOf !== undefined && (!world.lru || !touched || inBatchOf >= world.threads.length))
    yield { field: 'inBatchOf', why: 'pages are in the batch of a thread, on a machine with LRU lists' }
}

function hasDeviceMemory({ mirrors, bareMemory }: MirrorScenario): boolean {
  return bareMemory !== undefined || mirrors.some(({ memory }) => memory !== undefined)
}

/** Pages that the mirrors cannot map. */
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
