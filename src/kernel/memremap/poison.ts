/**
 * Poisoned entries: the page is lost.
 *
 * @see reference A.1, B.6
 * @module
 */

import { type Frame, type MmStruct, NotifyEvent, type Pte, PteKind, type Task } from '../../machine/index.js'
import { become, procedure, READ_ONCE, type Running, step, unobserved } from '../../world/index.js'
import { clearPte, folio_put } from '../mm/page.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../mmu_notifier/index.js'

/**
 * Replaces every entry of a device page by a poisoned one: any later access gets SIGBUS. The page
 * is freed once its other references are put. No kernel does this for device memory; the first
 * documentation of the interface asked drivers to. The caller holds the folio lock, so that no new
 * entry appears.
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
    const found = yield* step('look for an entry', () => mm.pte.findIndex((pte) => names(pte, frame)) + 1)
    if (found === 0) return
    const page = found - 1
    yield* invalidateRangeStart(current, mm, NotifyEvent.CLEAR, page, found)
    const poisoned = yield* mm.ptl.critical('poison the entry', () => {
      const pte = mm.pte[page]
      if (!names(pte, frame)) return false
      clearPte(current.machine, pte)
      pte.kind = PteKind.poison
      if (unobserved(() => frame.mapcount === 0 && frame.refcount > 1)) frame.lifecycle?.signal('UNMAPPED')
      return true
    })
    if (poisoned) yield* folio_put(frame)
    yield* invalidateRangeEnd(current, mm, NotifyEvent.CLEAR, page, found)
    yield* become(poisonMappings, current, mm, frame)
  },
)

function names(pte: Pte, frame: Frame): boolean {
  return READ_ONCE(pte).kind === PteKind.devicePrivate && READ_ONCE(pte).frame === frame.pfn
}
