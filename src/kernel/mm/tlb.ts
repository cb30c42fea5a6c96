/**
 * The TLBs of the CPUs, and their flush.
 *
 * @see reference B.2
 * @module
 */
import type { Machine, MmStruct } from '../../machine/index.js'
import { procedure, step } from '../../world/index.js'

/**
 * Flushes the pages from `start` to `end` on every CPU that runs the address space. Called inside
 * an atomic step.
 */
export function flushTlb(machine: Machine, mm: MmStruct, start: number, end: number): void {
  for (const cpu of machine.cpus) {
    if (cpu.mm !== mm) continue
    for (let page = start; page < end; page++) {
      cpu.tlb[page].frame = undefined
      cpu.tlb[page].write = false
      cpu.tlb[page].dirty = false
    }
  }
}

/**
 * The same as a step of its own. One step: the interrupted CPUs flush one after another, and a
 * flush only removes translations.
 *
 * @kernel flush_tlb_range arch/x86/mm/tlb.c
 * @see reference B.2
 */
export const flush_tlb_range = procedure(function* flush_tlb_range(
  machine: Machine,
  mm: MmStruct,
  start: number,
  end: number,
) {
  if (!machine.cpus.some((cpu) => cpu.mm === mm)) return
  yield* step('flush every CPU', () => {
    flushTlb(machine, mm, start, end)
    return 0
  })
})
