/**
 * What must be done about an entry before it can be told, in each generation. A pure function of what was asked, of what
 * the CPU's entry grants, and of how entries look.
 *
 * @see reference A.1, B.3
 * @module
 */
import { HMM_NEED_FAULT, HMM_NEED_WRITE_FAULT } from '../../kernel/index.js'

const NEED_WRITE = HMM_NEED_FAULT | HMM_NEED_WRITE_FAULT

import { type DriverEncoding, HmmPfnFlag } from './driver.js'
import { HMM_PFN_VALID, HMM_PFN_WRITE } from './top.js'

/** Which requests of a range count. @kernel struct hmm_range */
export interface Requests {
  /** Asked of every page. */
  readonly defaultFlags: bigint
  /** Which bits of an entry of the array count. */
  readonly pfnFlagsMask: bigint
}

function flag({ flags }: DriverEncoding, index: number): bigint {
  return flags[index] ?? 0n
}

/**
 * 4.17 to 5.0: everything is asked by page. Device memory is left where it is unless DEVICE_PRIVATE asks for it back.
 *
 * @param faulting - false in hmm_vma_get_pfns, which faults nothing
 * @param asked - the entry of the array
 * @param cpu - the flags that the CPU's entry grants, as the driver's bits
 * @returns `HMM_NEED_` bits
 * @kernel hmm_pte_need_fault
 */
export function needFault417(range: DriverEncoding, faulting: boolean, asked: bigint, cpu: bigint): number {
  const valid = flag(range, HmmPfnFlag.HMM_PFN_VALID)
  const write = flag(range, HmmPfnFlag.HMM_PFN_WRITE)
  const devicePrivate = flag(range, HmmPfnFlag.HMM_PFN_DEVICE_PRIVATE)
  if (!faulting || !(asked & valid)) return 0
  if (cpu & devicePrivate) {
    if (!(asked & devicePrivate)) return 0
    return asked & write ? NEED_WRITE : HMM_NEED_FAULT
  }
  if (asked & write && !(cpu & write)) return NEED_WRITE
  return cpu & valid ? 0 : HMM_NEED_FAULT
}

/**
 * The same as the patch of seed 002 has it, mistakes and all (D22b): what is valid is faulted and what is not is left, and a
 * write that is needed clears both answers. The patch only gave it the driver's bits; it was so before. Mended in 4.17.
 *
 * @kernel hmm_pte_need_fault
 */
export function needFaultAsPatched(
  range: DriverEncoding,
  faulting: boolean,
  asked: bigint,
  cpu: bigint,
): number {
  const valid = flag(range, HmmPfnFlag.HMM_PFN_VALID)
  const write = flag(range, HmmPfnFlag.HMM_PFN_WRITE)
  const devicePrivate = flag(range, HmmPfnFlag.HMM_PFN_DEVICE_PRIVATE)
  if (!faulting || !(asked & valid)) return 0
  if (asked & write && !(cpu & write)) return 0
  if (asked & devicePrivate && cpu & devicePrivate) return asked & write ? NEED_WRITE : HMM_NEED_FAULT
  return cpu & valid ? HMM_NEED_FAULT : 0
}

/**
 * 5.1 to 5.6: {@link needFault417}, with defaults for the whole range and a mask over the entries.
 *
 * @param faulting - false with HMM_FAULT_SNAPSHOT (5.1 and 5.2: in hmm_range_snapshot)
 * @kernel hmm_pte_need_fault
 */
export function needFault51(
  range: DriverEncoding & Requests,
  faulting: boolean,
  asked: bigint,
  cpu: bigint,
): number {
  return needFault417(range, faulting, wanted(range, asked), cpu)
}

/**
 * 5.7: device memory is the owner's or somebody else's, and no request is about it. The walk tells the owner's own as it is and
 * does not come here; another's grants nothing. There is no flag for a snapshot: it asks for nothing.
 *
 * @kernel hmm_pte_need_fault
 */
export function needFault57(range: DriverEncoding & Requests, asked: bigint, cpu: bigint): number {
  const valid = flag(range, HmmPfnFlag.HMM_PFN_VALID)
  const write = flag(range, HmmPfnFlag.HMM_PFN_WRITE)
  return decide(wanted(range, asked), cpu, valid, write)
}

/**
 * 5.8 and later: the same with `HMM_PFN_REQ_FAULT` and `HMM_PFN_REQ_WRITE` at fixed places.
 *
 * @kernel hmm_pte_need_fault
 */
export function needFault58(range: Requests, asked: bigint, cpu: bigint): number {
  // Requests are the bits of what they ask for.
  return decide(wanted(range, asked), cpu, HMM_PFN_VALID, HMM_PFN_WRITE)
}

function wanted({ defaultFlags, pfnFlagsMask }: Requests, asked: bigint): bigint {
  return (asked & pfnFlagsMask) | defaultFlags
}

function decide(want: bigint, cpu: bigint, valid: bigint, write: bigint): number {
  if (!(want & valid)) return 0
  if (want & write && !(cpu & write)) return NEED_WRITE
  return cpu & valid ? 0 : HMM_NEED_FAULT
}
