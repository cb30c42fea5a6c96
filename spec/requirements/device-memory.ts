/**
 * Device memory itself: what a region owes its pages, what a page is while it is free, and what a mirror owes its end.
 *
 * @module
 */
import type { Requirement } from '../requirement.js'

/** What must hold of device memory that comes and goes, and of what is charged for it. */
export const deviceMemory: readonly Requirement[] = [
  {
    id: 'C33',
    title: 'the charge goes with the data',
    text:
      'A page that holds data of a process is charged to its memory cgroup, in system memory or in device memory alike, and once. ' +
      'Migration moves the charge and asks for none: so a page can always be brought back, whatever the limit is, as ' +
      'long as there is memory.',
    source: ['reference C33, A.1', 'mm/memcontrol.c: mem_cgroup_migrate', 'Documentation/mm/hmm.rst'],
    checks: ['the charge is where the data is', 'no limit keeps a page from coming back'],
  },
  {
    id: 'C44',
    title: 'a region of device memory goes when its pages are free',
    text:
      'memunmap_pages completes when every page of the region is free, and not before. From the kill on no page of it is taken ' +
      'into use. A driver that has stopped allocating and brings back what is in use sees it complete; one whose device is lost sees ' +
      'it complete when the processes have let go of what was lost.',
    source: ['reference C44, B.8', 'mm/memremap.c: memunmap_pages, zone_device_page_init'],
    checks: [
      'assert:removePages',
      'assert:zoneDevicePageInit',
      'a region is referenced by its pages in use',
      'memory that is removed goes',
      'the region is evicting',
      'the region is drained',
      'the region is dying',
      'a region of hmm_devmem is killed, and still used',
      'assert:exitCounter',
    ],
  },
  {
    id: 'C45',
    title: 'a process that ends gives its device memory back',
    text:
      'The end of an address space zaps device-private entries like any others: each gives its reference back, and the page is ' +
      'free when the last process that shared it has ended. Nothing is left in use that nobody can reach.',
    source: ['reference C45, B.7', 'mm/memory.c: zap_nonpresent_ptes', 'Documentation/mm/hmm.rst'],
    checks: ['a process that has ended holds no device memory'],
  },
  {
    id: 'C46',
    title: 'a free device page has no reference',
    text:
      'A device page on the free list of its driver has a count of zero, so that nobody who knows it by its number alone can get ' +
      'hold of it. Before Linux 6.1 it had a count of one, and anybody could (D51).',
    source: ['reference C46, B.7, D51', 'mm/memremap.c: free_zone_device_folio'],
    checks: ['a page on the free list has no reference'],
  },
  {
    id: 'revoked',
    title: 'a page table that is revoked is left alone',
    text:
      "When a driver has given the device's page table back to the hardware it changes no entry of it any more: neither a fault that " +
      'is still being handled, nor an invalidation, which finds nothing to do.',
    source: ['reference D35, G.3 M28', 'drivers/infiniband/hw/mlx5/odp.c'],
    checks: ['assert:mustNotBeRevoked', 'an invalidation finds the page table revoked'],
  },
]
