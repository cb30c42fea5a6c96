/**
 * The members of a scenario's declaration, by kind. A scenario that is not type-checked may
 * misspell a member, which would then be ignored.
 *
 * @module
 */
import { SpecificationError } from '../../../src/world/errors.js'
import type { InitialPage, MirrorDeclaration, MirrorScenario, MirrorThread } from './mirror-declarations.js'

const WORLD: Readonly<Record<keyof MirrorScenario, true>> = {
  pages: true,
  mirrors: true,
  threads: true,
  processes: true,
  spareFrames: true,
  values: true,
  lru: true,
  forked: true,
  remembersFolios: true,
  userfaults: true,
  invalidations: true,
  recorded: true,
  copiesFail: true,
  bareMemory: true,
  advice: true,
  ksm: true,
  swapSlots: true,
  hotplug: true,
  memoryLimit: true,
  files: true,
  emptyFiles: true,
  moves: true,
  hugePages: true,
  anonVmas: true,
  rules: true,
  classics: true,
  witnesses: true,
  progress: true,
  stepClaims: true,
  overrides: true,
}

const PAGE: Readonly<Record<keyof InitialPage, true>> = {
  kind: true,
  flags: true,
  touched: true,
  exclusive: true,
  onDevice: true,
  readOnly: true,
  swappedOut: true,
  swapCached: true,
  softDirty: true,
  uffdWp: true,
  file: true,
  pgoff: true,
  inBatchOf: true,
  mirroredBy: true,
}

const MIRROR: Readonly<Record<keyof MirrorDeclaration, true>> = {
  name: true,
  start: true,
  last: true,
  process: true,
  detached: true,
  closable: true,
  memory: true,
  coherent: true,
  exclusive: true,
  dma: true,
  twoPass: true,
  locksOut: true,
  mapsAtOnce: true,
  sameDevice: true,
}

const THREAD: Readonly<Record<keyof MirrorThread, true>> = {
  name: true,
  process: true,
  calls: true,
  devices: true,
  daemon: true,
}

/**
 * Throws for an unknown member of a world, page, mirror or thread.
 *
 * @param scenario - its name, as the message has it
 * @throws SpecificationError `scenario`
 */
export function mustBeKnown(scenario: string, world: MirrorScenario): void {
  const look = (thing: object, known: Readonly<Record<string, true>>, where: string) => {
    const others = Object.keys(thing).filter((key) => !Object.hasOwn(known, key))
    if (others.length > 0)
      throw new SpecificationError(
        'scenario',
        `${scenario}: ${where} has ${others.join(', ')}, which means nothing here; it may have ${Object.keys(known).join(', ')}`,
      )
  }
  look(world, WORLD, 'the world')
  for (const [i, page] of world.pages.entries()) look(page, PAGE, `pages[${i}]`)
  for (const mirror of world.mirrors) look(mirror, MIRROR, `mirror ${mirror.name}`)
  for (const thread of world.threads) look(thread, THREAD, `thread ${thread.name}`)
}
