/**
 * The oracle as a peer.
 *
 * @module
 */
import { type Operation, OperationError, parseOperation } from '../../operations.js'
import { Oracle, type OracleOptions } from '../../oracle.js'
import type { KernelVersion } from '../../result.js'
import type { Peer } from './peer.js'
import { type Hello, type PeerAnswer, PROTOCOL, ProtocolError, UNSUPPORTED } from './protocol.js'

/** Answers as the specification does. */
export class OraclePeer implements Peer {
  private operations: Operation[] = []
  private oracle: Oracle | undefined
  private readonly oracleOptions: OracleOptions

  /**
   * @param kernel - the release that it answers like
   * @param profile - the profile that it claims to answer by
   * @param options - what it overrides
   */
  constructor(
    private readonly kernel: KernelVersion,
    private readonly profile: string,
    options: Pick<OracleOptions, 'overrides'> = {},
  ) {
    this.oracleOptions = { ...options, kernel }
  }

  async hello(): Promise<Hello> {
    return { protocol: PROTOCOL, name: 'hmm-spec oracle', release: this.kernel, profile: this.profile }
  }

  async reset(_sequence?: string, operations?: readonly string[]): Promise<void> {
    this.operations = []
    const known = operations?.map(parseOperation).filter(({ name }) => name !== 'unsupported')
    this.oracle = known && new Oracle(known as Operation[], this.oracleOptions)
  }

  /**
   * An oracle's world is as large as its sequence needs. Where the sequence was not told, each operation has an oracle
   * of its own, which performs what came before it again.
   */
  async perform(text: string): Promise<PeerAnswer | typeof UNSUPPORTED> {
    const operation = read(text)
    if (operation.name === 'unsupported') return UNSUPPORTED
    this.operations.push(operation)
    const oracle =
      this.oracle ?? oracleAfter(this.operations.slice(0, -1), this.operations, this.oracleOptions)
    return { ...oracle.perform(operation) }
  }

  async end(): Promise<void> {}
}

function read(text: string) {
  try {
    return parseOperation(text)
  } catch (error) {
    if (error instanceof OperationError) throw new ProtocolError(error.message)
    throw error
  }
}

/** An oracle for `all`, after `performed`. */
function oracleAfter(
  performed: readonly Operation[],
  all: readonly Operation[],
  options: OracleOptions,
): Oracle {
  const oracle = new Oracle(all, options)
  for (const operation of performed) oracle.perform(operation)
  return oracle
}
