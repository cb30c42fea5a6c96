/**
 * Drivers with a mistake against the protocol, which a reviewer would find: it must be found.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { checkOf, type Files } from '../project.js'
import { AGAIN, decided, invalidating, mapping, module } from './drivers.js'

const check = checkOf('again-mistakes', AGAIN)

/** An example with other lines in place of some of its own, and what it imports. */
function changed(example: string, changes: Readonly<Record<string, string>>): Files {
  const textOf = (file: string) =>
    readFileSync(new URL(`../../../examples/my-driver/${file}.ts`, import.meta.url), 'utf8')
  let text = textOf(example)
  for (const [from, to] of Object.entries(changes)) {
    if (!text.includes(from)) throw new Error(`${example} has no ${from}`)
    text = text.replace(from, to)
  }
  return {
    'driver.ts': textOf('driver'),
    'read-write-lock.ts': textOf('read-write-lock'),
    'mistaken.ts': text,
  }
}

const LOCKED = 'yield* svm.state.notifierLock.lockRead()'
const UNLOCKED = 'yield* svm.state.notifierLock.unlockRead()'
const COMPARED = 'const collided = (yield* mmu_interval_read_retry(svm.notifier, range.notifierSeq)) !== 0'
const MAPPED = "if (!collided) yield* step('map the page', () => mapIt(svm, range, page))"
const SET_SEQ = "yield* step('set_seq', () => { mmu_interval_set_seq(svm.notifier, curSeq); return 0 })"

/** A driver whose fault is this, of the usual procedure `map`. */
const serving = (body: string): string =>
  module(`const map = mapIf((collided) => collided)
const fault = procedure(function* svm_fault(current, svm, start, _end, write) {
  ${body}
})
export default driver({ fault })
`)

/** A driver that closes so. */
const closing = (body: string): string =>
  module(`const fini = procedure(function* fini(current, svm) {
  const { notifierLock } = svm.state
  ${body}
})
export default driver({ close: fini })
`)

describe('breaks', () => {
  test.each<readonly [what: string, clause: string, scenarios: readonly string[], text: string]>([
    [
      'a walk before its number',
      'C49',
      ['munmap'],
      mapping(
        `yield* mmu_interval_read_begin(svm.notifier, range.notifierSeq)\n${LOCKED}\n${COMPARED}\n${MAPPED}\n${UNLOCKED}\nreturn collided ? 'again' : 'mapped'`,
      ).replace('yield* mmu_interval_read_begin(svm.notifier, range.notifierSeq)\n', ''),
    ],
    [
      'a last page that is taken for the end',
      'C3',
      ['munmap'],
      invalidating(`${SET_SEQ}\nyield* zap(svm, { start: range.start, end: range.end - 1 })`),
    ],
    [
      'a flush that a worker makes, and nobody waits for',
      'C3',
      ['munmap'],
      invalidating(
        `${SET_SEQ}\nyield* step('unmap', () => { dirtyPages(svm, range); unmapPages(svm, range); return 0 })\nyield* queue_work(workOf(svm, 'flusher'))`,
        "const flusher = procedure(function* flush_all(_c, svm) { yield* flushDevice(svm, { start: svm.notifier.start, end: svm.notifier.last + 1 }) })\nconst fini = procedure(function* fini(c, svm) { yield* close(c, svm); yield* flush_work(workOf(svm, 'flusher')) })",
        'close: fini, work: { flusher }',
      ),
    ],
    [
      'an error that keeps the address space',
      'C19',
      ['munmap'],
      serving(
        'if (!(yield* mmget_not_zero(svm.mm))) return -Errno.EFAULT\nconst answer = yield* map(current, svm, start, write)\nif (answer < 0) return answer\nyield* mmput(current, svm.mm)\nreturn answer',
      ),
    ],
    [
      'a reference that is given up twice after a collision',
      'use-after-free',
      ['two-faults'],
      serving(
        "if (!(yield* mmget_not_zero(svm.mm))) return -Errno.EFAULT\nconst answer = yield* map(current, svm, start, write)\nif (answer === 'again') yield* mmput(current, svm.mm)\nyield* mmput(current, svm.mm)\nreturn answer",
      ),
    ],
    [
      'a reference that is always given up twice',
      'use-after-free',
      ['insert-and-exit', 'unmap-and-close'],
      serving(
        'if (!(yield* mmget_not_zero(svm.mm))) return -Errno.EFAULT\nconst answer = yield* map(current, svm, start, write)\nyield* mmput(current, svm.mm)\nyield* mmput(current, svm.mm)\nreturn answer',
      ),
    ],
    [
      'an address space that is not pinned',
      'C19',
      ['exit'],
      serving('return yield* map(current, svm, start, write)'),
    ],
    [
      'a callback that heeds nothing but munmap',
      'C3',
      ['exit'],
      invalidating(`${SET_SEQ}\nif (range.event === NotifyEvent.UNMAP) yield* zap(svm, range)`),
    ],
    [
      'a callback that holds its lock for reading',
      'C9',
      ['munmap'],
      invalidating(`${SET_SEQ}\nyield* zap(svm, range)`)
        .replace('if (range.blockable) yield* notifierLock.lockWrite()', 'if (!range.blockable) return 0')
        .replace('else if (!(yield* notifierLock.trylockWrite())) return 0', 'yield* notifierLock.lockRead()')
        .replace('unlockWrite', 'unlockRead'),
    ],
    [
      'a close that removes the notifier first, and one page too few',
      'C1',
      ['unmap-and-close'],
      closing(
        'yield* mmu_interval_notifier_remove(svm.notifier)\nyield* notifierLock.lockWrite()\nyield* zap(svm, { start: svm.notifier.start, end: svm.notifier.last })\nyield* notifierLock.unlockWrite()',
      ),
    ],
    [
      'a close that unmaps nothing',
      'C1',
      ['unmap-and-close'],
      closing('yield* mmu_interval_notifier_remove(svm.notifier)'),
    ],
    [
      'a dirty bit that is looked at too late',
      'C39',
      ['swap'],
      invalidating(
        `${SET_SEQ}\nyield* step('unmap', () => { unmapPages(svm, range); dirtyPages(svm, range); return 0 })\nyield* flushDevice(svm, range)`,
      ),
    ],
    [
      'a write that is served by a walk for reading',
      'C49',
      ['userfault-protect'],
      decided('const stale = collided').replace('{ page, write })', '{ page, write: false })'),
    ],
    [
      'a lock that is dropped between comparing and mapping',
      'C8',
      ['unmap-and-close'],
      mapping(
        `${LOCKED}\n${COMPARED}\n${UNLOCKED}\n${LOCKED}\n${MAPPED}\n${UNLOCKED}\nreturn collided ? 'again' : 'mapped'`,
      ),
    ],
    [
      'a busy walk that counts as mapped',
      'C8',
      ['munmap'],
      mapping(
        `${LOCKED}\n${COMPARED}\nif (!collided || error) yield* step('map the page', () => mapIt(svm, range, page))\n${UNLOCKED}\nreturn 'mapped'`,
      ).replace(
        "if (error) return error === -Errno.EBUSY ? 'again' : error",
        'if (error && error !== -Errno.EBUSY) return error',
      ),
    ],
    [
      'a step that writes, and throws',
      'C8',
      ['unmap-and-close'],
      mapping(
        `${LOCKED}\n${COMPARED}\nlet answer = 'mapped'\ntry { yield* step('map', () => { mapIt(svm, range, page); if (collided) throw new Error('x'); return 0 }) } catch { answer = 'again' }\n${UNLOCKED}\nreturn answer`,
      ),
    ],
  ])('%s: %s', (_, clause, scenarios, text) => {
    const { code, out } = check({ 'driver.js': text }, 'driver.js', scenarios)
    expect(out).toContain(`(again) breaks ${clause}:`)
    expect(code).toBe(1)
  })

  const PAGES = ['unmap-and-close', '--set', 'pages=2']
  const VALID = 'for (const range of rangesIn(svm, pages)) range.valid = false'
  const REMOVED = '    ranges.remove(range)\n    pool.put(range)\n'
  test.each<
    readonly [what: string, clause: string, scenarios: readonly string[], Readonly<Record<string, string>>]
  >([
    [
      'one flag that is cleared of two',
      'C8',
      PAGES,
      { [VALID]: 'const [first] = rangesIn(svm, pages)\n  if (first?.page === 0) first.valid = false' },
    ],
    [
      'flags that are cleared for munmap alone',
      'C8',
      ['munmap'],
      { [VALID]: 'for (const range of rangesIn(svm, pages)) if (range.unmapped) range.valid = false' },
    ],
    [
      'pages from the second',
      'C8',
      ['munmap'],
      { 'start <= page && page < end': 'start < page && page < end' },
    ],
    [
      'a worker without its lock',
      'lock-discipline',
      ['munmap'],
      {
        '  yield* svm.state.svmLock.lock()\n  yield* collectGarbage(svm)\n  yield* svm.state.svmLock.unlock()':
          '  yield* collectGarbage(svm)',
      },
    ],
    [
      'a flush while the item can be queued',
      'work-items',
      ['unmap-and-close'],
      {
        "  yield* mmu_interval_notifier_remove(svm.notifier)\n  yield* flush_work(workOf(svm, 'garbageCollector'))\n":
          "  yield* flush_work(workOf(svm, 'garbageCollector'))\n  yield* mmu_interval_notifier_remove(svm.notifier)\n",
      },
    ],
    [
      'the wrong range that is put',
      'use-after-free',
      PAGES,
      { [REMOVED]: '    ranges.remove(range)\n    pool.put(ranges.first ?? range)\n' },
    ],
    [
      'a range that is kept while its lock is dropped',
      'use-after-free',
      ['unmap-and-close'],
      {
        '  const error = yield* getPages':
          '  yield* svm.state.svmLock.unlock()\n  yield* svm.state.svmLock.lock()\n  const error = yield* getPages',
      },
    ],
    [
      'a range that is bound for what it is not good for',
      'C49',
      ['numa-hinting'],
      { 'return valid && (!write || (flags & HMM_PFN_WRITE) !== 0)': 'return valid' },
    ],
  ])('with a list of ranges: %s: %s', (_, clause, scenarios, changes) => {
    const { code, out } = check(changed('range-list', changes), 'mistaken.ts', scenarios)
    expect(out).toContain(`(range-list) breaks ${clause}:`)
    expect(code).toBe(1)
  })

  test.each<readonly [what: string, driver: string, said: RegExp, set: readonly string[]]>([
    [
      'every fault',
      serving('return -Errno.EINVAL'),
      /in this run its driver answers the fault with -22 \(-EINVAL\) .* run \d+ steps?; no shorter run shows it/,
      [],
    ],
    [
      'every fault, once it has walked',
      serving(
        "if (!(yield* mmget_not_zero(svm.mm))) return -Errno.EFAULT\nconst answer = yield* map(current, svm, start, write)\nyield* mmput(current, svm.mm)\nreturn answer === 'again' ? answer : -Errno.ENOMEM",
      ),
      /in this run its driver answers the fault with -12 \(-ENOMEM\) .* run \d+ steps; no shorter run shows it/,
      [],
    ],
    [
      'every fault beyond the first page',
      serving(
        'if (start > 0) return -Errno.EFAULT\nif (!(yield* mmget_not_zero(svm.mm))) return -Errno.EFAULT\nconst answer = yield* map(current, svm, start, write)\nyield* mmput(current, svm.mm)\nreturn answer',
      ),
      /\(gpu, page 1, .*in this run its driver answers the fault with -14 \(-EFAULT\) .* run \d+ steps; no shorter run/,
      ['--set', 'pages=2'],
    ],
  ])('a driver that refuses %s: the run, and what it answers', (_, driver, said, set) => {
    const { code, out } = check({ 'driver.js': driver }, 'driver.js', ['munmap', ...set])
    expect(out).toContain('breaks C5:')
    expect(out).toMatch(said)
    expect(code).toBe(1)
  })

  const COPIED =
    '  yield* svm.state.copyLock.lock()\n  const short = yield* allocateAndCopy(current, args, systemFrames(current))\n  yield* svm.state.copyLock.unlock()\n'
  const PAGES_MOVED = '  yield* migrate_vma_pages(current, args)\n'
  test.each<readonly [what: string, clause: string, scenario: string, Readonly<Record<string, string>>]>([
    [
      'pages that are not finalized for want of memory',
      'C51',
      'bring-back-more',
      { [PAGES_MOVED]: `  if (short) return VM_FAULT_OOM\n${PAGES_MOVED}` },
    ],
    [
      'pages of another device',
      'C27',
      'two-owners',
      { 'owner: svm.owner': 'owner: svm.owner === 0 ? 1 : 0' },
    ],
    ['a copy that comes too late', 'C30', 'migrate', { [COPIED + PAGES_MOVED]: PAGES_MOVED + COPIED }],
    [
      'a want of memory that is kept quiet',
      'C30',
      'bring-back-more',
      { 'return short ? VM_FAULT_OOM : 0': 'void short\n  return 0' },
    ],
    ['a migration without its middle', 'C52', 'migrate', { [PAGES_MOVED]: '' }],
  ])('with memory: %s: %s', (_, clause, scenario, changes) => {
    const { code, out } = check(changed('own-memory', changes), 'mistaken.ts', [scenario])
    expect(out).toContain(`(svm-memory) breaks ${clause}:`)
    expect(code).toBe(1)
  })
})
