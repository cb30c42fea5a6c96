/**
 * What may be asked of a migration: which requests are refused, and which pages are collected, cell by cell.
 *
 * @see reference B.5 steps 1 and 2
 */
import { describe, expect, it } from 'vitest'
import { evict, migrateToDevice, migrateToSystem } from '../../../src/driver/index.js'
import { protOf } from '../../../src/driver/recorded/index.js'
import {
  change_prot_numa,
  cpuRead,
  cpuWrite,
  Errno,
  FaultHolds,
  fork,
  get_user_pages_remote,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  hasSource,
  isMigrating,
  type MigrateVma,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
  mprotect,
  PteKind,
  pagesOf,
  pinUserPageLongterm,
  release_pages,
  SELECT_DEVICE_COHERENT,
  SELECT_DEVICE_PRIVATE,
  SELECT_SYSTEM,
  type Task,
  VM_READ,
  VmaKind,
} from '../../../src/kernel/index.js'
import { procedure, type Running, step } from '../../../src/world/index.js'
import { Board } from './board.js'

const HINTED = 'system (protnone) ro'
const GPU = 0
const NPU = 1

/** What setup makes of the first page: an error, or 1 if it is left alone, 2 for a hole, 3 for a page. Then it is put back. */
const collectFirst = procedure(function* collect(current: Task, args: MigrateVma): Running<number> {
  yield* args.mm.mmapLock.lockRead()
  const error = yield* migrate_vma_setup(current, args)
  const entry = pagesOf(current)[args.start]
  const found = error
    ? error
    : yield* step('look', () => (isMigrating(entry) ? (hasSource(entry) ? 3 : 2) : 1))
  if (!error) {
    yield* migrate_vma_pages(current, args)
    yield* migrate_vma_finalize(current, args)
  }
  yield* args.mm.mmapLock.unlockRead()
  return found
})

function collects(board: Board, select: number, more: Partial<MigrateVma> = {}): string {
  const args = { mm: board.parent.mm, start: 0, end: 1, owner: GPU, select, ...more }
  const before = board.entries()
  const found = board.call(collectFirst, args)
  // What was collected is put back; only the hint is lost.
  const after = board.entries()
  expect(after).toEqual(before.map((entry, page) => (page === 0 && entry === HINTED ? after[page] : entry)))
  return found < 0 ? `error ${-found}` : ['', 'not', 'hole', 'page'][found]
}

/** A board whose first page is as it says. */
const boards = {
  untouched: () => new Board(),
  zero: () => having(new Board(), (board) => board.call(cpuRead, 0)),
  system: () => having(new Board(), (board) => board.call(cpuWrite, 0, 1)),
  hinted: () =>
    having(boards.system(), (board) => {
      board.call(change_prot_numa, 0, 1)
      expect(board.parent.mm.pte[0].kind).toBe(PteKind.protnone)
    }),
  'hinted zero': () => having(boards.zero(), (board) => board.call(change_prot_numa, 0, 1)),
  'without access': () => having(boards.system(), (board) => board.call(mprotect, 0, 3, 0)),
  'on the gpu': () => having(boards.system(), (board) => board.call(migrateToDevice, board.gpu, 0, 1)),
  'on the coherent gpu': () =>
    having(new Board({ coherent: [GPU] }), (board) => {
      board.call(cpuWrite, 0, 1)
      board.call(migrateToDevice, board.gpu, 0, 1)
    }),
  'of a child too': () => having(boards.system(), (board) => board.call(fork, board.child.mm)),
} as const

function having(board: Board, arrange: (board: Board) => unknown): Board {
  arrange(board)
  return board
}

describe('what is collected', () => {
  const S = SELECT_SYSTEM
  const P = SELECT_DEVICE_PRIVATE
  const C = SELECT_DEVICE_COHERENT
  it.each<[keyof typeof boards, number, number, string]>([
    // A hole is collected whatever is selected, the zero page only with system memory.
    ['untouched', S, GPU, 'hole'],
    ['untouched', P, GPU, 'hole'],
    ['untouched', C, GPU, 'hole'],
    ['zero', S, GPU, 'hole'],
    ['zero', P, GPU, 'not'],
    ['zero', C, GPU, 'not'],
    ['hinted zero', S, GPU, 'hole'],
    ['hinted zero', P, GPU, 'not'],
    ['system', S, GPU, 'page'],
    ['system', P, GPU, 'not'],
    ['system', C, GPU, 'not'],
    ['system', 0, GPU, 'not'],
    ['hinted', S, GPU, 'page'],
    ['hinted', P | C, GPU, 'not'],
    ['without access', S, GPU, 'page'],
    ['of a child too', S, GPU, 'page'],
    ['on the gpu', P, GPU, 'page'],
    ['on the gpu', P, NPU, 'not'],
    ['on the gpu', S, GPU, 'not'],
    ['on the gpu', C, GPU, 'not'],
    ['on the gpu', S | P, GPU, 'page'],
    ['on the coherent gpu', C, GPU, 'page'],
    ['on the coherent gpu', C, NPU, 'not'],
    ['on the coherent gpu', S, GPU, 'not'],
    ['on the coherent gpu', P, GPU, 'not'],
    ['on the coherent gpu', S | C, GPU, 'page'],
  ])('a page that is %s, selected by %i for owner %i: %s', (what, select, owner, collected) => {
    expect(collects(boards[what](), select, { owner })).toBe(collected)
  })
})

describe('what is refused', () => {
  it.each(Object.entries(VmaKind))('an area of kind %s', (name, kind) => {
    const board = boards.untouched()
    for (const area of board.parent.mm.vma) area.kind = kind
    const refused = ['none', 'pfnmap', 'mixedmap', 'hugetlb'].includes(name)
    expect(collects(board, SELECT_SYSTEM) === `error ${Errno.EINVAL}`).toBe(refused)
  })

  it.each([
    ['empty', 1, 1],
    ['that ends before it begins', 2, 1],
    ['past the end', 2, 4],
    ['beyond the end', 3, 4],
  ])('a range %s', (_, start, end) => {
    expect(collects(boards.system(), SELECT_SYSTEM, { start, end })).toBe(`error ${Errno.EINVAL}`)
  })

  it.each([
    ['of system memory', 'system', false, FaultHolds.nothing, false],
    ['of coherent memory', 'on the coherent gpu', false, FaultHolds.nothing, false],
    ['that the fault says it holds', 'on the gpu', false, FaultHolds.reference, true],
    ['that the fault says it has locked, and has not', 'on the gpu', false, FaultHolds.lock, false],
    ['that the fault has locked', 'on the gpu', true, FaultHolds.lock, true],
  ] as const)('a page of the fault %s', (_, what, isLocked, holds, isTaken) => {
    const board = boards[what]()
    const pfn = board.parent.mm.pte[0].frame
    const frame = board.machine.frames[pfn]
    if (isLocked) frame.locked = board.parent.thread + 1
    if (holds !== FaultHolds.nothing) frame.refcount += 1
    const found = collects(board, SELECT_DEVICE_PRIVATE | SELECT_DEVICE_COHERENT | SELECT_SYSTEM, {
      fault: { pfn, holds },
    })
    expect(found).toBe(isTaken ? 'page' : `error ${Errno.EINVAL}`)
    // What the fault has locked stays locked.
    expect(frame.locked).toBe(isLocked ? 1 : 0)
  })
})

describe('an entry that the CPU may not use', () => {
  it('goes to the device, and comes back to be read', () => {
    const board = boards.hinted()
    board.call(migrateToDevice, board.gpu, 0, 1)
    expect(board.entries()[0]).toBe('gpu ro')
    expect(board.call(cpuRead, 0)).toBe(1)
    expect(board.entries()[0]).toBe('system ro')
  })

  it('permits nothing when it comes back to an area that permits nothing', () => {
    const board = boards['on the gpu']()
    board.call(mprotect, 0, 3, 0)
    board.call(evict, board.machine.deviceMemory[GPU])
    expect(board.parent.mm.pte[0].kind).toBe(PteKind.protnone)
    board.call(mprotect, 0, 3, VM_READ)
    expect(board.call(cpuRead, 0)).toBe(1)
  })
})

describe('coherent memory', () => {
  it('is used where it is, and leaves when its owner asks', () => {
    const board = boards['on the coherent gpu']()
    expect(board.entries()[0]).toBe('gpu rw')
    expect(board.call(cpuWrite, 0, 5)).toBe(0)
    expect(board.call(cpuRead, 0)).toBe(5)
    expect(board.inUse()).toEqual({ system: 0, gpu: 1, npu: 0 })
    board.call(migrateToSystem, board.npu, 0, 1)
    expect(board.entries()[0]).toBe('gpu rw')
    board.call(migrateToSystem, board.gpu, 0, 1)
    expect(board.entries()[0]).toBe('system rw')
    expect(board.call(cpuRead, 0)).toBe(5)
    expect(board.inUse()).toEqual({ system: 1, gpu: 0, npu: 0 })
  })

  it.each(['gpu', 'npu'] as const)('is told to the %s like any page', (name) => {
    const board = boards['on the coherent gpu']()
    const flags = HMM_PFN_VALID | HMM_PFN_WRITE
    for (const request of [0, HMM_PFN_REQ_FAULT, HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE])
      expect(board.walk(board[name], 0, request)).toEqual({ error: 0, flags })
    expect(board.entries()[0]).toBe('gpu rw')
  })

  it.each([
    ['gpu', 'on the coherent gpu', 0x42],
    ['npu', 'on the coherent gpu', 0x52],
    ['gpu', 'on the gpu', 0x22],
    ['npu', 'on the gpu', 0x00],
    ['gpu', 'system', 0x02],
  ] as const)('is told apart in a snapshot: the %s sees a page that is %s as %i', (name, what, byte) => {
    const board = boards[what]()
    const mirror = board[name]
    board.walk(mirror, 0, 0)
    const range = mirror.ranges.get(0)
    expect(range && protOf(board.machine, mirror, range, 0)).toBe(byte)
  })

  it('may be held for a while where it is, and for long in system memory only', () => {
    const board = boards['on the coherent gpu']()
    const held = board.call(hold)
    expect(board.entries()[0]).toBe('gpu rw')
    expect(board.call(pinUserPageLongterm, 0)).toBe(-Errno.EBUSY)
    expect(board.entries()[0]).toBe('gpu rw')
    board.call(release, held)
    expect(board.call(pinUserPageLongterm, 0)).toBe(0)
    expect(board.entries()[0]).toBe('system rw')
    expect(board.call(cpuRead, 0)).toBe(1)
    expect(board.inUse()).toEqual({ system: 1, gpu: 0, npu: 0 })
  })

  it('cannot be held for long where there is no other memory', () => {
    const board = new Board({ frames: 1, coherent: [GPU] })
    board.call(cpuWrite, 0, 1)
    board.call(migrateToDevice, board.gpu, 0, 1)
    board.call(cpuWrite, 1, 2)
    expect(board.call(pinUserPageLongterm, 0)).toBe(-Errno.EBUSY)
    expect(board.entries()).toEqual(['gpu rw', 'system rw', 'none'])
    expect(board.inUse()).toEqual({ system: 1, gpu: 1, npu: 0 })
  })

  it('is copied by the first of two processes that writes', () => {
    const board = boards['on the coherent gpu']()
    board.call(fork, board.child.mm)
    expect(board.callInChild(cpuWrite, 0, 7)).toBe(0)
    expect([board.call(cpuRead, 0), board.callInChild(cpuRead, 0)]).toEqual([1, 7])
    expect([board.entries()[0], board.entries(board.child)[0]]).toEqual(['gpu ro', 'system rw'])
    expect(board.call(cpuWrite, 0, 8)).toBe(0)
    expect(board.entries()[0]).toBe('gpu rw')
  })

  it('that is private is brought back for whoever holds it', () => {
    const board = boards['on the gpu']()
    expect(board.call(pinUserPageLongterm, 0)).toBe(0)
    expect(board.entries()[0]).toBe('system rw')
  })
})

const hold = procedure(function* hold(current: Task) {
  const { mm } = current
  yield* mm.mmapLock.lockRead()
  const pfns = yield* get_user_pages_remote(current, mm, 0, 1)
  yield* mm.mmapLock.unlockRead()
  return pfns
})

const release = procedure(function* release({ machine }: Task, pfns: readonly number[]) {
  yield* release_pages(machine, pfns)
})
