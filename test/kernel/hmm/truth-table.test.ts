/**
 * The truth table of the walk: for each kind of entry and each request, what comes back and what was done for it.
 *
 * @see reference B.3.1
 */
import { describe, expect, it } from 'vitest'
import {
  declareMachine,
  declareRange,
  Errno,
  errnoName,
  HMM_PFN_ERROR,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  hmm_pte_need_fault,
  hmm_range_fault,
  PmdKind,
  PteKind,
  pmdAt,
  type Task,
  VM_READ,
  VM_WRITE,
  VmaKind,
  ZERO_PAGE,
} from '../../../src/kernel/index.js'
import { Layout, Mutex, procedure, SequentialRunner, type World } from '../../../src/world/index.js'

const RF = HMM_PFN_REQ_FAULT
const RW = HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE
const V = HMM_PFN_VALID
const VW = HMM_PFN_VALID | HMM_PFN_WRITE
const E = HMM_PFN_ERROR

const PAGE = 1
const FRAME = 1

interface Bench {
  readonly w: World
  readonly task: Task
  readonly range: ReturnType<typeof declareRange>
}

/** A machine of one process. Where there are huge pages they have two pages: {@link PAGE} is the second of the first. */
function bench(isHuge = false): Bench {
  const layout = new Layout({ threads: 1 })
  const size = {
    pages: 3,
    frames: 4,
    mms: 1,
    cpus: [0],
    values: 1,
    invalidations: 4,
    ...(isHuge ? { hugePages: 2 } : { swapSlots: 1 }),
    intervals: [{ name: 'sub', mm: 0, start: 0, last: 2 }],
  }
  const machine = declareMachine(layout, size)
  const mm = machine.mms[0]
  const sub = mm.subscriptions.intervals[0]
  const update = new Mutex(layout, 'update')
  // Its driver maps nothing, so that it has nothing to do but to let go.
  sub.ops = {
    invalidate: procedure('invalidate nothing', function* () {
      return 1
    }),
    setUnder: update,
  }
  const range = declareRange(layout, 'range', 0, sub, size, update)
  const w = layout.initial()
  sub.allocated = true
  sub.seq = 1
  range.notifierSeq.number = 1
  sub.inTree = true
  return { w, task: { thread: 0, machine, mm, cpu: machine.cpus[0] }, range }
}

type Entry =
  | 'none'
  | 'read-only'
  | 'writable'
  | 'zero page'
  | 'hint'
  | 'swap'
  | 'exclusive'
  | 'exclusive, read-only'
  | 'poisoned'
  | HugeEntry

type HugeEntry = 'huge, read-only' | 'huge, writable' | 'huge, hint' | 'huge zero page'

function isHuge(entry: Entry): entry is HugeEntry {
  return entry.startsWith('huge')
}

const KINDS: Partial<Record<Entry, PteKind>> = {
  hint: PteKind.protnone,
  exclusive: PteKind.deviceExclusive,
  'exclusive, read-only': PteKind.deviceExclusive,
}

/** A huge page at the pages 0 and 1. */
function putHuge({ task }: Pick<Bench, 'w' | 'task'>, entry: HugeEntry, kind: VmaKind, flags: number): void {
  const { mm, machine } = task
  for (const page of [0, PAGE]) {
    mm.vma[page].kind = kind
    mm.vma[page].flags = flags
    mm.pte[page].kind = entry === 'huge, hint' ? PteKind.protnone : PteKind.present
    mm.pte[page].write = entry === 'huge, writable'
    if (entry === 'huge zero page') continue
    const frame = machine.frames[FRAME + page]
    mm.pte[page].frame = frame.pfn
    frame.refcount = 1
    frame.mapcount = 1
    frame.compound = page + 1
  }
  const pmd = pmdAt(mm, PAGE)
  if (pmd) pmd.kind = PmdKind.huge
}

function put({ w, task }: Bench, entry: Entry, kind: VmaKind, flags: number): void {
  const { mm, machine } = task
  mm.vma[PAGE].kind = kind
  mm.vma[PAGE].flags = flags
  if (isHuge(entry)) {
    putHuge({ w, task }, entry, kind, flags)
    return
  }
  if (entry === 'none') return
  const pte = mm.pte[PAGE]
  if (entry === 'poisoned') {
    pte.kind = PteKind.poison
    return
  }
  if (entry === 'swap') {
    pte.kind = PteKind.swap
    pte.slot = 1
    pte.exclusive = true
    pte.softDirty = true
    machine.swap[0].count = 1
    return
  }
  pte.kind = KINDS[entry] ?? PteKind.present
  pte.write = entry === 'writable' || entry === 'exclusive'
  pte.frame = entry === 'zero page' ? ZERO_PAGE : FRAME
  if (entry === 'zero page') return
  machine.frames[FRAME].refcount = 1
  machine.frames[FRAME].anonExclusive = true
  if (!entry.startsWith('exclusive')) machine.frames[FRAME].mapcount = 1
}

const walkOnce = procedure(
  'walk once',
  function* (
    task: Task,
    range: Bench['range'],
    defaultFlags: number,
    mask: number,
    requests: readonly number[],
  ) {
    yield* task.mm.mmapLock.lockRead()
    const error = yield* hmm_range_fault(task, range, {
      start: PAGE,
      end: PAGE + 1,
      defaultFlags,
      pfnFlagsMask: mask,
      requests,
      owner: -1,
    })
    yield* task.mm.mmapLock.unlockRead()
    return error
  },
)

interface Outcome {
  readonly error: number
  /** What the array holds. */
  readonly flags: number
  /** Its order. */
  readonly order: number
  /** How often a page was faulted in. */
  readonly faults: number
}

function ask(b: Bench, defaultFlags: number, mask: number, request: number): Outcome {
  let faults = 0
  const runner = new SequentialRunner({
    onStep: (from, step) => {
      if (from.procedureName === 'handle_mm_fault' && step.name === 'look at the entry') faults++
    },
  })
  const error = runner.run(0, walkOnce, b.task, b.range, defaultFlags, mask, [request])
  return { error, flags: b.range.pfns[PAGE].flags, order: b.range.pfns[PAGE].order, faults }
}

const RO_AREA = VM_READ
const RW_AREA = VM_READ | VM_WRITE
const ANON = VmaKind.anonymous

/** Area, entry, and what comes back for no request, for a read, for a write: flags, or the error. `h` marks the order of a huge page, `+` a fault. */
const TABLE: readonly [string, VmaKind, number, Entry, string, string, string][] = [
  ['no area', VmaKind.none, 0, 'none', 'E', 'EFAULT', 'EFAULT'],
  ['an area of raw frames', VmaKind.pfnmap, RW_AREA, 'none', 'E', 'EFAULT', 'EFAULT'],
  ['an area without access', ANON, 0, 'none', 'E', 'EFAULT', 'EFAULT'],
  ['an area without access, a page in it', ANON, 0, 'hint', 'E', 'EFAULT', 'EFAULT'],
  ['a write-only area', ANON, VM_WRITE, 'none', 'E', 'EFAULT', 'EFAULT'],
  ['a write-only area, a page in it', ANON, VM_WRITE, 'writable', 'E', 'EFAULT', 'EFAULT'],
  ['nothing, in a writable area', ANON, RW_AREA, 'none', '0', 'V+', 'VW+'],
  ['nothing, in a read-only area', ANON, RO_AREA, 'none', '0', 'V+', 'EPERM'],
  ['read-only, in a writable area', ANON, RW_AREA, 'read-only', 'V', 'V', 'VW+'],
  ['read-only, in a read-only area', ANON, RO_AREA, 'read-only', 'V', 'V', 'EPERM'],
  ['writable', ANON, RW_AREA, 'writable', 'VW', 'VW', 'VW'],
  ['the zero page, in a writable area', ANON, RW_AREA, 'zero page', 'V', 'V', 'VW+'],
  ['the zero page, in a read-only area', ANON, RO_AREA, 'zero page', 'V', 'V', 'EPERM'],
  ['swap, in a writable area', ANON, RW_AREA, 'swap', '0', 'VW+', 'VW+'],
  ['swap, in a read-only area', ANON, RO_AREA, 'swap', '0', 'V+', 'EPERM'],
  ['a hint, in a writable area', ANON, RW_AREA, 'hint', '0', 'V+', 'VW+'],
  ['a hint, in a read-only area', ANON, RO_AREA, 'hint', '0', 'V+', 'EPERM'],
  ['an exclusive page, in a writable area', ANON, RW_AREA, 'exclusive', '0', 'VW+', 'VW+'],
  [
    'an exclusive page that may be read, in a writable area',
    ANON,
    RW_AREA,
    'exclusive, read-only',
    '0',
    'V+',
    'VW+',
  ],
  ['a huge page that may be read, in a writable area', ANON, RW_AREA, 'huge, read-only', 'Vh', 'Vh', 'VWh+'],
  [
    'a huge page that may be read, in a read-only area',
    ANON,
    RO_AREA,
    'huge, read-only',
    'Vh',
    'Vh',
    'EPERM',
  ],
  ['a huge page that may be written', ANON, RW_AREA, 'huge, writable', 'VWh', 'VWh', 'VWh'],
  ['a huge hint, in a writable area', ANON, RW_AREA, 'huge, hint', '0', 'Vh+', 'VWh+'],
  ['a huge hint, in a read-only area', ANON, RO_AREA, 'huge, hint', '0', 'Vh+', 'EPERM'],
  ['the huge zero page, in a writable area', ANON, RW_AREA, 'huge zero page', 'Vh', 'Vh', 'VWh+'],
  ['the huge zero page, in a read-only area', ANON, RO_AREA, 'huge zero page', 'Vh', 'Vh', 'EPERM'],
  ['an exclusive page, in a read-only area', ANON, RO_AREA, 'exclusive, read-only', '0', 'V+', 'EPERM'],
  ['a poisoned entry', ANON, RW_AREA, 'poisoned', '0', 'EFAULT', 'EFAULT'],
]

const FLAGS: Record<string, number> = { E, V, VW, '0': 0 }

function show({ error, flags, order, faults }: Outcome): string {
  if (error) return errnoName(error)
  const name = Object.keys(FLAGS).find((key) => FLAGS[key] === flags)
  return `${name}${order > 0 ? 'h' : ''}${faults > 0 ? '+' : ''}`
}

describe.each(TABLE)('%s', (_name, kind, flags, entry, none, read, write) => {
  it.each([
    ['nothing', 0, none],
    ['read', RF, read],
    ['write', RW, write],
  ])('asked for %s', (_what, request, expected) => {
    const byDefault = bench(isHuge(entry))
    put(byDefault, entry, kind, flags)
    expect(show(ask(byDefault, request, 0, 0))).toBe(expected)
    const byPage = bench(isHuge(entry))
    put(byPage, entry, kind, flags)
    expect(show(ask(byPage, 0, RW, request))).toBe(expected)
  })
})

describe('what counts as a request', () => {
  const missing = 0
  const request = (defaultFlags: number, pfnFlagsMask: number) => ({
    start: 0,
    end: 1,
    defaultFlags,
    pfnFlagsMask,
    owner: -1,
  })

  // default_flags, pfn_flags_mask, the entry's request, and what is needed where nothing, or a read-only page, is there.
  it.each([
    [0, 0, RW, 0, 0, 'snapshot: the array is ignored'],
    [RF, 0, RW, 1, 0, 'all to be read, the array is ignored'],
    [RW, 0, 0, 3, 3, 'all to be written'],
    [0, RW, RF, 1, 0, 'by page: read'],
    [0, RW, RW, 3, 3, 'by page: write'],
    [0, RW, 0, 0, 0, 'by page: nothing'],
    [RF, HMM_PFN_REQ_WRITE, HMM_PFN_REQ_WRITE, 3, 3, 'all to be read, by page to be written'],
    [RF, HMM_PFN_REQ_WRITE, 0, 1, 0, 'all to be read, this one not written'],
    [0, RF, RW, 1, 0, 'write requests are masked away'],
    [HMM_PFN_REQ_WRITE, 0, 0, 0, 0, 'write alone is no request (C22)'],
    [HMM_PFN_REQ_WRITE, RW, HMM_PFN_REQ_WRITE, 0, 0, 'write alone, by page too, is no request (C22)'],
    [HMM_PFN_REQ_WRITE, RF, RF, 3, 3, 'write by default counts for the pages that are asked for'],
  ])(
    'default %i, mask %i, request %i: %i of nothing, %i of a read-only page (%s)',
    (defaults, mask, own, none, readOnly) => {
      expect(hmm_pte_need_fault(request(defaults, mask), own, missing)).toBe(none)
      expect(hmm_pte_need_fault(request(defaults, mask), own, V)).toBe(readOnly)
      expect(hmm_pte_need_fault(request(defaults, mask), own, VW)).toBe(0)
    },
  )
})

describe('errors', () => {
  it('an empty range is -EINVAL', () => {
    const b = bench()
    const empty = procedure(function* empty() {
      return yield* hmm_range_fault(b.task, b.range, {
        start: 1,
        end: 1,
        defaultFlags: RF,
        pfnFlagsMask: 0,
        owner: -1,
      })
    })
    expect(new SequentialRunner().run(0, empty)).toBe(-Errno.EINVAL)
  })

  it('a sequence that has moved is -EBUSY, and nothing is read', () => {
    const b = bench()
    put(b, 'writable', ANON, RW_AREA)
    b.range.notifier.seq = 3
    expect(ask(b, RF, 0, 0)).toEqual({ error: -Errno.EBUSY, flags: 0, order: 0, faults: 0 })
  })

  it('memory that has run out is -ENOMEM, as 7.3 has it', () => {
    const b = bench()
    put(b, 'none', ANON, RW_AREA)
    for (const frame of b.task.machine.frames.slice(1)) frame.refcount = 1
    expect(ask(b, RW, 0, 0)).toMatchObject({ error: -Errno.ENOMEM, faults: 1 })
  })

  it('a page that the OOM reaper has taken is -EFAULT', () => {
    const b = bench()
    put(b, 'none', ANON, RW_AREA)
    b.task.mm.unstable = true
    expect(ask(b, RF, 0, 0)).toMatchObject({ error: -Errno.EFAULT, faults: 1 })
  })
})
