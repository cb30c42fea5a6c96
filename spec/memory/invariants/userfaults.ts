/**
 * Pages that user space handles (userfaultfd).
 *
 * @module
 */
import { PteKind, VM_UFFD_MISSING } from '../../../src/kernel/index.js'
import { old, type StepClaim } from '../../../src/world/index.js'
import type { MirrorWorld } from '../../mirror/scenarios/mirror-world.js'

/** `user-faults`: in a VMA registered for missing pages, the kernel populates no hole. */
export function missingStaysMissing({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'user-faults',
    name: "nothing comes where a missing page is user space's to bring",
    judge() {
      let said: true | undefined
      for (const mm of machine.mms)
        for (const [page, { flags }] of mm.vma.entries()) {
          if (!(flags & old(mm.vma[page]).flags & VM_UFFD_MISSING)) continue
          if (old(mm.pte[page]).kind !== PteKind.none) continue
          said = true
          if (mm.pte[page].kind !== PteKind.none)
            return `page ${page} of ${mm.name} is registered for missing pages, and its empty entry became ${mm.pte[page].kind}`
        }
      return said
    },
  }
}
