/**
 * Bugs of on-demand paging.
 *
 * @module
 */
import type { HistoricBug } from './bug.js'

/** Bugs of the RDMA core, mlx5 and rxe. */
export const odpBugs: readonly HistoricBug[] = [
  {
    subsystem: 'RDMA core ODP',
    year: 2023,
    source: { commit: '186b169cf1e4' },
    what: 'A region that is paged on demand does not note the address by which devices use it, so that its page sizes are computed from 0.',
    kind: 'arithmetic',
    notSaid: 'a device uses the addresses of the process in the model',
  },
  {
    subsystem: 'mlx5 ODP',
    year: 2025,
    source: { commit: 'abb604a1a9c8', cve: 'CVE-2025-21732' },
    what: 'A region is revoked, and a callback that is under way changes its page table afterwards.',
    kind: 'protocol',
    alike: ['D35'],
  },
  {
    subsystem: 'mlx5 ODP',
    year: 2025,
    source: { commit: 'd3d930411ce3', cve: 'CVE-2025-21714' },
    what: 'Two threads find a child region empty, and each queues its destruction.',
    kind: 'protocol',
    defects: ['D36'],
  },
  {
    subsystem: 'mlx5 ODP',
    year: 2025,
    source: { commit: '3d8c6f26893d' },
    what: 'A child region that is not destroyed after all keeps its reference to the parent, whose deregistration waits for it for ever.',
    kind: 'lifetime',
    defects: ['T42'],
  },
  {
    subsystem: 'mlx5 ODP',
    year: 2025,
    source: { commit: '2c6b640ea08b', cve: 'CVE-2025-38372' },
    what: 'The array of the keys of a device is changed under the lock of another array.',
    kind: 'protocol',
    defects: ['T41'],
  },
  {
    subsystem: 'mlx5 ODP',
    year: 2025,
    source: { commit: '2ed25aa7f771' },
    what: 'Deregistration allocates memory under umem_mutex: reclaim may wait for the callback of the region, which wants the mutex.',
    kind: 'protocol',
    defects: ['T31'],
  },
  {
    subsystem: 'rxe ODP',
    year: 2025,
    source: { commit: '0b261d7c1cd3' },
    what: 'A read requests no permission, so no page ever satisfies the request: it is faulted again and again.',
    kind: 'protocol',
    defects: ['T4'],
  },
  {
    subsystem: 'rxe ODP',
    year: 2025,
    source: { commit: '3c68cf68233e' },
    what: 'The page is still missing after the walk, and the error is returned with umem_mutex held.',
    kind: 'error path',
    defects: ['T4'],
  },
  {
    subsystem: 'rxe ODP',
    year: 2026,
    source: { text: 'drivers/infiniband/sw/rxe/rxe_odp.c: rxe_check_pagefault (Linux 6.17 and 7.3)' },
    what: 'A write access only checks whether the page is present, and writes to pages that were mapped for reading.',
    kind: 'protocol',
    defects: ['T1', 'T94'],
  },
]
