/**
 * Bounds that could be raised, where a larger scenario shows what no scenario shows at its default bounds, and why the default
 * stays. One that shows nothing new any more is an error of this list: `hmm-spec saturate` says so.
 *
 * @module
 */

/** Reasons, by scenario and bound. */
export const boundReasons: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'retry-protocol': {
    'pages=3': 'the answer of the step is the number of the page, and a third page is like the second',
  },
  starvation: {
    'endless=1':
      'the parameter says how the scenario goes and not how far: with it the reader starves, which is the hazard H7',
  },
}
