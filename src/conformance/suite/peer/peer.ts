/**
 * An implementation under test, whoever runs it.
 *
 * @module
 */
import type { Hello, PeerAnswer, UNSUPPORTED } from './protocol.js'

/** An implementation that performs operations. Nothing is asked before the answer to the last question. */
export interface Peer {
  /** Starts it. */
  hello(): Promise<Hello>
  /**
   * Begins a sequence: a fresh process, both device files open, nothing mapped.
   *
   * @param operations - what will be asked, for a peer that must know how much room that takes; a program is not told
   */
  reset(sequence: string, operations?: readonly string[]): Promise<void>
  perform(operation: string): Promise<PeerAnswer | typeof UNSUPPORTED>
  /** Ends it, also if it has failed or was never started. Nothing of it runs afterwards. */
  end(): Promise<void>
}

/** How a peer may fail. */
export type FailureKind = 'exit' | 'hang' | 'flood' | 'garbage'

/** A peer that does not answer. The message says what it did instead. */
export class PeerFailure extends Error {
  override readonly name = 'PeerFailure'

  /**
   * @param kind - `exit`: it ended; `hang`: no answer within the time limit; `flood`: a line beyond the size limit;
   * `garbage`: what it wrote is no answer to what it was asked
   */
  constructor(
    readonly kind: FailureKind,
    message: string,
  ) {
    super(message)
  }
}
