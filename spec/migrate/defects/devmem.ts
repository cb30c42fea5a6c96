/**
 * Defects of device memory managed by `hmm_devmem`.
 *
 * @module
 */
import { bringBackFrom } from '../../../src/driver/index.js'
import {
  hmm_devmem_add,
  hmm_devmem_ref_exit,
  hmm_devmem_ref_kill,
  hmmDevmemFree,
} from '../../../src/generations/index.js'
import { poisonDevicePage } from '../../../src/kernel/index.js'
import { onStep, override, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** The cleanup does not wait. */
const noCompletion = onStep(hmm_devmem_ref_exit, 'wait_for_completion', () => () => 0)

/** As in the document: the error is returned, and the counter stays. */
const counterLeft = onStep(hmm_devmem_add, 'percpu_ref_exit', () => () => 0)

/**
 * As before Linux 6.1: each page has a reference of the region, which is put when the region is
 * removed.
 */
const baseReferencesPut = override(
  hmm_devmem_ref_kill,
  (original) =>
    function* (devmem) {
      yield* original(devmem)
      yield* step('put the first reference of each page', () => {
        for (const frame of devmem.memory.frames) if (frame.refcount > 0) hmmDevmemFree(devmem, frame)
        return 0
      })
    },
)

/** The driver does not poison entries, although the interface requires it. */
const notPoisoned = override(poisonDevicePage, () => function* () {})

/** The page of the fault is put on the free list at the end of the fault. */
const hintIsFree = override(
  bringBackFrom,
  (original) =>
    function* (current, chunk, mm, page, fault) {
      const error = yield* original(current, chunk, mm, page, fault)
      if (!error)
        yield* step('put the page on the free list', () => {
          current.machine.frames[fault.pfn].onFreeList = true
          return 0
        })
      return error
    },
)

/** Defects of `hmm_devmem`, and of drivers that use it. */
export const devmemDefects: readonly Defect[] = [
  {
    name: 'X230',
    kind: 'mutation',
    title: 'the counter of a region is exited before its last reference is dropped',
    text:
      'The cleanup callback of the pagemap does not wait for the completion: a reference that is dropped ' +
      'later uses a counter that has been exited.',
    source: ['our own', 'seed 001: hmm_devmem_ref_exit'],
    requirement: 'C44',
    scenario: 'devmem-held',
    overrides: [noCompletion],
    steps: 13,
  },
  {
    name: 'X231',
    kind: 'hazard',
    title: 'removing a region calls free for pages that are in use',
    text:
      'Read off the kernel before 6.1. A free page had one reference, and a page in use one more; free() ' +
      'was called when the count fell to 1. Removing a region dropped the first reference of every page: ' +
      'the count of one in use fell to 1, and free() was called for it.',
    source: [
      'our own',
      'seed 001: hmm_devmem_ops.free',
      'reference C31, D51',
      'kernel/memremap.c before Linux 6.1',
    ],
    requirement: 'C31',
    scenario: 'devmem-held',
    overrides: [baseReferencesPut],
    steps: 12,
  },
  {
    name: 'X232',
    kind: 'history',
    title: 'hmm_devmem_add fails, and leaks its counter',
    text:
      'As in the document: where no range of addresses can be found the error is returned, and ' +
      'percpu_ref_exit is never called. The record is freed with the device, and the memory of the counter ' +
      'is leaked.',
    source: ['seed 001: hmm_devmem_add', 'reference A.1'],
    requirement: 'plugging',
    scenario: 'devmem-hotplug',
    overrides: [counterLeft],
    steps: 5,
  },
  {
    name: 'X233',
    kind: 'mutation',
    title: 'a driver of hmm_devmem returns SIGBUS, and leaves the entry',
    text:
      'The page is lost, and the entry refers to it for ever: the interface required the entry to be ' +
      'poisoned, and drivers did not do it.',
    source: ['our own', 'seed 001: struct hmm_devmem', 'reference A.1'],
    requirement: 'poisoned',
    scenario: 'devmem-unplug',
    overrides: [notPoisoned],
    steps: 9,
  },
  {
    name: 'X234',
    kind: 'mutation',
    title: 'a fault callback treats the page argument as its own',
    text:
      'The page is a hint: for looking things up, and not to be changed. A driver that has migrated it back ' +
      'puts it on its free list at once, and does not wait for page_free: the fault still has a reference ' +
      'to it, and others may have taken one meanwhile.',
    source: ['our own', 'seed 001: hmm_devmem_ops.fault', 'reference C31, C46'],
    requirement: 'C46',
    scenario: 'devmem-unplug',
    overrides: [hintIsFree],
    steps: 21,
  },
]
