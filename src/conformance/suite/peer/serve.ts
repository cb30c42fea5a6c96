/**
 * The other end of the protocol: lets any {@link Peer} answer a runner that speaks to a program.
 *
 * @module
 */
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Peer } from './peer.js'
import { type Question, UNSUPPORTED } from './protocol.js'

/**
 * Answers questions from `input` until `bye` or its end.
 *
 * @param write - writes one line
 */
export async function servePeer(
  peer: Peer,
  input: Readable,
  write: (line: string) => unknown,
): Promise<void> {
  for await (const line of createInterface({ input })) {
    const question = JSON.parse(line) as Question & { readonly id: number }
    const answer = (fields: object) => write(`${JSON.stringify({ id: question.id, ...fields })}\n`)
    if ('hello' in question) answer({ hello: await peer.hello() })
    else if ('reset' in question) {
      await peer.reset(question.reset)
      answer({})
    } else if ('op' in question) {
      const outcome = await peer.perform(question.op)
      answer(outcome === UNSUPPORTED ? { unsupported: true } : outcome)
    } else {
      answer({})
      break
    }
  }
  await peer.end()
}
