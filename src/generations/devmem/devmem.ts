/**
 * `hmm_devmem`: what Linux 4.14 to 5.2 kept of a region of device memory for its driver, and how the callbacks of the pagemap
 * are led to those of the driver.
 *
 * @see reference A.1
 * @module
 */
import type { DeviceChunk } from '../../driver/index.js'
import {
  type DeviceFault,
  type DeviceMemory,
  type DeviceMemoryOps,
  type DevPagemap,
  type Frame,
  type MmStruct,
  PteKind,
  type Task,
  VM_FAULT_SIGBUS,
} from '../../kernel/index.js'
import {
  claim,
  type Layout,
  type Lifecycle,
  type Procedure,
  procedure,
  READ_ONCE,
  type Running,
  step,
} from '../../world/index.js'

/** What the driver is asked to do. @kernel struct hmm_devmem_ops */
export interface HmmDevmemOps {
  /**
   * Nobody has a reference to `frame` any more, nor can get one: it is the driver's alone. Part of the step that puts the last
   * one, under whatever locks that is.
   *
   * @kernel hmm_devmem_ops.free
   */
  readonly free: (devmem: HmmDevmem, frame: Frame) => void
  /**
   * A CPU, or get_user_pages, has touched `page`, which was in device memory: the driver migrates it back, and may bring others after it.
   * The mmap lock is held for reading.
   *
   * @param hint - the page that was found there (`page`, `flags`). What is found under locks decides: it may be free, or
   * somebody else's, unless the fault holds it
   * @returns 0; VM_FAULT_OOM if there is no page to bring it to; VM_FAULT_SIGBUS if it is lost, and then the entry is poisoned
   * @kernel hmm_devmem_ops.fault
   */
  readonly fault: Procedure<
    [current: Task, devmem: HmmDevmem, mm: MmStruct, page: number, hint: DeviceFault],
    number
  >
}

/** Whether references can be had: from percpu_ref_init to the kill. @kernel struct percpu_ref */
export const CounterState = { none: 'none', live: 'live', dying: 'dying' } as const

/** One of {@link CounterState}. */
export type CounterState = (typeof CounterState)[keyof typeof CounterState]

/** The fields of {@link HmmDevmem}. */
export interface DevmemCells {
  /** Whether the record is there. */
  allocated: boolean
  /** `ref`, as far as it is not the count: {@link CounterState}. */
  counter: CounterState
  /** Whether `completion` is complete: the last reference is gone. */
  completion: boolean
  /** Whether `resource` is there: physical addresses where nothing else is. */
  resource: boolean
}

/** What is kept of a region for its driver. All but `allocated` is part of what devm_kzalloc has given. @kernel struct hmm_devmem */
export class HmmDevmem {
  constructor(
    /** The region: whose it is (`device`), its pages, and its `pagemap`, which has the count itself. */
    readonly memory: DeviceMemory,
    /** `ops`. */
    readonly ops: HmmDevmemOps,
    readonly cells: DevmemCells,
    readonly lifecycle: Lifecycle,
    /** True if its driver keeps the promise that what is lost is poisoned. */
    readonly poisons: boolean,
  ) {}

  /** `pfn_first`: the number of the first page; -1 as long as there are no addresses for it. */
  pfnFirst(): number {
    return this.cells.resource ? this.memory.frames[0].pfn : -1
  }

  /** `pfn_last`: the number of the page after the last; -1 as long as there are no addresses. */
  pfnLast(): number {
    return this.cells.resource ? this.memory.frames[0].pfn + this.memory.frames.length : -1
  }

  /** `pagemap`. @throws Error if the memory does not come and go on this machine */
  get pagemap(): DevPagemap {
    const { owner, pagemap } = this.memory
    if (pagemap === undefined)
      throw new Error(`the memory of owner ${owner} does not come and go on this machine`)
    return pagemap
  }
}

/**
 * Puts `hmm_devmem` between the kernel and the driver that has the memory of `chunk`: the same driver, whose callbacks are called by way
 * of it from now on.
 */
export function attachHmmDevmem(layout: Layout, { memory, poisons }: DeviceChunk): HmmDevmem {
  const { migrateToRam, pageFree } = memory.ops
  const ops: HmmDevmemOps = {
    fault: procedure('hmm_devmem_ops.fault', function* (current, _devmem, mm, page, hint) {
      return yield* migrateToRam(current, mm, page, hint)
    }),
    free: (_devmem, frame) => pageFree?.(frame),
  }
  const devmem = layout.scope(`devmem[${memory.owner}]`, (l) => {
    const allocated = l.flag('allocated')
    const cells = l.record({
      allocated,
      counter: l.oneOf('ref', CounterState, { partOf: allocated }),
      completion: l.flag('completion', { partOf: allocated }),
      resource: l.flag('resource', { partOf: allocated }),
    })
    const lifecycle = l.lifecycle('deviceMemoryHotplug', 'lifecycle')
    return new HmmDevmem(memory, ops, cells, lifecycle, poisons)
  })
  memory.ops = { ...memory.ops, ...hmmPagemapOps(devmem) }
  devmem.pagemap.release = () => hmmDevmemRefRelease(devmem)
  return devmem
}

/** The callbacks of every pagemap of `hmm_devmem`: each finds the driver's. @kernel hmm_pagemap_ops */
export function hmmPagemapOps(devmem: HmmDevmem): DeviceMemoryOps {
  return {
    migrateToRam: procedure(
      'hmm_pagemap_ops.migrate_to_ram',
      function* (current: Task, mm: MmStruct, page: number, fault: DeviceFault) {
        return yield* hmm_devmem_migrate_to_ram(current, devmem, mm, page, fault)
      },
    ),
    pageFree: (frame) => hmmDevmemFree(devmem, frame),
  }
}

/** A page is free: leads to `free`. Part of the step that puts the last reference. @kernel hmm_devmem_free */
export function hmmDevmemFree(devmem: HmmDevmem, frame: Frame): void {
  claim(
    'C31',
    () => frame.refcount === 0 && frame.mapcount === 0,
    `the driver is told that frame ${frame.pfn} is free, and somebody has a reference to it`,
  )
  devmem.ops.free(devmem, frame)
}

/**
 * A CPU has touched a page of the region: leads to `fault`. The record is found by way of the page: so whoever comes here must keep the
 * region from going.
 *
 * @returns what the driver answers
 * @kernel hmm_devmem_migrate_to_ram
 */
export const hmm_devmem_migrate_to_ram = procedure(function* hmm_devmem_migrate_to_ram(
  current: Task,
  devmem: HmmDevmem,
  mm: MmStruct,
  page: number,
  fault: DeviceFault,
): Running<number> {
  yield* step('container_of(page->pgmap)', () => devmem.cells.resource)
  const error = yield* devmem.ops.fault(current, devmem, mm, page, fault)
  if (error === VM_FAULT_SIGBUS && devmem.poisons)
    yield* step('SIGBUS', () => {
      const pte = mm.pte[page]
      const isLeft = READ_ONCE(pte).kind === PteKind.devicePrivate && devmem.memory.frames.some(isAt(pte))
      claim('poisoned', !isLeft, `page ${page} is lost, and its entry still leads to the device`)
      return 0
    })
  return error
})

function isAt(pte: MmStruct['pte'][number]) {
  return ({ pfn }: Frame) => pfn === READ_ONCE(pte).frame
}

/** The last reference is gone: says so. Part of the step that gives it back. @kernel hmm_devmem_ref_release */
export function hmmDevmemRefRelease({ cells, lifecycle }: HmmDevmem): void {
  cells.completion = true
  lifecycle.signal('DRAINED')
}
