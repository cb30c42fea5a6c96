/**
 * Random sequences of the language on the oracle: what must hold of the machine after each operation, and what must
 * be answered by a plain model that knows areas and values and nothing of page tables.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Answer, type Operation, Oracle, parseOperation } from '../../src/conformance/index.js'
import { isPageCache, ZERO_PAGE } from '../../src/kernel/index.js'
import { countsAreExact, mirrorsAgree, nothingIsOpen } from './exactness.js'

const PAGES = 6

const range = fc
  .tuple(fc.nat(PAGES - 1), fc.integer({ min: 1, max: PAGES }))
  .map(([start, length]) => `${start} ${Math.min(length, PAGES - start)}`)
const protection = fc.constantFrom('rw', 'rw', 'ro', 'wo', 'none')
const device = fc.nat(1)
const value = fc.integer({ min: 1, max: 40 })
const page = fc.nat(PAGES - 1)

/** A range, and where else in the window as many pages may be. */
const move = fc
  .tuple(fc.nat(PAGES - 1), fc.nat(PAGES - 1), fc.integer({ min: 1, max: 3 }))
  .map(([start, to, length]) => {
    const pages = Math.min(length, PAGES - start, PAGES - to)
    return `${start} ${pages} ${to}`
  })

const withoutMigration = fc.oneof(
  fc
    .tuple(fc.constantFrom('mmap', 'mmap_shared', 'mprotect'), range, protection)
    .map((words) => words.join(' ')),
  fc
    .tuple(fc.constant('mmap_file'), range, protection, fc.constantFrom('shared', 'priv'))
    .map((words) => words.join(' ')),
  fc.tuple(fc.constant('mremap'), move).map((words) => words.join(' ')),
  fc.tuple(fc.constantFrom('munmap', 'madv_dontneed'), range).map((words) => words.join(' ')),
  fc.tuple(fc.constant('cpu_read'), page).map((words) => words.join(' ')),
  fc.tuple(fc.constant('cpu_write'), page, value).map((words) => words.join(' ')),
  fc.tuple(fc.constantFrom('dev_read', 'snapshot'), device, range).map((words) => words.join(' ')),
  fc.tuple(fc.constant('dev_write'), device, range, value).map((words) => words.join(' ')),
)

const operation = fc.oneof(
  { weight: 3, arbitrary: withoutMigration },
  fc
    .tuple(
      fc.constantFrom('migrate_to_dev', 'migrate_to_dev', 'migrate_to_sys', 'exclusive', 'check_exclusive'),
      device,
      range,
    )
    .map((words) => words.join(' ')),
)

function sequenceOf(operations: fc.Arbitrary<string>): fc.Arbitrary<Operation[]> {
  return fc
    .array(operations, { minLength: 1, maxLength: 30 })
    .map((texts) => [`mmap 0 ${PAGES} rw`, ...texts].map((text) => parseOperation(text) as Operation))
}

const sequence = sequenceOf(operation)

describe('after every operation', () => {
  it('mirrors agree with the page table, counts are exact, nothing is open', () => {
    fc.assert(
      fc.property(sequence, (operations) => {
        const oracle = new Oracle(operations)
        for (const operation of operations) {
          oracle.perform(operation)
          mirrorsAgree(oracle)
          countsAreExact(oracle)
          nothingIsOpen(oracle)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('the answer is that of a plain model of areas and values, where nothing migrates', () => {
    fc.assert(
      fc.property(sequenceOf(withoutMigration), (operations) => {
        const oracle = new Oracle(operations)
        const model = new PlainModel()
        for (const operation of operations) {
          const expected = model.perform(operation, oracle)
          expect(oracle.perform(operation)).toMatchObject(expected)
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('when all is unmapped', () => {
  it('no frame is left in use and no mirror maps anything', () => {
    fc.assert(
      fc.property(sequence, (operations) => {
        const all = [...operations, parseOperation(`munmap 0 ${PAGES}`) as Operation]
        const oracle = new Oracle(all)
        for (const operation of all) oracle.perform(operation)
        expect(
          oracle.machine.frames.filter(
            // The memory file stays open, and keeps its pages.
            (frame) => frame.pfn !== ZERO_PAGE && frame.refcount > (isPageCache(frame) ? 1 : 0),
          ),
        ).toEqual([])
        expect(oracle.mirrors.flatMap(({ pageTable }) => pageTable.map((entry) => entry.frame))).toEqual(
          Array(2 * PAGES).fill(undefined),
        )
      }),
      { numRuns: 100 },
    )
  })
})

/** What the model knows of an area, page by page. */
interface Area {
  readonly flags: number
  /** True if what is written is kept when an entry is thrown away: in shared memory, and in the file. */
  readonly shared: boolean
  /** The page of the memory file that is behind it, if any. */
  readonly file?: number
}

/** What a memory file holds in its first page at the beginning; one more in each that follows. */
const FILE_CONTENTS = 61440

/**
 * Areas by page, and what was written to each. The memory file outlives its mappings, and two pages may show the same page
 * of it: one that was moved, and one that was mapped afterwards.
 */
class PlainModel {
  private readonly areas: (Area | undefined)[] = Array(PAGES).fill(undefined)
  /** What was written and belongs to the mapping; absent where that shows what is behind it. */
  private readonly values: (number | undefined)[] = Array(PAGES).fill(undefined)
  private readonly file: number[] = Array.from({ length: PAGES }, (_, page) => FILE_CONTENTS + page)

  /** What must be answered. `oracle` is asked only what is one area, and which pages a device could write without a fault. */
  perform(operation: Operation, oracle: Oracle): Partial<Answer> {
    switch (operation.name) {
      case 'mmap':
        this.forEach(operation, (page) => this.put(page, { flags: operation.flags, shared: false }))
        return { rc: 0 }
      case 'mmap_shared':
        this.forEach(operation, (page) => this.put(page, { flags: operation.flags, shared: true }))
        return { rc: 0 }
      case 'mmap_file':
        this.forEach(operation, (page) =>
          this.put(page, { flags: operation.flags, shared: operation.shared, file: page }),
        )
        return { rc: 0 }
      case 'munmap':
        this.forEach(operation, (page) => this.put(page, undefined))
        return { rc: 0 }
      case 'mremap': {
        const { start, end, to } = operation
        if (this.areas[start] === undefined) return { rc: -14, err: 'EFAULT' }
        if (start < to.end && to.start < end) return { rc: -22, err: 'EINVAL' }
        this.forEach(to, (page) => this.put(page, undefined))
        if (!isOneArea(oracle, start, end)) return { rc: -14, err: 'EFAULT' }
        this.forEach(operation, (page) => {
          this.put(to.start + page - start, this.areas[page], this.values[page])
          this.put(page, undefined)
        })
        return { rc: 0 }
      }
      case 'mprotect':
        for (let page = operation.start; page < operation.end; page++) {
          const area = this.areas[page]
          if (area === undefined) return { rc: -12, err: 'ENOMEM' }
          this.areas[page] = { ...area, flags: operation.flags }
        }
        return { rc: 0 }
      case 'madv_dontneed': {
        let hole = false
        this.forEach(operation, (page) => {
          const area = this.areas[page]
          if (area === undefined) hole = true
          else if (!area.shared) this.values[page] = undefined
        })
        return hole ? { rc: -12, err: 'ENOMEM' } : { rc: 0 }
      }
      case 'cpu_read':
        return this.signal(operation.page, READ | WRITE) ?? { rc: 0, val: this.valueOf(operation.page) }
      case 'cpu_write': {
        const signal = this.signal(operation.page, WRITE)
        if (signal) return signal
        this.write(operation.page, Number(operation.value))
        return { rc: 0 }
      }
      case 'dev_read':
        return (
          this.refusal(operation, false) ?? {
            rc: 0,
            cpages: operation.end - operation.start,
            vals: this.values.map((_, page) => this.valueOf(page)).slice(operation.start, operation.end),
          }
        )
      case 'dev_write': {
        const refusal = this.refusal(operation, true)
        const { pageTable } = oracle.mirrors[operation.device]
        for (let page = operation.start; page < operation.end; page++) {
          if (refusal && !pageTable[page].write) break
          this.write(page, Number(operation.value) + page - operation.start)
        }
        return refusal ?? { rc: 0, cpages: operation.end - operation.start }
      }
      case 'snapshot':
        return { rc: 0, cpages: operation.end - operation.start }
      case 'ptes':
        return { rc: 0 }
      default:
        throw new Error(`the plain model does not know ${operation.name}`)
    }
  }

  private put(page: number, area: Area | undefined, value?: number): void {
    this.areas[page] = area
    this.values[page] = value
  }

  private valueOf(page: number): number {
    const file = this.areas[page]?.file
    return this.values[page] ?? (file === undefined ? 0 : this.file[file])
  }

  private write(page: number, value: number): void {
    const area = this.areas[page]
    if (area?.shared && area.file !== undefined) this.file[area.file] = value
    else this.values[page] = value
  }

  private forEach(
    range: { readonly start: number; readonly end: number },
    visit: (page: number) => void,
  ): void {
    for (let page = range.start; page < range.end; page++) visit(page)
  }

  private signal(page: number, permission: number): Partial<Answer> | undefined {
    const area = this.areas[page]
    if (area === undefined) return { rc: -1, sig: 'SIGSEGV', code: 'MAPERR' }
    return area.flags & permission ? undefined : { rc: -1, sig: 'SIGSEGV', code: 'ACCERR' }
  }

  private refusal(
    range: { readonly start: number; readonly end: number },
    write: boolean,
  ): Partial<Answer> | undefined {
    for (let page = range.start; page < range.end; page++) {
      const flags = this.areas[page]?.flags ?? 0
      if (!(flags & READ)) return { rc: -14, err: 'EFAULT' }
      if (write && !(flags & WRITE)) return { rc: -1, err: 'EPERM' }
    }
    return undefined
  }
}

/** True if the pages from `start` to `end` are one area: alike, and of consecutive offsets. */
function isOneArea({ machine }: Oracle, start: number, end: number): boolean {
  const pages = machine.mms[0].vma.slice(start, end).map((vma, i) => ({
    kind: vma.kind,
    flags: vma.flags,
    file: vma.file,
    base: machine.mms[0].tracksOffsets ? vma.pgoff - i : 0,
  }))
  return pages.every((page) => JSON.stringify(page) === JSON.stringify(pages[0]))
}

const READ = 1
const WRITE = 2
