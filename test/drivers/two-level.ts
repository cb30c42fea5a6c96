/**
 * A driver whose device has a page table of two levels: a directory, and tables that come and go. The device walks both without a lock,
 * so that a table is freed only when no walk is under way that has found it. And wrong twins of it.
 */
import {
  accessOf,
  accessThrough,
  type Driver,
  defineDriver,
  dirtyPages,
  endOfRange,
  type FaultAnswer,
  flushDevice,
  type Mirror,
  type MirrorSetting,
  mapPage,
  rangeOf,
  touch,
  unmapPages,
} from '../../src/driver/index.js'
import {
  Errno,
  isMappable,
  mmget_not_zero,
  mmput,
  mmu_interval_notifier_remove,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  mmu_interval_set_seq,
  type NotifierRange,
  type Task,
} from '../../src/kernel/index.js'
import {
  BLOCKED,
  become,
  type Layout,
  Pool,
  procedure,
  READ_ONCE,
  type RecordOf,
  type Running,
  step,
} from '../../src/world/index.js'
import { type Wanted, walkPages } from './parts.js'

/** What is wrong with a twin. */
export type Flaw = 'frees at once' | 'leaves it in the directory' | 'clears the directory alone' | 'leaks'

const declareState = (l: Layout, { size }: MirrorSetting) => {
  // A table holds one entry here, which is the mirror's.
  const tables = new Pool(l, 'table', size.pages + 1, (table) => ({
    page: table.counter('page', size.pages),
  }))
  return {
    tables,
    directory: l.array('directory', size.pages, (entry) => ({ table: entry.ref('table', tables.objects) })),
    /** Walks of the device that have found a table. */
    walks: l.counter('walks', l.threads),
  }
}

type Two = Mirror<RecordOf<ReturnType<typeof declareState>>>
type Table = Two['state']['tables']['objects'][number]
type Pages = Pick<NotifierRange, 'start' | 'end'>

/** Sees to it that the page has a table. Part of a step. */
function link({ state }: Two, page: number): boolean {
  if (state.directory[page].table !== undefined) return true
  const table = state.tables.allocate((made) => {
    made.page = page
  })
  state.directory[page].table = table
  return table !== undefined
}

/** Takes the tables of the pages out of the directory. Part of a step. */
function unlink({ state }: Two, { start, end }: Pages, flaw: Flaw | undefined): Table[] {
  const found: Table[] = []
  for (let page = start; page < end; page++) {
    const { table } = state.directory[page]
    if (table === undefined) continue
    found.push(table)
    if (flaw !== 'leaves it in the directory') state.directory[page].table = undefined
  }
  return found
}

/** The driver, or one with a flaw. */
export function twoLevelDriver(name: string, flaw?: Flaw): Driver {
  /** Under the update lock: the device maps nothing of the pages afterwards. */
  const empty = procedure('empty', function* (mirror: Two, pages: Pages): Running<void> {
    const { tables } = mirror.state
    const unlinked = yield* step('clear the directory', () => {
      if (flaw !== 'clears the directory alone') {
        dirtyPages(mirror, pages)
        unmapPages(mirror, pages)
      }
      return unlink(mirror, pages, flaw)
    })
    if (flaw !== 'frees at once')
      yield* step('wait for the walks', () => (mirror.state.walks > 0 ? BLOCKED : 0))
    if (flaw !== 'leaks')
      yield* step('free the tables', () => {
        for (const table of unlinked) tables.put(table)
        return 0
      })
    yield* flushDevice(mirror, pages)
  })

  const once = procedure(
    'once',
    function* (current: Task, mirror: Two, wanted: Wanted): Running<FaultAnswer> {
      const range = rangeOf(mirror, current)
      yield* mmu_interval_read_begin(mirror.notifier, range.notifierSeq)
      const error = yield* walkPages(current, mirror, wanted)
      if (error) return error === -Errno.EBUSY ? 'again' : error
      yield* mirror.updateLock.lock()
      const collided = yield* mmu_interval_read_retry(mirror.notifier, range.notifierSeq)
      if (!collided)
        for (let page = wanted.start; page < wanted.end; page++)
          yield* step('write the entry', () => {
            if (isMappable(range, page) && link(mirror, page)) mapPage(mirror, range, page)
            return 0
          })
      yield* mirror.updateLock.unlock()
      return collided ? 'again' : 'mapped'
    },
  )

  const fault = procedure(
    'fault',
    function* (current: Task, mirror: Two, start: number, end: number, write: boolean): Running<FaultAnswer> {
      if (!(yield* mmget_not_zero(mirror.mm))) return -Errno.EFAULT
      const answer = yield* once(current, mirror, { start, end, write })
      yield* mmput(current, mirror.mm)
      return answer
    },
  )

  /** The hardware: one page. 0, or -EFAULT if it is to fault. */
  const walkTables = procedure(
    'walk the tables',
    function* (current: Task, mirror: Two, page: number, value: number | undefined): Running<number> {
      const { state } = mirror
      const access = accessOf(mirror, current)
      const table = yield* step('read the directory', () => {
        const found = READ_ONCE(state.directory[page]).table
        if (found !== undefined) state.walks += 1
        return found ?? 'none'
      })
      if (table === 'none') return -Errno.EFAULT
      const isGranted = yield* step('read the table', () => {
        const entry = READ_ONCE(mirror.pageTable[table.page])
        const granted = value === undefined ? entry.frame !== undefined : entry.write
        if (granted) accessThrough(access, page, entry)
        else state.walks -= 1
        return granted
      })
      if (!isGranted) return -Errno.EFAULT
      yield* step('access', () => {
        touch(current, mirror, access, value)
        state.walks -= 1
        return 0
      })
      return 0
    },
  )

  const access = procedure(
    'access',
    function* (
      current: Task,
      mirror: Two,
      start: number,
      end: number,
      value: number | undefined,
    ): Running<number> {
      if (start === end) return 0
      const missed = yield* walkTables(current, mirror, start, value)
      if (missed) {
        const answer = yield* fault(current, mirror, start, start + 1, value !== undefined)
        yield* endOfRange(current, mirror, answer)
        if (typeof answer === 'number' && answer < 0) return answer
      }
      return yield* become(access, current, mirror, missed ? start : start + 1, end, value)
    },
  )

  return defineDriver({
    name,
    state: declareState,
    invalidate: procedure(
      'invalidate',
      function* (_current: Task, mirror: Two, range: NotifierRange, curSeq: number): Running<number> {
        if (range.blockable) yield* mirror.updateLock.lock()
        else if (!(yield* mirror.updateLock.trylock())) return 0
        yield* step('set_seq', () => {
          mmu_interval_set_seq(mirror.notifier, curSeq)
          return 0
        })
        yield* empty(mirror, {
          start: Math.max(range.start, mirror.notifier.start),
          end: Math.min(range.end, mirror.notifier.last + 1),
        })
        yield* mirror.updateLock.unlock()
        return 1
      },
    ),
    fault,
    access,
    adopt: link,
    closedBy: 'last user',
    close: procedure('close', function* (_current: Task, mirror: Two): Running<void> {
      const { notifier, updateLock } = mirror
      yield* updateLock.lock()
      yield* empty(mirror, { start: notifier.start, end: notifier.last + 1 })
      yield* updateLock.unlock()
      yield* mmu_interval_notifier_remove(notifier)
    }),
  })
}
