/**
 * The decision record on what one step is, with the table of steps that are too large by the rule.
 *
 * @module
 */
import { atomicArguments, atomicSteps } from '../spec/atomic-steps/index.js'

const INTRODUCTION = `# 1. What one step is

<!-- Written by docs/build.ts from docs/atomic-steps.ts and spec/atomic-steps/: change them, then \`npm run docs\`. -->

A step is the unit of interleaving: no other thread observes its middle. If steps are too coarse, interleavings that
a kernel has are lost, and bugs with them; if they are too fine, states are explored that no thread can tell apart.

## The rule

A step may contain everything whose middle no other thread can observe. That is checked: \`hmm-spec atomicity\` explores
scenarios, records every access of every step to a field that threads share, and holds the accesses against the locks
of the thread. A step is small enough if it

1. takes locks,
2. makes at most one access that another thread could come between,
3. drops locks,

in this order, with any number of accesses that commute with whatever other threads do. An access commutes if

- the thread holds the lock that the field declares, in the mode that it declares (for writing, to write), and nobody
  reads the field without that lock (\`READ_ONCE\`) while this thread writes it; or
- only one thread uses the field in the scenario, or nobody changes it; or
- nobody else can reach the field: the page that it is part of has no reference.

To read a field and then to write it is one access, as a test-and-set is. Fields that are one machine word in the kernel
are declared so (\`word\`): a page-table entry, an entry of \`hmm_pfns\`, a translation of a TLB or a device. A lock that is
a field (the folio lock) is declared as one (\`isLock\`). What a step reads for a claim, for a ghost field, or because the
model keeps in a field what the kernel has in a local variable, is no access (\`unobserved\`).

The rule is Lipton's reduction: what comes before the one access can be done later, and what comes after it earlier,
without anybody noticing, so that the step is as good as that access alone.

A step that breaks the rule is an error unless the table below has it, with every access that breaks it and with the
arguments why it may be one step. A row that is not needed is an error too. \`test/checker/atomicity.test.ts\` holds all
scenarios against the table.

## What follows

- **A critical section under a spinlock** is one step (\`Spinlock.critical\`) if every access to what the lock
  protects takes the lock. It waits while another thread holds the lock over several steps.
- **Several entries** are several steps. The page-table lock may be dropped between any two of them, and the walk and
  the device read entries without it.
- **A sleeping lock** is taken and released in steps of their own: other threads run in between.
- **Unlocking a page, putting it, and freeing it** are steps of their own, but where a fault on a device page or a
  migration ends ([unlock-and-put](#unlock-and-put)). When the last reference to device memory is put,
  its driver is told (\`folio_free\`), and may give the page to somebody else at once; then the region has a reference less
  (\`percpu_ref_put_many\`). CVE-2026-46277 is what a kernel does wrong between the two.
- **The end of an invalidation** (\`mn_itree_inv_end\`) is one step only if no notifier is deferred. Otherwise the
  sequence changes first, then each deferred notifier is inserted or removed, then the lock is released: the kernel
  holds a spinlock meanwhile, but the sequence may be read without it (D2 is a consequence). The wake-up is a step
  of its own.

A defect inside a step cannot be written as an override of the surrounding procedure. The step is then split.

## What the check does not see

It looks at the scenarios that there are: a field that only one thread uses in all of them counts as that thread's. A
condition that a step waits for is looked at when the step is taken, not while it is blocked. That a lock which is not
modelled is held where an argument says so is for the reader to check.

## What is assumed

Three arguments are assumptions: the kernel has two steps, and a bug is between them. Each is a hazard that \`hmm-spec defects\` shows
by taking the step apart: [H27](../findings/H27.md) for [unlock-and-put](#unlock-and-put), [H28](../findings/H28.md) for
[holding-before-trying](#holding-before-trying) in migrate_device_range, and [H20](../findings/H20.md) for
[sticky-flags](#sticky-flags).
`

/** The record, which is `docs/decisions/0001-atomic-steps.md`. */
export function atomicStepsPage(): string {
  const steps = [...atomicSteps].sort((one, other) =>
    `${one.procedure}: ${one.step}` < `${other.procedure}: ${other.step}` ? -1 : 1,
  )
  return [
    INTRODUCTION,
    '## The arguments',
    '',
    ...Object.entries(atomicArguments).flatMap(([name, { title, text }]) => [
      `<a id="${name}"></a>**${title}** (\`${name}\`). ${text}`,
      '',
    ]),
    '## The steps',
    '',
    '| procedure | step | accesses | why it may be one step |',
    '| --- | --- | --- | --- |',
    ...steps.map(({ procedure, step, accesses, because }) => {
      const named = accesses.map((access) => `\`${access}\``).join(', ')
      const why = because.map((name) => `[${name}](#${name})`).join(', ')
      return `| ${procedure} | ${step} | ${named} | ${why} |`
    }),
    '',
  ].join('\n')
}
