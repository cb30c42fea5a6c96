/**
 * What becomes of an entry whose page is lost.
 *
 * @see reference A.1, B.6
 * @module
 */
import { become, procedure, type Running, step, type World } from '../../world/index.js'
import { type Frame, type MmStruct, NotifyEvent, type Pte, PteKind, type Task } from '../machine.js'
import { clearPte, putPage } from '../mm/index.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../mmu_notifier/index.js'

/**
 * Replaces every entry that names a device page by a poisoned one: whoever touches the page gets SIGBUS, for good, and
 * the page is free when nobody holds it otherwise. No kernel does so for device memory; the first text of the interface
 * asked it of drivers. The caller holds the folio lock, so that no new entry comes.
 */
export const poisonDevicePage = procedure(
  'poison a device page',
  function* (current: Task, frame: Frame): Running<void> {
    for (const mm of current.machine.mms) yield* poisonMappings(current, mm, frame)
  },
)

const poisonMappings = procedure(
  'poison a device page (mappings)',
  function* (current: Task, mm: MmStruct, frame: Frame): Running<void> {
    const found = yield* step('look for an entry', (w) => mm.pte.findIndex((pte) => names(w, pte, frame)) + 1)
    if (found === 0) return
    const page = found - 1
    yield* invalidateRangeStart(current, mm, NotifyEvent.CLEAR, page, found)
    yield* mm.ptl.critical('poison the entry', (w) => {
      const pte = mm.pte[page]
      if (!names(w, pte, frame)) return 0
      clearPte(w, current.machine, pte)
      pte.kind.set(w, PteKind.poison)
      if (frame.mapcount.get(w) === 0 && frame.refcount.get(w) > 1) frame.lifecycle?.signal(w, 'UNMAPPED')
      putPage(w, frame)
      return 0
    })
    yield* invalidateRangeEnd(current, mm, NotifyEvent.CLEAR, page, found)
    yield* become(poisonMappings, current, mm, frame)
  },
)

function names(w: World, pte: Pte, frame: Frame): boolean {
  return pte.kind.readOnce(w) === PteKind.devicePrivate && pte.frame.readOnce(w) === frame.pfn
}
