/**
 * Small suites, made for one test.
 *
 * @module
 */
import { allowedAnswers } from '../../src/conformance/suite/build.js'
import type { Suite } from '../../src/conformance/suite/data.js'

/** A suite of these sequences, with what each profile allows. */
export function suiteOf(sequences: readonly (readonly string[])[]): Suite {
  return {
    manifest: {
      format: 'hmm-spec-suite',
      version: '0.0.0',
      protocol: 1,
      profiles: {},
      files: [],
      transitionsNotTaken: [],
    },
    sequences: sequences.map((ops, index) => ({
      seq: `test/${index}`,
      exercises: [`step of ${index}`],
      ops,
      answers: allowedAnswers(ops),
    })),
  }
}
