/**
 * A review as JSON: `docs/schema/review.schema.json`.
 *
 * @module
 */
import { document } from '../report/json.js'
import { type Review, reviewExitCode } from './review.js'

/** The review as JSON. */
export function reviewJson(review: Review): string {
  const { run, places: _, verdict, failures: errors, ...content } = review
  return document('review', run, {
    exitCode: reviewExitCode(review),
    complete: content.stopped.length === 0 && content.notRun.length === 0,
    verdict,
    ...content,
    errors,
  })
}
