/** A scenario of mirroring: the example of `docs/writing-a-scenario.md`. */
import { deviceAccess } from 'hmm-spec/driver'
import { cpuWrite, mprotect, munmap, VM_READ } from 'hmm-spec/kernel'
import { call, mirrorScenario } from 'hmm-spec/spec'
import { READ_ONCE } from 'hmm-spec/world'

export const protectThenUnmap = mirrorScenario({
  name: 'protect-then-unmap',
  summary:
    'A device reads and then writes while a thread makes the pages read-only and another unmaps the last.',
  exercises: ['C1', 'C3', 'C4'],
  parameters: {
    pages: { summary: 'pages of the address space', min: 1, max: 3, smoke: 1, default: 2, deep: 3 },
  },
  world: ({ pages }) => ({
    // All pages are touched: each has a frame that contains 1.
    pages: Array.from({ length: pages }, () => ({ touched: true })),
    mirrors: [{ name: 'gpu' }],
    // Frames for pages that are faulted in later, and the number of invalidations in a run.
    spareFrames: 1,
    invalidations: 2,
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: ({ mirrors: [gpu] }) => [call(deviceAccess, gpu, 0, pages), call(deviceAccess, gpu, 0, 1, 2)],
      },
      { name: 'cpu 1', calls: () => [call(mprotect, 0, pages, VM_READ), call(cpuWrite, 0, 1)] },
      { name: 'cpu 2', calls: () => [call(munmap, pages - 1, 1)] },
    ],
    witnesses: ({ mirrors: [gpu] }) => [
      {
        name: 'the device may read page 0 and not write it',
        holds: () => READ_ONCE(gpu.pageTable[0]).frame !== undefined && !READ_ONCE(gpu.pageTable[0]).write,
      },
    ],
  }),
})
