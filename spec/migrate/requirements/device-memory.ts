/**
 * Device memory: charging, removing a region, free pages, and revoking a device page table.
 *
 * @module
 */
import type { Requirement } from '../../requirement.js'

/** The requirements of device memory that is added and removed, and of its charges. */
export const deviceMemory: readonly Requirement[] = [
  {
    id: 'C33',
    title: 'the charge moves with the data',
    text:
      'A page that holds data of a process is charged to its memory cgroup once, whether it is in ' +
      'system memory or in device memory. Migration moves the charge and makes no new one, so a page ' +
      'can be migrated back whenever memory is free, whatever the limit.',
    source: ['reference C33, A.1', 'mm/memcontrol.c: mem_cgroup_migrate', 'Documentation/mm/hmm.rst'],
    checks: ['the charge is where the data is', 'no limit keeps a page from coming back'],
  },
  {
    id: 'eviction',
    title: 'eviction looks at no address space',
    text:
      'A driver that wants its memory back goes by the pages in it (migrate_device_range), and not by a process, its areas or a ' +
      'mmap lock: a page may be mapped by the child of a process that has exited or unmapped it, and whoever wants the memory may hold ' +
      'locks under which no mmap lock may be taken.',
    source: [
      'Documentation/gpu/rfc/gpusvm.rst',
      'drivers/gpu/drm/drm_pagemap.c: drm_pagemap_evict_to_ram',
      'reference B.8',
    ],
    checks: ['an eviction holds no mmap lock'],
  },
  {
    id: 'C44',
    title: 'device memory is removed when its pages are free',
    text:
      'memunmap_pages completes when every page of the region is free, and not before. After the kill ' +
      'no page of the region is allocated. If the driver has stopped allocating and migrates back ' +
      'what is in use, it completes; if the device is lost, it completes when the processes have ' +
      'unmapped the lost pages.',
    source: ['reference C44, B.8', 'mm/memremap.c: memunmap_pages, zone_device_page_init'],
    checks: [
      'assert:removePages',
      'assert:killPages',
      'assert:putRegion',
      'assert:zoneDevicePageInit',
      'a region is referenced by its pages in use',
      'memory that is removed goes',
      'the region is evicting',
      'the region is drained',
      'the region is dying',
      'a region of hmm_devmem is killed, and still used',
      'the page is part of another folio before its region has a reference less',
      'assert:exitCounter',
    ],
  },
  {
    id: 'C45',
    title: 'a process that exits frees its device memory',
    text:
      'The exit of an address space zaps device-private entries like any others: each drops its ' +
      'reference, and the page is free when the last process that shared it has exited. No page stays ' +
      'in use that nothing can reach.',
    source: ['reference C45, B.7', 'mm/memory.c: zap_nonpresent_ptes', 'Documentation/mm/hmm.rst'],
    checks: ['a process that has ended holds no device memory'],
  },
  {
    id: 'C46',
    title: 'a free device page has no reference',
    text:
      'A device page on the free list of its driver has a reference count of 0, so that a speculative ' +
      'reference by page number fails. Before Linux 6.1 the count was 1, and the attempt succeeded ' +
      '(D51).',
    source: ['reference C46, B.7, D51', 'mm/memremap.c: free_zone_device_folio'],
    checks: ['a page on the free list has no reference'],
  },
  {
    id: 'revoked',
    title: 'a revoked device page table is not changed',
    text:
      'After a driver has returned the device page table to the hardware it changes no entry of it: ' +
      'neither a fault that is still being handled does, nor an invalidation, which finds nothing to ' +
      'do.',
    source: ['reference D35, G.3 M28', 'drivers/infiniband/hw/mlx5/odp.c'],
    checks: ['assert:mustNotBeRevoked', 'an invalidation finds the page table revoked'],
  },
]
