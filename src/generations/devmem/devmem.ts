/**
 * `hmm_devmem`: the record of a device memory region in Linux 4.14 to 5.2. It forwards the
 * callbacks of the pagemap to those of the driver.
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

/** Callbacks of the driver. @kernel struct hmm_devmem_ops */
export interface HmmDevmemOps {
  /**
   * Called when the last reference to `frame` is dropped. No new reference can be taken, so that
   * the page belongs to the driver again. Part of the step that puts the last reference, under the
   * locks of that step.
   *
   * @kernel hmm_devmem_ops.free
   */
  readonly free: (devmem: HmmDevmem, frame: Frame) => void
  /**
   * Called when a CPU or get_user_pages accesses `page` in device memory. The driver migrates it
   * back, and may migrate the pages after it too. The mmap lock is held for reading.
   *
   * @param hint - the page that the fault found (`page`, `flags`). Unless the fault holds a
   * reference, the page may have been freed or reused: check it under the page-table lock
   * @returns 0; VM_FAULT_OOM if no page can be allocated; VM_FAULT_SIGBUS if the data is lost, and
   * then the entry is poisoned
   * @kernel hmm_devmem_ops.fault
   */
  readonly fault: Procedure<
    [current: Task, devmem: HmmDevmem, mm: MmStruct, page: number, hint: DeviceFault],
    number
  >
}

/**
 * Whether references can be taken. `live` lasts from percpu_ref_init to percpu_ref_kill.
 *
 * @kernel struct percpu_ref
 */
export const CounterState = { none: 'none', live: 'live', dying: 'dying' } as const

/** One of {@link CounterState}. */
export type CounterState = (typeof CounterState)[keyof typeof CounterState]

/** The fields of {@link HmmDevmem}. */
export interface DevmemCells {
  /** Whether the record is allocated. */
  allocated: boolean
  /** State of `ref`, without the count: {@link CounterState}. */
  counter: CounterState
  /** Whether `completion` is complete: the last reference has been dropped. */
  completion: boolean
  /** Whether `resource` is reserved: a free range of physical addresses. */
  resource: boolean
}

/**
 * The record of a device memory region. Every field but `allocated` is part of the memory from
 * devm_kzalloc.
 *
 * @kernel struct hmm_devmem
 */
export class HmmDevmem {
  constructor(
    /**
     * The region: its owner (`device`), its pages, and its `pagemap`, which holds the count of
     * `ref`.
     */
    readonly memory: DeviceMemory,
    /** `ops`. */
    readonly ops: HmmDevmemOps,
    readonly cells: DevmemCells,
    readonly lifecycle: Lifecycle,
    /** True if the driver poisons the entries of pages whose data is lost. */
    readonly poisons: boolean,
  ) {}

  /** `pfn_first`: pfn of the first page; -1 while no addresses are reserved. */
  pfnFirst(): number {
    return this.cells.resource ? this.memory.frames[0].pfn : -1
  }

  /** `pfn_last`: pfn after the last page; -1 while no addresses are reserved. */
  pfnLast(): number {
    return this.cells.resource ? this.memory.frames[0].pfn + this.memory.frames.length : -1
  }

  /**
   * `pagemap`.
   *
   * @throws Error if the memory is not hotplugged on this machine
   */
  get pagemap(): DevPagemap {
    const { owner, pagemap } = this.memory
    if (pagemap === undefined)
      throw new Error(`the memory of owner ${owner} does not come and go on this machine`)
    return pagemap
  }
}

/**
 * Puts `hmm_devmem` between the kernel and the driver that owns the memory of `chunk`. From now on
 * the kernel calls the driver's callbacks through it.
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

/**
 * The callbacks of every pagemap of `hmm_devmem`. Each calls the callback of the driver.
 *
 * @kernel hmm_pagemap_ops
 */
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

/**
 * A page is free: calls `free` of the driver. Part of the step that puts the last reference.
 *
 * @kernel hmm_devmem_free
 */
export function hmmDevmemFree(devmem: HmmDevmem, frame: Frame): void {
  claim(
    'C31',
    () => frame.refcount === 0 && frame.mapcount === 0,
    `the driver is told that frame ${frame.pfn} is free, and somebody has a reference to it`,
  )
  devmem.ops.free(devmem, frame)
}

/**
 * A CPU has accessed a page of the region: calls `fault` of the driver. The record is found through
 * the page, so that the caller must keep the region from being removed.
 *
 * @returns the result of the driver
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

/**
 * The last reference is dropped: completes `completion`. Part of the step that puts it.
 *
 * @kernel hmm_devmem_ref_release
 */
export function hmmDevmemRefRelease({ cells, lifecycle }: HmmDevmem): void {
  cells.completion = true
  lifecycle.signal('DRAINED')
}
