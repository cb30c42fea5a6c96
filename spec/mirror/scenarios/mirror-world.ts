/**
 * The world that the scenarios of mirroring share: processes with a few pages, CPUs, devices that
 * mirror them, and threads that each make a few calls. Every claim about mirroring is made of every
 * one of these worlds.
 *
 * One world, with an option for each ingredient of a scenario; that is why the file is long.
 *
 * @module
 */

import {
  deviceMemoryHotplugStatechart,
  deviceMemoryStatechart,
  devicePrivatePageStatechart,
  intervalNotifierStatechart,
  migrationStatechart,
  mirrorStatechart,
  rangeStatechart,
} from '../../../models/index.js'
import { compileStatechart } from '../../../src/checker/claims/statechart.js'
import {
  attachDeviceChunk,
  attachDeviceMemory,
  attachFailingMemory,
  attachOwnMemory,
  claimsOf,
  type Driver,
  declareMigrationLock,
  declareMirror,
  declareTwoPass,
  mostOwnNotifiers,
  referenceDriver,
  workOf,
} from '../../../src/driver/index.js'
import { type Generation, type GenerationName, generationNames } from '../../../src/generations/generation.js'
import {
  attachHmmDevmem,
  byWayOfHmmDevmem,
  declareDmaList,
  mappingForDma,
} from '../../../src/generations/index.js'
import {
  type ClassicNotifier,
  countingEnd,
  countingStart,
  declareMachine,
  lastFrame,
  type Machine,
  type Task,
  worker_thread,
} from '../../../src/kernel/index.js'
import {
  BLOCKED,
  Layout,
  type Model,
  type Parameters,
  procedure,
  type Scenario,
  SpecificationError,
  step,
  type TransitionTable,
} from '../../../src/world/index.js'
import {
  exclusiveInvariants,
  exclusiveStepClaims,
  fileInvariants,
  migrationInvariants,
  migrationStepClaims,
  mirroringInvariants,
  mirroringStepClaims,
  swapInvariants,
  swapStepClaims,
  userfaultInvariants,
  userfaultStepClaims,
} from '../../invariants.js'
import { hugePageInvariants, hugePageStepClaims } from '../../memory/invariants/huge-pages.js'
import { lruInvariants, lruStepClaims } from '../../memory/invariants/lru.js'
import { mustBePossible } from '../../memory/scenarios/initial-worlds.js'
import {
  deviceMemoryAbstractions,
  deviceMemoryInvariants,
  deviceMemoryProgress,
  deviceMemoryStepClaims,
} from '../../migrate/invariants/device-memory.js'
import { devmemAbstractions, devmemInvariants } from '../../migrate/invariants/devmem.js'
import { drainProgress, migrationProgress } from '../../migrate/invariants/migration.js'
import { attachRecordedDevices, snapshotNotifiers } from '../../recorded/devices.js'
import { renumberSequences } from '../../reductions/sequence-numbers.js'
import { holdsIn, notHeldIn } from '../../requirements.js'
import { systemCallsDoTheirWork } from '../invariants/calls.js'
import { doneAreNoUsers, theLivingAreUsers } from '../invariants/endings.js'
import { mirroringAbstractions } from '../invariants/lifecycles.js'
import {
  callbacksOfTheRegistered,
  invalidationsArePassedOn,
  mirrorsRemoveTheRange,
  nothingLeftMappedForDma,
  nothingUsedWithoutDma,
} from '../invariants/mirrors.js'
import { everyThreadEnds, mirroringProgress, workProgress } from '../invariants/progress.js'
import { snapshotsAreValidated } from '../invariants/ranges.js'
import { devicesAreServed, faultsAreServedWhole } from '../invariants/served.js'
import {
  type Call,
  call,
  type MirrorDeclaration,
  type MirrorScenario,
  type MirrorWorld,
} from './mirror-declarations.js'
import { mustBeKnown } from './mirror-members.js'
import { attach, initialise } from './mirror-start.js'

export * from './mirror-declarations.js'

const program = procedure(function* thread(current: Task, calls: readonly Call[]) {
  for (const { procedure: target, args, run } of calls) yield* run(current, target, args)
})

const childProgram = procedure('thread of a child', function* (current: Task, calls: readonly Call[]) {
  yield* step('wait to be forked', () => (current.mm.users > 0 ? 0 : BLOCKED))
  yield* program(current, calls)
})

const charts = {
  range: compileStatechart(rangeStatechart),
  mirror: compileStatechart(mirrorStatechart),
  intervalNotifier: compileStatechart(intervalNotifierStatechart),
  devicePrivatePage: compileStatechart(devicePrivatePageStatechart),
  migration: compileStatechart(migrationStatechart),
  deviceMemory: compileStatechart(deviceMemoryStatechart),
  deviceMemoryHotplug: compileStatechart(deviceMemoryHotplugStatechart),
}

/** The statecharts of mirroring and of the driver. */
function chartsWith({ statecharts = [] }: Driver): Readonly<Record<string, TransitionTable>> {
  return {
    ...charts,
    ...Object.fromEntries(statecharts.map((machine) => [machine.id, compileStatechart(machine)])),
  }
}

/** The same, if every instance of a statechart that was declared has its chart among them. */
function chartsOf({ lifecycles }: Layout, driver: Driver): Readonly<Record<string, TransitionTable>> {
  const known = chartsWith(driver)
  for (const { kind, cell } of lifecycles)
    if (known[kind] === undefined)
      throw new SpecificationError(
        'scenario',
        `${cell.name} is an instance of a statechart ${kind}, and there is none: its signals would mean nothing; ` +
          `name the machine in \`statecharts\` of driver ${driver.name}`,
      )
  return known
}

/** A family of mirroring worlds that can run with any driver. */
export interface MirrorScenarioDefinition<P extends string = string> extends Omit<Scenario<P>, 'build'> {
  /** The world at given parameters. */
  readonly world: (parameters: Parameters<P>) => MirrorScenario
  /** True if it uses features that only the reference driver has. */
  readonly referenceOnly?: boolean
  /** The driver that it is about: no other can be put in its place (default the reference driver, or any). */
  readonly driver?: Driver
  /**
   * The generations of the API that have what it uses (default all; none, if it uses what only the reference driver has, or
   * what only today's kernel text has).
   */
  readonly generations?: readonly GenerationName[]
  /** The generation that it is about, and the only one that it is run in (default none). */
  readonly home?: Generation
}

/** How a scenario is run in a generation of the API. */
export interface InGeneration {
  readonly generation: Generation
  /** The driver of the devices (default the generation's own driver). */
  readonly driver?: Driver
  /** A clause that is claimed also where it does not hold. */
  readonly clause?: string
}

/** A scenario of mirroring. */
export interface MirroringScenario<P extends string = string> extends Scenario<P> {
  /** The world at given parameters. */
  readonly world: (parameters: Parameters<P>) => MirrorScenario
  /** What it was declared with. */
  readonly definition: MirrorScenarioDefinition<P>
  /** The model of a world like it. */
  readonly modelOf: (world: MirrorScenario) => Model
  /** The same scenario with another driver; absent where it uses what only the reference driver has. */
  readonly withDriver?: (driver: Driver) => Scenario<P>
  /** The same scenario in a generation of the API; absent where it uses what that does not have. */
  readonly inGeneration?: (how: InGeneration) => Scenario<P> | undefined
}

/** Declares a scenario of mirroring: with the reference driver, and for any other. */
export function mirrorScenario<P extends string>(
  definition: MirrorScenarioDefinition<P>,
): MirroringScenario<P> {
  const { world: declared, referenceOnly, driver: own, home, generations: named, ...rest } = definition
  const world = (parameters: Parameters<P>) => {
    const options = declared(parameters)
    mustBeKnown(rest.name, options)
    mustBePossible(rest.name, options)
    return options
  }
  // What only the reference driver has is in the generations that are named, and in no other.
  const isClosed = referenceOnly === true || own !== undefined
  const everywhere = isClosed ? [] : generationNames
  const generations = named ?? (home ? [home.name] : everywhere)
  const withDriver = (driver: Driver): Scenario<P> => ({
    ...rest,
    name: `${rest.name} (${driver.name})`,
    build: (parameters) => mirrorModel(world(parameters), driver),
  })
  const inGeneration = ({ generation: asked, driver, clause }: InGeneration) => {
    if (!generations.includes(asked.name)) return undefined
    const generation = home ?? asked
    const suffix = driver === undefined || driver === asked.driver ? '' : ` (${driver.name})`
    return {
      ...rest,
      name: `${rest.name}${suffix} in ${generation.name}`,
      build: (parameters: Parameters<P>) =>
        mirrorModel(world(parameters), driver ?? generation.driver, generation, clause),
    }
  }
  const modelOf = (options: MirrorScenario) =>
    mirrorModel(options, own ?? home?.driver ?? referenceDriver, home)
  return {
    ...rest,
    world,
    definition,
    modelOf,
    build: (parameters) => modelOf(world(parameters)),
    ...(isClosed || home ? {} : { withDriver }),
    ...(generations.length > 0 ? { inGeneration } : {}),
  }
}

/**
 * Builds the model of a mirroring scenario, with every claim of mirroring.
 *
 * @param generation - of the API (default today's); claims that do not hold in it are not made
 * @param clause - one that is claimed all the same
 */
export function mirrorModel(
  declared: MirrorScenario,
  driver: Driver,
  generation?: Generation,
  clause?: string,
): Model {
  const options = withWorkers(declared, driver)
  const pages = options.pages.length
  const touched = options.pages.filter(
    (page) => page.touched && !page.onDevice && !page.swappedOut && page.file === undefined,
  ).length
  const size = {
    pages,
    frames: (options.files ?? []).reduce((sum, length) => sum + length, touched + options.spareFrames),
    mms: options.processes ?? 1,
    cpus: options.threads.map((thread) => thread.process ?? 0),
    values: options.values ?? 2,
    invalidations: options.invalidations,
    ...(options.lru ? { lru: true } : {}),
    intervals: [
      ...options.mirrors.map(({ name, process, start, last }) => ({
        name: `${name}.notifier`,
        mm: process ?? 0,
        start: start ?? 0,
        last: last ?? pages - 1,
      })),
      ...(options.recorded ? snapshotNotifiers(options.recorded, pages) : []),
    ],
    ...(driver.ownNotifiers ? { ownNotifiers: options.mirrors.length * mostOwnNotifiers(pages) } : {}),
    classics: [
      ...(options.classics ?? []).map(({ name }) => ({ name, mm: 0 })),
      ...(driver.invalidateRangeStart
        ? options.mirrors.map(({ name, process = 0 }) => ({ name: classicOf(name), mm: process }))
        : []),
    ],
    deviceMemory: [...options.mirrors, { memory: options.bareMemory }].flatMap(({ memory }) => memory ?? []),
    ...(options.recorded ? { evictsChunks: true } : {}),
    ...(options.mirrors.some(({ coherent }) => coherent)
      ? {
          coherentMemory: options.mirrors.flatMap(({ coherent }, index) =>
            coherent ? ownerOf(options.mirrors, index) : [],
          ),
        }
      : {}),
    ...(options.swapSlots ? { swapSlots: options.swapSlots } : {}),
    ...(options.swapSlots && options.hugePages ? { bits: true } : {}),
    ...(options.advice ? { advice: true } : {}),
    ...(options.ksm ? { ksm: true, advice: true, bits: true } : {}),
    ...(options.userfaults ? { userfaults: true, bits: true } : {}),
    hotplug: options.hotplug !== undefined,
    ...(options.memoryLimit === undefined ? {} : { memoryLimit: options.memoryLimit }),
    ...(options.files ? { files: options.files } : {}),
    ...(options.moves ? { moves: true } : {}),
    ...(options.hugePages ? { hugePages: options.hugePages } : {}),
    ...(options.remembersFolios ? { remembersFolios: true } : {}),
    ...(options.anonVmas ? { anonVmas: options.anonVmas } : {}),
    // The generations of the API end with 6.16, and a walk that says that memory has run out came later.
    rules: { ...(generation ? { tellsOfMemory: false } : {}), ...options.rules },
  }
  const isExclusive = options.mirrors.some(({ exclusive }) => exclusive)
  const layout = new Layout({ threads: options.threads.length })
  const machine = declareMachine(layout, {
    ...size,
    ...(isExclusive ? { exclusiveOwners: options.mirrors.length } : {}),
  })
  const { classics } = machine.mms[0].subscriptions
  const intervals = machine.mms.flatMap(({ subscriptions }) => subscriptions.intervals)
  options.classics?.forEach(({ ops }, i) => {
    classics[i].ops = ops ?? { start: countingStart, end: countingEnd }
  })
  const mirrors = options.mirrors.map(({ name, mapsAtOnce, exclusive }, index) =>
    declareMirror(
      layout,
      {
        name,
        closable: options.mirrors[index].closable ?? false,
        device: deviceOf(options.mirrors, index),
        owner: ownerOf(options.mirrors, index),
        ...(exclusive ? { exclusiveOwner: size.deviceMemory.length + index } : {}),
        notifier: intervals.find((notifier) => notifier.name === `${name}.notifier`) ?? intervals[index],
        ...(driver.invalidateRangeStart ? classicNotifier(machine, name) : {}),
        storesStructPages: options.recorded !== undefined,
        size,
        frames: machine.frames,
        ...(mapsAtOnce ? { mapsAtOnce } : {}),
        threads: options.threads.flatMap((thread, t) => (thread.devices?.includes(index) ? [t] : [])),
      },
      driver,
    ),
  )
  options.mirrors.forEach(({ locksOut, twoPass }, index) => {
    if (twoPass) declareTwoPass(layout, mirrors[index], pages)
    if (locksOut) declareMigrationLock(layout, machine.deviceMemory[ownerOf(options.mirrors, index)])
  })
  const recorded = options.recorded && attachRecordedDevices(layout, machine, mirrors, size, options.recorded)
  const { poisons = false } = options.hotplug ?? {}
  const chunks = options.hotplug
    ? machine.deviceMemory.map((memory) => attachDeviceChunk(layout, memory, { poisons }))
    : []
  const devmems = options.hotplug?.helpers ? chunks.map((chunk) => attachHmmDevmem(layout, chunk)) : []
  if (chunks.length === 0 && !recorded)
    for (const memory of machine.deviceMemory) {
      if (options.copiesFail) attachFailingMemory(memory)
      else attachDeviceMemory(memory)
      const owner = mirrors.find((mirror) => mirror.owner === memory.owner)
      if (owner) attachOwnMemory(memory, owner)
    }
  generation?.mirrors?.declare(layout, machine, mirrors)
  const tasks = options.threads.map((thread, index) =>
    layout.scope(`task[${index}]`, () => ({
      thread: index,
      machine,
      mm: machine.mms[thread.process ?? 0],
      cpu: machine.cpus[index],
    })),
  )
  const turn = layout.scope('turn', (l) => ({
    thread: l.counter('thread', options.threads.length, { initial: 1, ghost: true }),
  }))
  const dma = mirrors
    .filter((_, index) => options.mirrors[index].dma)
    .map((mirror) => declareDmaList(layout, mirror, lastFrame(size)))
  const world: MirrorWorld = {
    machine,
    mirrors,
    tasks,
    chunks,
    devmems,
    turn,
    dma,
    ...(recorded ? { recorded } : {}),
  }
  const calls = options.threads.map((thread) => thread.calls(world))
  const hasMemory = machine.deviceMemory.length > 0
  const claimed = mirrors.map((mirror) => claimsOf(driver, mirror))
  const isClaimed = (claim: { readonly clause?: string }) =>
    generation === undefined ||
    claim.clause === undefined ||
    claim.clause === clause ||
    holdsIn(generation.name, claim.clause)
  return {
    layout,
    initialise: () => initialise(world, options, generation?.mirrors?.attach ?? attach),
    threads: options.threads.map((thread, index) => ({
      name: thread.name,
      program: (thread.process ?? 0) === 0 ? program : childProgram,
      args: [tasks[index], calls[index]],
      ...(thread.daemon ? { daemon: true } : {}),
    })),
    charts: chartsOf(layout, driver),
    ...(driver.closedBy === 'last user' && mirrors.length > 0
      ? { assumptions: [`driver ${driver.name} is closed by its last user, when no fault is handled`] }
      : {}),
    invariants: [
      // What can be said of an exclusive page in particular is said first.
      ...(isExclusive ? exclusiveInvariants(world) : []),
      ...mirroringInvariants(world),
      doneAreNoUsers(world, options.threads),
      ...(hasMemory ? migrationInvariants(world) : []),
      ...(options.swapSlots ? swapInvariants(world) : []),
      ...(options.userfaults ? userfaultInvariants(world) : []),
      ...(options.hugePages ? hugePageInvariants(world) : []),
      ...(options.lru ? lruInvariants(world) : []),
      ...deviceMemoryInvariants(world),
      ...devmemInvariants(world),
      ...(dma.length > 0 ? [nothingLeftMappedForDma(world), nothingUsedWithoutDma(world)] : []),
      ...(options.files ? fileInvariants(world) : []),
      ...(generation?.mirrors && mirrors.length > 0 ? [callbacksOfTheRegistered(world)] : []),
      ...claimed.flatMap(({ invariants = [] }) => invariants),
    ].filter(isClaimed),
    stepClaims: [
      ...mirroringStepClaims(world),
      systemCallsDoTheirWork(tasks, calls),
      faultsAreServedWhole(tasks, calls),
      theLivingAreUsers(world, calls),
      ...(hasMemory ? migrationStepClaims(world) : []),
      ...(recorded ? [snapshotsAreValidated(world)] : []),
      ...(options.swapSlots ? swapStepClaims(world) : []),
      ...(options.userfaults ? userfaultStepClaims(world) : []),
      ...(options.lru ? lruStepClaims(world) : []),
      ...deviceMemoryStepClaims(world),
      ...(isExclusive ? exclusiveStepClaims(world) : []),
      ...(options.hugePages ? hugePageStepClaims(world) : []),
      ...(generation?.mirrors && mirrors.length > 0
        ? [invalidationsArePassedOn(world), mirrorsRemoveTheRange(world)]
        : []),
      ...claimed.flatMap(({ stepClaims = [] }) => stepClaims),
      ...(options.stepClaims?.(world) ?? []),
    ].filter(isClaimed),
    abstractions: [
      ...mirroringAbstractions(world),
      ...deviceMemoryAbstractions(world),
      ...devmemAbstractions(world),
      ...(generation?.mirrors ? mirrors.map(generation.mirrors.abstraction) : []),
    ],
    normalisations: [renumberSequences(machine)],
    witnesses: [...devicesAreServed(world, options, calls), ...(options.witnesses?.(world) ?? [])].filter(
      isClaimed,
    ),
    progress: [
      // The most particular first: who waits in vain for a CPU keeps others waiting for a page.
      ...(options.lru ? drainProgress(world) : []),
      ...mirroringProgress(world, options.threads),
      ...(hasMemory ? migrationProgress(world) : []),
      ...deviceMemoryProgress(world),
      ...workProgress(world),
      everyThreadEnds(world, options.threads),
      ...claimed.flatMap(({ progress = [] }) => progress),
      ...(options.progress?.(world) ?? []),
    ].filter(isClaimed),
    unclaimed: generation === undefined ? [] : notHeldIn(generation.name).filter((id) => id !== clause),
    overrides: [
      ...(generation?.overrides ?? []),
      ...dma.flatMap(mappingForDma),
      ...devmems.flatMap(byWayOfHmmDevmem),
      ...(options.overrides ?? []),
    ],
  }
}

/** The scenario with a thread for each work item of `driver`: of each mirror its own. */
function withWorkers(options: MirrorScenario, driver: Driver): MirrorScenario {
  const names = Object.keys(driver.work ?? {})
  const workers = options.mirrors.flatMap(({ name: mirror, process = 0 }, index) =>
    names.map((name) => ({
      name: `${mirror}: ${name}`,
      process,
      devices: [index],
      daemon: true,
      calls: ({ mirrors }: MirrorWorld) => [call(worker_thread, workOf(mirrors[index], name))],
    })),
  )
  return workers.length === 0 ? options : { ...options, threads: [...options.threads, ...workers] }
}

/** The name of the classic notifier of the driver of a mirror. */
function classicOf(mirror: string): string {
  return `${mirror}.mmu_notifier`
}

/** The classic notifier of the driver of the mirror. */
function classicNotifier({ mms }: Machine, mirror: string): { readonly classic?: ClassicNotifier } {
  const all = mms.flatMap(({ subscriptions }) => subscriptions.classics)
  const classic = all.find(({ name }) => name === classicOf(mirror))
  return classic ? { classic } : {}
}

/** The index of the first mirror of the device. */
function deviceOf(mirrors: readonly MirrorDeclaration[], index: number): number {
  return mirrors[index].sameDevice ? deviceOf(mirrors, index - 1) : index
}

/** Owners are counted among those that have memory of their own. */
function ownerOf(mirrors: readonly MirrorDeclaration[], index: number): number {
  if (mirrors[index].sameDevice) return ownerOf(mirrors, index - 1)
  return mirrors[index].memory ? mirrors.slice(0, index).filter(({ memory }) => memory).length : -1
}
