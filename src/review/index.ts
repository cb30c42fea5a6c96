/**
 * Reviews of a change: what it breaks, what still holds, as documents for people and for tools.
 *
 * @module
 */
export {
  type Change,
  type ChangedFile,
  changeOfTexts,
  changeOfTrees,
  diffOf,
  normalised,
  type Place,
  type ProcedureChange,
  type ReplacedText,
} from './change.js'
export { type DossierSources, dossierMarkdown, type Included } from './dossier.js'
export { dossierHtml } from './dossier-html.js'
export { reviewHtml } from './html.js'
export { reviewJson } from './json.js'
export { reviewMarkdown, runText } from './markdown.js'
export * from './mutants.js'
export { type AffectedRelease, inRows, type ReleaseRow, releasesOf } from './releases.js'
export * from './review.js'
export { reviewSarif } from './sarif.js'
export { Saved } from './saved.js'
export { titleOf, VERDICTS, verdictOfReview } from './wording.js'
export { CommitError, commitOf, type Ended, execute, git, Worktree } from './worktree.js'
