/**
 * Small suites, made for one test.
 *
 * @module
 */

import { RECORDED_KERNELS } from '../../src/conformance/result.js'
import type { Suite } from '../../src/conformance/suite/data.js'
import { allowedAnswers } from '../../src/conformance/suite/making/build.js'

/** A suite of these sequences, with what each profile allows. */
export function suiteOf(sequences: readonly (readonly string[])[]): Suite {
  return {
    manifest: {
      format: 'hmm-spec-suite',
      version: '0.0.0',
      protocol: 1,
      profiles: {},
      files: [],
      coverage: {},
      notTaken: {},
      transitionsNotTaken: [],
    },
    steps: sequences.map((_, index) => `step of ${index}`),
    sequences: sequences.map((ops, index) => ({
      seq: `test/${index}`,
      exercises: [
        { releases: RECORDED_KERNELS, transitions: [], requirements: [], answers: [], steps: [index] },
      ],
      ops,
      answers: allowedAnswers(ops),
    })),
  }
}
