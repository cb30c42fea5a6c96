/**
 * The effect of a system call when it returns.
 *
 * @module
 */
import {
  type AddressSpace,
  type MmStruct,
  memfd_create,
  mmap,
  mprotect,
  munmap,
  PteKind,
  type Task,
  VM_READ,
  VM_WRITE,
  VmaKind,
} from '../../../src/kernel/index.js'
import type { StepClaim } from '../../../src/world/index.js'
import type { Call } from '../scenarios/mirror-world.js'

/** A description of the effect that is missing. */
type Undone = (mm: MmStruct) => string | undefined

const RW = VM_READ | VM_WRITE

/** The VMAs up to the first hole have the requested permissions. */
function protects(page: number, pages: number, flags: number): Undone {
  return ({ vma }) => {
    for (let at = page; at < page + pages && vma[at].kind !== VmaKind.none; at++)
      if ((vma[at].flags & RW) !== (flags & RW)) return `the VMA of page ${at} has its old permissions`
    return undefined
  }
}

/** A VMA with the requested permissions exists. */
function maps(page: number, pages: number, flags: number): Undone {
  return ({ vma }) => {
    for (let at = page; at < page + pages; at++)
      if (vma[at].kind === VmaKind.none || (vma[at].flags & RW) !== (flags & RW))
        return `page ${at} is not in a VMA of that kind`
    return undefined
  }
}

/** There is neither a VMA nor an entry. */
function unmaps(page: number, pages: number): Undone {
  return ({ vma, pte }) => {
    for (let at = page; at < page + pages; at++) {
      const { kind, flags, file } = vma[at]
      if (kind !== VmaKind.none) return `page ${at} is still in a VMA`
      if (flags !== 0 || file !== 0)
        return `page ${at} is in no VMA, and still has the flags or the file of one`
      if (pte[at].kind !== PteKind.none) return `page ${at} still has an entry`
    }
    return undefined
  }
}

/** The file is open, unless there was no memory for it, and so no page of it. */
function opens(file: AddressSpace): Undone {
  return () =>
    file.open || file.pages.every(({ frame }) => frame === 0) ? undefined : 'the file is not open'
}

/**
 * The effect that `call` must have, if no other thread can undo it before the call returns: it
 * holds the mmap lock until then.
 */
function owedBy({ procedure, args }: Call): { name: string; undone: Undone } | undefined {
  const [page, pages, flags] = args as number[]
  switch (procedure as unknown) {
    case mprotect:
      return { name: 'mprotect', undone: protects(page, pages, flags) }
    case mmap:
      return { name: 'mmap', undone: maps(page, pages, flags) }
    case munmap:
      return { name: 'munmap', undone: unmaps(page, pages) }
    case memfd_create:
      return { name: 'memfd_create', undone: opens(args[0] as AddressSpace) }
    default:
      return undefined
  }
}

/** `system-calls`: mprotect, mmap, munmap and memfd_create have done what they were called for when they return. */
export function systemCallsDoTheirWork(
  tasks: readonly Task[],
  calls: readonly (readonly Call[])[],
): StepClaim {
  const owed = tasks.map(({ mm }, thread) =>
    calls[thread].flatMap((call) => {
      const debt = owedBy(call)
      return debt === undefined ? [] : [{ ...debt, mm, run: call.run }]
    }),
  )
  return {
    clause: 'system-calls',
    name: 'a system call has done what it was called for',
    judge(thread, from, to) {
      for (const { name, mm, run, undone } of owed[thread]) {
        if (!from.inside(thread, run) || to.inside(thread, run)) continue
        const what = undone(mm)
        return what === undefined ? true : `${name} returns, and ${what}`
      }
      return undefined
    },
  }
}
