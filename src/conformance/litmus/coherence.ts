/**
 * Coherence of an outcome, judged by the outcome alone: for each page there must be one order of all accesses, each somewhere
 * within its operation, in which every read has the value that was written last (C39).
 *
 * @module
 */

import { INHERITED } from '../files.js'
import type { Operation } from '../operations.js'
import { valuesWritten } from '../values.js'
import { NO_CHILD, outcomeParts } from './outcome.js'
import type { ReadTest } from './test.js'

/** What an operation does to one page of one process. */
interface Access {
  readonly kind: 'read' | 'write' | 'perhaps' | 'zero' | 'unmap' | 'fork'
  readonly child: boolean
  readonly value: string
}

/** The contents of a page: of the parent's, and of the child's. */
interface Contents {
  readonly parent: string
  readonly child: string
}

/** Nothing is mapped. */
const GONE = 'gone'

/** Operations of which it says nothing: pages that are shared with a file or moved are no longer one page of one process. */
const UNJUDGED: ReadonlySet<Operation['name']> = new Set<Operation['name']>([
  'mmap_shared',
  'mmap_file',
  'mmap_huge',
  'mremap',
])

/** True if an outcome of the test can be judged. */
export function isJudged({ setup, threads, final }: ReadTest): boolean {
  return ![...setup, ...threads.flat(), ...final].some(({ name }) => UNJUDGED.has(name))
}

/**
 * Judges an outcome.
 *
 * @returns the first page for which there is no such order; `undefined` if there is one for each
 */
export function incoherentPage(test: ReadTest, outcome: string): number | undefined {
  if (!isJudged(test)) return undefined
  const parts = outcomeParts(outcome)
  if (parts === undefined) throw new Error(`${test.test.test}: "${outcome}" is no outcome`)
  for (let page = 0; page < pagesOf(test); page++) {
    let begun: Contents = { parent: GONE, child: GONE }
    for (const operation of test.setup)
      for (const access of accesses(operation, SUCCEEDED, page)) begun = after(begun, access) ?? begun
    const threads = test.threads.map((operations, thread) =>
      operations.flatMap((operation, index) => accesses(operation, parts.threads[thread][index], page)),
    )
    const final = test.final.flatMap((operation, index) => accesses(operation, parts.final[index], page))
    if (!hasOrder(begun, threads, final)) return page
  }
  return undefined
}

function hasOrder(
  contents: Contents,
  threads: readonly (readonly Access[])[],
  final: readonly Access[],
): boolean {
  if (threads.every(({ length }) => length === 0)) {
    let at: Contents | undefined = contents
    for (const access of final) {
      at = after(at, access)
      if (at === undefined) return false
    }
    return true
  }
  return threads.some(([access, ...rest], thread) => {
    if (access === undefined) return false
    const others = threads.with(thread, rest)
    if (access.kind === 'perhaps' && hasOrder(contents, others, final)) return true
    const next = after(contents, access)
    return next !== undefined && hasOrder(next, others, final)
  })
}

/** The contents after an access; `undefined` if it cannot be next. */
function after(contents: Contents, { kind, child, value }: Access): Contents | undefined {
  const now = child ? contents.child : contents.parent
  const become = (what: string): Contents =>
    child ? { ...contents, child: what } : { ...contents, parent: what }
  switch (kind) {
    case 'read':
      return now === value ? contents : undefined
    case 'write':
    case 'perhaps':
      return now === GONE ? undefined : become(value)
    case 'zero':
      return now === GONE && value !== MAPS ? contents : become('0')
    case 'unmap':
      return become(GONE)
    case 'fork':
      return { ...contents, child: contents.parent }
  }
}

const SUCCEEDED = 'ok'
const MAPS = 'maps'

/** Whether an answer is of an operation that was performed. */
function failed(answer: string): boolean {
  return answer === NO_CHILD || /^[A-Z]/.test(answer)
}

function accesses(operation: Operation, answer: string, page: number): Access[] {
  const { inChild } = operation
  const access = (kind: Access['kind'], value = '', child = inChild): Access[] => [{ kind, child, value }]
  if ('start' in operation && (page < operation.start || page >= operation.end)) return []
  if ('page' in operation && operation.page !== page) return []
  const of = 'device' in operation ? inChild && operation.device < INHERITED : inChild
  switch (operation.name) {
    case 'mmap':
      return failed(answer) ? [] : access('zero', MAPS)
    case 'munmap':
      return failed(answer) ? [] : access('unmap')
    case 'madv_dontneed':
      return answer === 'EINVAL' ? [] : access('zero')
    case 'cpu_read':
      return failed(answer) || answer === SUCCEEDED ? [] : access('read', answer)
    case 'cpu_write':
      return failed(answer) ? [] : access('write', String(operation.value))
    case 'dev_read':
    case 'migrate_to_dev':
    case 'exclusive':
      if (failed(answer) || answer === SUCCEEDED) return []
      return access('read', answer.split(',')[page - operation.start], of)
    case 'dev_write': {
      const value = String(valuesWritten(operation)[page - operation.start])
      return access(failed(answer) ? 'perhaps' : 'write', value, of)
    }
    case 'fork':
      return failed(answer) ? [] : access('fork', '', true)
    default:
      return []
  }
}

function pagesOf({ setup, threads, final }: ReadTest): number {
  return Math.max(
    ...[...setup, ...threads.flat(), ...final].map((operation) =>
      'end' in operation ? operation.end : 'page' in operation ? operation.page + 1 : 0,
    ),
  )
}
