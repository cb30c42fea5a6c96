/** Traces made by hand, for what draws them. */
import type { Trace, TraceStep } from '../../src/checker/index.js'

/** A step of a made-up trace. */
export function aStep(
  thread: number,
  procedure: string,
  step: string,
  changes: TraceStep['changes'] = [],
): TraceStep {
  return {
    thread,
    name: ['device', 'cpu'][thread],
    procedure,
    step,
    choice: 0,
    choices: 1,
    result: 0,
    changes,
  }
}

/** A trace of two threads that goes round for ever. */
export const looping: Trace = {
  format: 'hmm-spec-trace',
  version: 1,
  scenario: 'made-up',
  parameters: { pages: 1 },
  defects: [],
  clause: 'C14',
  claim: 'populate ends',
  kind: 'progress',
  detail: 'this run never gets on; <see #14>',
  shortest: false,
  threads: ['device', 'cpu'],
  steps: [
    aStep(0, 'populate', 'begin', [{ cell: 'range.state', before: 'idle', after: 'begin', ghost: true }]),
    {
      ...aStep(1, 'munmap', 'zap', [
        { cell: 'mm.pte[0].kind', before: 'present', after: 'none', ghost: false },
      ]),
      choice: 1,
      choices: 3,
    },
    aStep(0, 'a_procedure_with_a_very_long_name_indeed', 'a step that runs on over the next column', []),
    aStep(1, 'munmap', 'flush'),
  ],
  loopFrom: 2,
}

function changed(cell: string, before: string, after: string): TraceStep['changes'][number] {
  return { cell, before, after, ghost: false }
}

/** A trace of two threads, both of which take locks; one invalidates meanwhile, and is not done when the trace ends. */
export const locking: Trace = {
  format: 'hmm-spec-trace',
  version: 1,
  scenario: 'made-up',
  parameters: { pages: 1 },
  defects: [],
  claim: 'same page',
  shortest: true,
  threads: ['device', 'cpu'],
  clause: 'C1',
  kind: 'invariant',
  detail: 'the device maps what is gone',
  steps: [
    aStep(0, 'fault', 'down_read mm.mmap_lock', [changed('mm.mmap_lock.readers', '0', '1')]),
    aStep(1, 'munmap', 'down_read mm.mmap_lock', [changed('mm.mmap_lock.readers', '1', '3')]),
    aStep(1, 'munmap', 'count the invalidation', [
      changed('range[1].mm', '0', '1'),
      changed('range[1].start', '0', '1'),
      changed('range[1].end', '0', '2'),
      changed('range[1].event', 'UNMAP', 'CLEAR'),
    ]),
    aStep(0, 'fault', 'lock gpu.update', [changed('gpu.update', '0', '1')]),
    aStep(0, 'fault', 'unlock gpu.update', [changed('gpu.update', '1', '0')]),
    aStep(0, 'fault', 'up_read mm.mmap_lock', [changed('mm.mmap_lock.readers', '3', '2')]),
    aStep(1, 'invalidate', 'lock gpu.update', [changed('gpu.update', '0', '2')]),
  ],
}
