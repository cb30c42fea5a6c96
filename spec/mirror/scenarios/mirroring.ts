/**
 * A device mirrors a process that changes its mappings.
 *
 * @module
 */
import { deviceAccess } from '../../../src/driver/index.js'
import {
  cpuRead,
  cpuWrite,
  fork,
  madvise_dontneed,
  mmap,
  mprotect,
  munmap,
  VM_READ,
  VM_WRITE,
} from '../../../src/kernel/index.js'
import type { Parameter } from '../../../src/world/index.js'
import { call, mirrorScenario } from './mirror-world.js'

const RW = VM_READ | VM_WRITE

/** A parameter that counts pages of the address space. */
export function pagesParameter(smoke: number, normal: number, deep: number): Parameter {
  return { summary: 'pages of the address space', min: 1, max: 3, smoke, default: normal, deep }
}

/** `count` pages of a kind. */
export function repeat<T>(count: number, item: T): T[] {
  return Array.from({ length: count }, () => item)
}

/** The device writes while the process unmaps. */
export const munmapVersusDevice = mirrorScenario({
  name: 'munmap',
  summary:
    'A device writes to all pages while a thread unmaps them, and another reads and writes them ' +
    'through its TLB.',
  exercises: [
    'C1',
    'C2',
    'C3',
    'C5',
    'C8',
    'C20',
    'C21',
    'C47',
    'use-after-free',
    'lock-discipline',
    'lock-order',
    'atomic-sleep',
    'deadlock',
    'refinement',
    'progress',
  ],
  parameters: { pages: pagesParameter(1, 3, 3) },
  world: ({ pages }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 1,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, pages, 2)] },
      { name: 'cpu 1', calls: () => [call(munmap, 0, pages), call(cpuRead, 0)] },
      { name: 'cpu 2', calls: () => [call(cpuWrite, 0, 1), call(cpuRead, pages - 1)] },
    ],
  }),
})

/** The device writes while the process zaps pages and writes to them again. */
export const dontneedVersusDevice = mirrorScenario({
  name: 'madvise',
  summary:
    'A device writes and then reads, while a thread zaps the pages (MADV_DONTNEED) and two write ' +
    'again: faults run under the same lock that the zap holds.',
  exercises: ['C1', 'C2', 'C3', 'C4', 'C8', 'C10', 'C18', 'C49', 'data', 'use-after-free'],
  parameters: { pages: pagesParameter(1, 2, 3) },
  world: ({ pages }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'gpu' }],
    spareFrames: pages + 1,
    invalidations: 3,
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: (m) => [call(deviceAccess, m.mirrors[0], 0, pages, 2), call(deviceAccess, m.mirrors[0], 0, 1)],
      },
      { name: 'cpu 1', calls: () => [call(madvise_dontneed, 0, pages), call(cpuWrite, 0, 1)] },
      { name: 'cpu 2', calls: () => [call(cpuWrite, 0, 2), call(cpuRead, 0)] },
    ],
  }),
})

/** The process makes pages read-only and writable again. */
export const mprotectVersusDevice = mirrorScenario({
  name: 'mprotect',
  summary: 'A device writes while another thread makes the pages read-only, and writable again.',
  exercises: ['C2', 'C4', 'C6', 'C21', 'C49', 'area-rights', 'system-calls'],
  parameters: { pages: pagesParameter(1, 3, 3) },
  world: ({ pages }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 2,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, pages, 2)] },
      { name: 'cpu 1', calls: () => [call(mprotect, 0, pages, VM_READ), call(mprotect, 0, 1, RW)] },
      { name: 'cpu 2', calls: () => [call(cpuWrite, 0, 1), call(cpuRead, pages - 1)] },
    ],
  }),
})

/** A write replaces the zero page. */
export const zeroPage = mirrorScenario({
  name: 'zero-page',
  summary:
    'A device reads untouched pages and gets the zero page; a CPU writes to them, and the next ' +
    'device access must read the new data.',
  exercises: ['C1', 'C4', 'C18', 'C21', 'C49', 'data'],
  parameters: { pages: pagesParameter(1, 2, 3) },
  world: ({ pages }) => ({
    pages: repeat(pages, {}),
    mirrors: [{ name: 'gpu' }],
    spareFrames: 2 * pages,
    invalidations: 3,
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: (m) => [call(deviceAccess, m.mirrors[0], 0, pages), call(deviceAccess, m.mirrors[0], 0, 1, 2)],
      },
      { name: 'cpu 1', calls: () => [call(cpuRead, 0), call(cpuWrite, 0, 1)] },
      { name: 'cpu 2', calls: () => [call(cpuWrite, pages - 1, 2), call(cpuRead, 0)] },
    ],
  }),
})

/** A page that the device maps read-only is unmapped. */
export const unmapReadOnly = mirrorScenario({
  name: 'unmap-read-only',
  summary:
    'A device reads an untouched page, and a thread unmaps it: the device loses its read-only entry ' +
    'too.',
  exercises: ['C1', 'C3', 'C49'],
  parameters: { pages: pagesParameter(1, 2, 3) },
  world: ({ pages }) => ({
    pages: repeat(pages, {}),
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 1,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, pages)] },
      { name: 'cpu', calls: () => [call(munmap, 0, pages)] },
    ],
  }),
})

/** Parent and child share pages until one of them writes. */
export const forkVersusDevice = mirrorScenario({
  name: 'fork',
  summary:
    'A process whose pages a device writes forks; parent, child and device then write to the shared ' +
    'page.',
  exercises: ['C1', 'C2', 'C4', 'C47', 'data', 'use-after-free'],
  parameters: { pages: pagesParameter(1, 2, 3) },
  world: ({ pages }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'gpu' }],
    processes: 2,
    spareFrames: 2 * pages + 1,
    values: 3,
    invalidations: 4,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, pages, 2)] },
      {
        name: 'parent',
        calls: (m) => [call(fork, m.machine.mms[1]), call(cpuRead, 0), call(cpuWrite, 0, 1)],
      },
      { name: 'child', process: 1, calls: () => [call(cpuWrite, 0, 3), call(cpuRead, 0)] },
    ],
  }),
})

/** The parent runs on another CPU while it forks. */
export const forkVersusCpu = mirrorScenario({
  name: 'fork-and-write',
  summary:
    'A thread forks while another thread of the process writes through its TLB: the child has what ' +
    'was written before its page was shared, whoever writes afterwards.',
  exercises: ['C2', 'C47', 'data'],
  parameters: { pages: pagesParameter(1, 2, 3) },
  world: ({ pages }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'gpu' }],
    processes: 2,
    spareFrames: 2 * pages,
    values: 3,
    invalidations: 3,
    threads: [
      { name: 'parent', calls: (m) => [call(fork, m.machine.mms[1])] },
      { name: 'cpu', calls: () => [call(cpuWrite, 0, 2), call(cpuWrite, 0, 3)] },
      { name: 'child', process: 1, calls: () => [call(cpuRead, 0), call(cpuWrite, 0, 1)] },
    ],
  }),
})

/** Two devices mirror the same pages. */
export const twoDevices = mirrorScenario({
  name: 'two-devices',
  summary: 'Two devices access the same page, one writing, one reading, while a thread zaps it.',
  exercises: ['C1', 'C3', 'C8', 'C10', 'deadlock', 'data'],
  parameters: { pages: pagesParameter(1, 2, 3) },
  world: ({ pages }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'gpu' }, { name: 'nic' }],
    spareFrames: pages,
    invalidations: 1,
    threads: [
      { name: 'gpu', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, pages, 2)] },
      { name: 'nic', devices: [1], calls: (m) => [call(deviceAccess, m.mirrors[1], 0, 1)] },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
  }),
})

/** Two faults of one device at once, and a change of the page table. */
export const twoFaults = mirrorScenario({
  name: 'two-faults',
  summary: 'Two fault threads of one device fault on the same pages at once while a CPU zaps one of them.',
  exercises: ['C1', 'C5', 'C8', 'C9', 'C13', 'C49'],
  parameters: { pages: pagesParameter(1, 2, 3) },
  world: ({ pages }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'gpu' }],
    spareFrames: pages,
    invalidations: 1,
    threads: [
      { name: 'warp 1', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, pages, 2)] },
      { name: 'warp 2', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1)] },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
  }),
})

/** Invalidations that overlap in time and space. */
export const overlappingInvalidations = mirrorScenario({
  name: 'overlapping-invalidations',
  summary: 'Two threads zap overlapping ranges at once while a device accesses them.',
  exercises: ['C1', 'C14', 'C15', 'C32', 'C49'],
  parameters: { pages: pagesParameter(1, 2, 2) },
  world: ({ pages }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'gpu' }],
    spareFrames: pages,
    invalidations: 2,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2)] },
      { name: 'cpu 1', calls: () => [call(madvise_dontneed, 0, pages)] },
      { name: 'cpu 2', calls: () => [call(madvise_dontneed, pages - 1, 1)] },
    ],
  }),
})

/** A new mapping in place of the old one. */
export const mmapOver = mirrorScenario({
  name: 'mmap-over',
  summary:
    'A thread maps new memory with MAP_FIXED over pages that a device writes, read-only on the last ' +
    'page.',
  exercises: ['C1', 'C2', 'C21', 'C47', 'C49'],
  parameters: { pages: pagesParameter(1, 3, 3) },
  world: ({ pages }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'gpu' }],
    spareFrames: pages,
    invalidations: 2,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, pages, 2)] },
      { name: 'cpu 1', calls: () => [call(mmap, 0, pages, RW), call(mmap, pages - 1, 1, VM_READ)] },
      { name: 'cpu 2', calls: () => [call(cpuWrite, 0, 1), call(cpuRead, pages - 1)] },
    ],
  }),
})

/** Everything at once. Five million states: explored with today's texts only, that a run of an earlier generation may end soon. */
export const fourThreads = mirrorScenario({
  name: 'four-threads',
  summary:
    'Two devices, one writing and one reading, and two CPUs, one zapping the page and one writing: ' +
    'the largest mixture that is explored by default.',
  exercises: ['C1', 'C3', 'C8', 'C9', 'C49', 'data'],
  generations: [],
  parameters: {
    pages: pagesParameter(1, 1, 2),
    cpus: { summary: 'CPUs that use the page', min: 1, max: 2, smoke: 1, default: 2, deep: 2 },
  },
  world: ({ pages, cpus }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'gpu' }, { name: 'nic' }],
    spareFrames: pages + 1,
    values: 3,
    invalidations: 2,
    threads: [
      { name: 'gpu', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, pages, 2)] },
      { name: 'nic', devices: [1], calls: (m) => [call(deviceAccess, m.mirrors[1], 0, 1)] },
      { name: 'cpu 1', calls: () => [call(madvise_dontneed, 0, 1)] },
      ...(cpus > 1 ? [{ name: 'cpu 2', calls: () => [call(cpuWrite, 0, 3)] }] : []),
    ],
  }),
})
