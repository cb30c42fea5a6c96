/**
 * Every interleaving of two calls on one page, without devices: data, references and locks hold, and would not without
 * the parts of the protocol that are there for it.
 */
import { describe, expect, it } from 'vitest'
import { check } from '../../../src/checker/index.js'
import {
  cpuRead,
  cpuWrite,
  declareMachine,
  flush_tlb_range,
  fork,
  type Machine,
  madvise_dontneed,
  mmap,
  mmput,
  mprotect,
  munmap,
  oom_reap_task_mm,
  PteKind,
  type Task,
  VM_READ,
  VM_WRITE,
  VmaKind,
  wp_page_copy,
  ZERO_PAGE,
} from '../../../src/kernel/index.js'
import {
  BLOCKED,
  Layout,
  type Model,
  type Override,
  override,
  type Procedure,
  procedure,
  scenario,
  step,
} from '../../../src/world/index.js'

const RW = VM_READ | VM_WRITE

/** What a thread calls, each with the task first. */
// biome-ignore lint/suspicious/noExplicitAny: calls of any procedures
type Calls = readonly (readonly [target: Procedure<any[], unknown>, ...args: unknown[]])[]

const program = procedure(function* program(task: Task, calls: Calls) {
  for (const [target, ...args] of calls) yield* one(task, target, args)
})

const one = procedure('one call', function* (task: Task, target: Calls[0][0], args: readonly unknown[]) {
  yield* target(task, ...args)
})

const childProgram = procedure('program of a child', function* (task: Task, calls: Calls) {
  yield* step('wait to be forked', () => (task.mm.users > 0 ? 0 : BLOCKED))
  yield* program(task, calls)
})

const reap = procedure(function* reap(task: Task) {
  yield* oom_reap_task_mm(task, task.mm)
})

const exit = procedure(function* exit(task: Task) {
  yield* mmput(task, task.mm)
})

const forkChild = procedure('fork a child', function* (task: Task) {
  yield* fork(task, task.machine.mms[1])
})

/** One page that is written already, threads of one process, and one thread of its child. */
function model(parents: readonly Calls[], child: Calls | undefined): Model {
  const threads = [...parents, ...(child ? [child] : [])]
  const layout = new Layout({ threads: threads.length })
  const machine = declareMachine(layout, {
    pages: 1,
    frames: 4,
    mms: child ? 2 : 1,
    cpus: threads.map((calls) => (calls === child ? 1 : 0)),
    values: 3,
    invalidations: 1,
    intervals: [],
  })
  const tasks = machine.cpus.map((cpu, thread) =>
    layout.scope(`task${thread}`, () => ({ thread, machine, mm: cpu.mm, cpu })),
  )
  return {
    layout,
    initialise: () => initialise(machine),
    threads: threads.map((calls, i) => ({
      name: `thread ${i}`,
      program: calls === child ? childProgram : program,
      args: [tasks[i], calls],
    })),
    invariants: [
      {
        clause: 'references',
        name: 'every mapping has a reference',
        judge: () => missingReference(machine) ?? true,
      },
      {
        clause: 'references',
        name: 'nothing leaks',
        judge: (view) => (threads.every((_, i) => view.finished(i)) ? (leak(machine) ?? true) : undefined),
      },
    ],
  }
}

function initialise({ mms: [mm], frames }: Machine): void {
  mm.vma[0].kind = VmaKind.anonymous
  mm.vma[0].flags = RW
  mm.pte[0].kind = PteKind.present
  mm.pte[0].frame = 1
  mm.pte[0].write = true
  frames[1].refcount = 1
  frames[1].mapcount = 1
  frames[1].contents = 1
  mm.expected[0].value = 1
}

function mappings({ mms }: Machine, pfn: number): number {
  return mms.filter(({ pte: [pte] }) => pte.kind !== PteKind.none && pte.frame === pfn).length
}

function missingReference(machine: Machine): string | undefined {
  for (const frame of machine.frames) {
    if (frame.pfn === ZERO_PAGE) continue
    const mapped = mappings(machine, frame.pfn)
    if (frame.mapcount !== mapped || frame.refcount < mapped)
      return `frame ${frame.pfn} is mapped ${mapped} times, and counts ${frame.mapcount} mappings, ${frame.refcount} references`
  }
  return undefined
}

function leak(machine: Machine): string | undefined {
  const leaked = machine.frames.find(
    (frame) => frame.pfn !== ZERO_PAGE && frame.refcount !== mappings(machine, frame.pfn),
  )
  return leaked && `frame ${leaked.pfn} has ${leaked.refcount} references when all is done`
}

async function explore(
  parents: readonly Calls[],
  options: { child?: Calls; overrides?: readonly Override[] } = {},
) {
  return await check(
    scenario({
      name: 'race',
      summary: '',
      exercises: [],
      parameters: {},
      build: () => ({ ...model(parents, options.child), overrides: options.overrides ?? [] }),
    }),
  )
}

const access: Calls = [
  [cpuWrite, 0, 2],
  [cpuRead, 0],
  [cpuWrite, 0, 3],
  [cpuRead, 0],
]

const OPERATIONS: Readonly<Record<string, Calls>> = {
  access,
  munmap: [[munmap, 0, 1]],
  'mmap over': [
    [mmap, 0, 1, RW],
    [cpuRead, 0],
  ],
  'mprotect to read-only and back': [
    [mprotect, 0, 1, VM_READ],
    [mprotect, 0, 1, RW],
  ],
  'mprotect to none and back': [
    [mprotect, 0, 1, 0],
    [mprotect, 0, 1, RW],
  ],
  MADV_DONTNEED: [
    [madvise_dontneed, 0, 1],
    [cpuWrite, 0, 1],
  ],
  'the OOM reaper': [[reap]],
  exit: [[exit]],
}

describe('accesses by one thread while another does', () => {
  it.each(Object.keys(OPERATIONS))('%s', async (name) => {
    expect(await explore([access, OPERATIONS[name]])).toMatchObject({ verdict: 'holds' })
  })
})

describe('two threads that change the page table at once', () => {
  const names = Object.keys(OPERATIONS).slice(1, -1)
  it.each(names.flatMap((a, i) => names.slice(i).map((b) => [a, b] as const)))('%s, %s', async (a, b) => {
    expect(await explore([OPERATIONS[a], OPERATIONS[b]])).toMatchObject({ verdict: 'holds' })
  })
})

describe('fork while another thread writes', () => {
  const parents: readonly Calls[] = [
    [[forkChild], [cpuWrite, 0, 2], [cpuRead, 0]],
    [
      [cpuWrite, 0, 3],
      [cpuWrite, 0, 2],
      [cpuRead, 0],
    ],
  ]
  const child: Calls = [[cpuRead, 0], [cpuWrite, 0, 1], [cpuRead, 0], [exit]]

  it('gives the child what was there when it was ready, and each its own from then on', async () => {
    expect(await explore(parents, { child })).toMatchObject({ verdict: 'holds' })
  })

  it('would let the other thread write to the page of the child if CPUs were not flushed', async () => {
    expect(await explore(parents, { child, overrides: [withoutFlush] })).toMatchObject({
      verdict: 'violated',
      violation: { clause: 'data' },
    })
  })
})

// It takes no step at all.
const withoutFlush = override(flush_tlb_range, () => function* () {})

describe('without the flush', () => {
  it('a CPU would go on using a page that munmap has freed', async () => {
    expect(await explore([access, OPERATIONS.munmap], { overrides: [withoutFlush] })).toMatchObject({
      verdict: 'violated',
      violation: { clause: 'use-after-free' },
    })
  })
})

describe('copy-on-write', () => {
  it('that took it for granted that it replaced the entry would give back a reference too many', async () => {
    // Whatever the look under the lock finds, the answer is that the copy is in place.
    const blind = override(
      wp_page_copy,
      () =>
        function* (task, mm, page, old) {
          const running = wp_page_copy.body(task, mm, page, old)
          let result = running.next()
          while (!result.done) {
            const operation = result.value
            const received: unknown = yield operation.kind === 'step' &&
            operation.name === 'clear, flush and replace'
              ? { ...operation, run: (choice: number) => operation.run(choice) || 1 }
              : operation
            result = running.next(received)
          }
          return result.value
        },
    )
    expect(
      await explore([[[forkChild], [cpuWrite, 0, 2]], [[cpuWrite, 0, 3]]], {
        child: [[cpuRead, 0]],
        overrides: [blind],
      }),
    ).toMatchObject({ verdict: 'violated', violation: { clause: 'use-after-free' } })
  })
})
