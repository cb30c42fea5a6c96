/**
 * Outcomes as texts, in the form that users of herd know: `0:r0=5; 1:r0=ok; [ptes 0 1]=none;`.
 *
 * @module
 */
import type { Answer } from '../oracle.js'

/** What an operation of the child answers when there is no child. */
export const NO_CHILD = 'no child'

/** What an operation answered. How many faults the driver took is left out: it is no matter of correctness. */
export function answerText(name: string, answer: Answer): string {
  if (answer.sig !== undefined) return `${answer.sig}_${answer.code}`
  if (answer.err !== undefined) return answer.err
  if (answer.val !== undefined) return String(answer.val)
  const seen = answer.vals ?? answer.prot ?? answer.ptes
  if (seen !== undefined) return seen.join(',')
  // How many pages came back says whether the migration did anything.
  return name === 'migrate_to_sys' ? `ok/${answer.cpages}` : 'ok'
}

/**
 * The outcome of one run.
 *
 * @param threads - what each operation of each thread answered
 * @param final - the operations at the end, and what they answered
 */
export function outcomeText(
  threads: readonly (readonly string[])[],
  final: readonly { readonly op: string; readonly answer: string }[],
): string {
  const answered = threads.flatMap((answers, thread) =>
    answers.map((answer, index) => `${thread}:r${index}=${answer};`),
  )
  return [...answered, ...final.map(({ op, answer }) => `[${op}]=${answer};`)].join(' ')
}

/** The parts of an outcome: what each operation answered, by thread, and what the operations at the end did, in their order. */
export interface OutcomeParts {
  readonly threads: readonly (readonly string[])[]
  readonly final: readonly string[]
}

/** Reads an outcome's text; `undefined` if it is none. */
export function outcomeParts(text: string): OutcomeParts | undefined {
  const threads: string[][] = []
  const final: string[] = []
  for (const part of text.split(';').map((each) => each.trim())) {
    if (part === '') continue
    const thread = /^(\d+):r(\d+)=(.*)$/.exec(part)
    const end = /^\[[^\]]+\]=(.*)$/.exec(part)
    if (thread) {
      threads[Number(thread[1])] ??= []
      threads[Number(thread[1])][Number(thread[2])] = thread[3]
    } else if (end) final.push(end[1])
    else return undefined
  }
  return { threads, final }
}
