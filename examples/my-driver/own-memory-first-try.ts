/** The driver of `own-memory.ts`, which copies a page back under the lock that its faults hold as they program. */
import { allocateAndCopy, defineDriver, faultArgs, systemFrames } from 'hmm-spec/driver'
import {
  type DeviceFault,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
  type Task,
  VM_FAULT_OOM,
} from 'hmm-spec/kernel'
import { exclusive, procedure, type Running, shared } from 'hmm-spec/world'
import { declareState, fault, type Svm } from './own-memory.js'
import { close, invalidate } from './read-write-lock.js'

/** Setup calls the callback, which takes the same lock. */
const migrateToRam = procedure(function* svm_migrate_to_ram(
  current: Task,
  svm: Svm,
  page: number,
  fault: DeviceFault,
): Running<number> {
  const args = faultArgs(current, svm.mm, page, fault)
  yield* svm.state.notifierLock.lockRead()
  yield* migrate_vma_setup(current, args)
  const short = yield* allocateAndCopy(current, args, systemFrames(current))
  yield* migrate_vma_pages(current, args)
  yield* migrate_vma_finalize(current, args)
  yield* svm.state.notifierLock.unlockRead()
  return short ? VM_FAULT_OOM : 0
})

export default defineDriver({
  name: 'svm-memory-first-try',
  state: declareState,
  pageTable: ({ notifierLock }) => ({ program: shared(notifierLock), remove: exclusive(notifierLock) }),
  invalidate,
  fault,
  migrateToRam,
  close,
  closedBy: 'last user',
})
