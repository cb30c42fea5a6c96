/**
 * What the walk must do before it can report an entry (`HMM_NEED_*`), in each generation. A pure
 * function of the request, of the access that the CPU page-table entry grants, and of the encoding.
 *
 * @see reference A.1, B.3
 * @module
 */
import { HMM_NEED_FAULT, HMM_NEED_WRITE_FAULT } from '../../kernel/index.js'

const NEED_WRITE = HMM_NEED_FAULT | HMM_NEED_WRITE_FAULT

import { type DriverEncoding, HmmPfnFlag } from './driver.js'
import { HMM_PFN_VALID, HMM_PFN_WRITE } from './top.js'

/** Requests that apply to a whole range. @kernel struct hmm_range */
export interface Requests {
  /** Requested for every page. */
  readonly defaultFlags: bigint
  /** Mask of the bits of an array entry that count as requests. */
  readonly pfnFlagsMask: bigint
}

function flag({ flags }: DriverEncoding, index: number): bigint {
  return flags[index] ?? 0n
}

/**
 * 4.17 to 5.0: requests are per page. Device memory stays in place unless DEVICE_PRIVATE requests
 * its migration.
 *
 * @param faulting - false in hmm_vma_get_pfns, which does not fault
 * @param asked - the entry of the array
 * @param cpu - what the CPU page-table entry grants, as the driver's flags
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
 * As in the patch of seed 002, with its bugs (D22b): it faults valid entries and skips absent ones,
 * and a needed write fault clears both results. The bugs are older than the patch, which only adds
 * the driver's flags. Fixed in 4.17.
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
 * 5.1 to 5.6: {@link needFault417}, with default requests for the range and a mask for the entries.
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
 * 5.7: requests no longer concern device memory. The walk reports the owner's own pages as they are
 * and does not call this; pages of another owner grant nothing. A snapshot requests nothing, so
 * there is no parameter for it.
 *
 * @kernel hmm_pte_need_fault
 */
export function needFault57(range: DriverEncoding & Requests, asked: bigint, cpu: bigint): number {
  const valid = flag(range, HmmPfnFlag.HMM_PFN_VALID)
  const write = flag(range, HmmPfnFlag.HMM_PFN_WRITE)
  return decide(wanted(range, asked), cpu, valid, write)
}

/**
 * 5.8 and later: as 5.7, with `HMM_PFN_REQ_FAULT` and `HMM_PFN_REQ_WRITE` at fixed positions.
 *
 * @kernel hmm_pte_need_fault
 */
export function needFault58(range: Requests, asked: bigint, cpu: bigint): number {
  // Each request has the same bit as the flag that it requests.
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
