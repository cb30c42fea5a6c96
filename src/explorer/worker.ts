/**
 * The worker of the explorer: a session that is spoken to by messages.
 *
 * @module
 */
import type { Message, Request } from './messages.js'
import { Session } from './session.js'

const session = new Session()
const say = (message: Message) => globalThis.postMessage(message)

globalThis.onmessage = async ({ data }: MessageEvent<Request>) => {
  const { id, name, asks } = data
  try {
    say({ id, answer: await session.answer(name, asks, (progress) => say({ id, progress })) })
  } catch (error) {
    say({ id, error: error instanceof Error ? error.message : String(error) })
  }
}
