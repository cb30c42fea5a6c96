/**
 * Inside the operations too the oracle does what the kernel was traced to do: the notifier windows that each operation
 * opens, and how many pages it faults. The fixture holds the kprobe events `inv_start` and `mm_fault` of the directed
 * sequences on Linux 6.1, operation by operation, up to the first that is not supported.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { type Operation, Oracle, parseOperation } from '../../src/conformance/index.js'
import { handle_mm_fault, mn_itree_inv_start_range } from '../../src/kernel/index.js'

interface Traced {
  readonly seq: string
  readonly ops: readonly {
    readonly op: string
    readonly windows: readonly string[]
    readonly faults: number
  }[]
}

const fixture = fileURLToPath(new URL('../fixtures/linux-6.1-directed.windows.jsonl.gz', import.meta.url))
const sequences = gunzipSync(readFileSync(fixture))
  .toString('utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Traced)

function traceOf({ seq, ops }: Traced): Traced {
  const operations = ops.map(({ op }) => parseOperation(op) as Operation)
  let windows: string[] = []
  let faults = 0
  const oracle: Oracle = new Oracle(operations, {
    onStep(procedure) {
      if (procedure === handle_mm_fault) faults++
      if (procedure !== mn_itree_inv_start_range) return
      const [range] = oracle.machine.openRanges
      windows.push(`${range.event} ${range.start}..${range.end}`)
    },
  })
  return {
    seq,
    ops: operations.map((operation, index) => {
      windows = []
      faults = 0
      oracle.perform(operation)
      return { op: ops[index].op, windows, faults }
    }),
  }
}

describe('the directed sequences', () => {
  it('are all there', () => {
    const ops = sequences.flatMap((sequence) => sequence.ops)
    expect([sequences.length, ops.length]).toEqual([57, 283])
    expect(ops.flatMap(({ windows }) => windows).length).toBeGreaterThan(10)
  })

  it.each(sequences.map((traced) => [traced.seq, traced] as const))('%s', (_name, traced) => {
    expect(traceOf(traced)).toEqual(traced)
  })
})
