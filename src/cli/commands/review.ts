/**
 * `hmm-spec review`: what a change breaks and what still holds, as documents for a mail, a merge request and tools.
 *
 * @module
 */
import type { Requirement } from '../../../spec/requirement.js'
import { traceJson } from '../../report/json.js'
import { ExitCode } from '../../report/report.js'
import type { Review } from '../../review/index.js'
import { findNamed, UsageError } from '../arguments/usage.js'
import { inAClone } from '../loading/in-a-clone.js'
import type { Project } from '../project.js'
import type { Compared, ComparisonOptions, Open } from '../review/compared.js'
import { runFacts } from '../running/run-facts.js'
import type { Io } from '../terminal/io.js'
import { makeDirectory, writeDocuments } from '../terminal/output.js'

/** What `review` writes: all documents, or one of them. */
export const REVIEW_FORMATS = ['all', 'markdown', 'html', 'sarif', 'json'] as const

/** Options of `review`. */
export interface ReviewCommandOptions extends ComparisonOptions {
  readonly format: (typeof REVIEW_FORMATS)[number]
  /** The folder that the documents are written to. */
  readonly output: string
  readonly override?: string
  readonly driver?: string
  readonly base?: string
  readonly linux?: string
}

/**
 * Reviews a range of commits, a file of overrides, or a driver; without any of them, writes the dossier of the whole.
 *
 * @returns the exit code
 * @throws UsageError for what cannot be reviewed
 */
export async function reviewCommand(
  project: Project,
  io: Io,
  range: string | undefined,
  options: ReviewCommandOptions,
  open: Open,
): Promise<number> {
  if (range === undefined && options.override === undefined && options.driver === undefined)
    return dossier(project, io, options)
  mustBeOne(range, options)
  const only = options.only.map((name) =>
    findNamed(
      {
        noun: 'scenario',
        all: project.scenarios,
        nameOf: ({ name }) => name,
        list: 'hmm-spec list scenarios',
      },
      name,
    ),
  )
  makeDirectory('--output', options.output, 'review')
  const review = await loaded()
  const asked = { ...options, only: only.map(({ name }) => name) }
  const compared = await comparedBy(open, io, range, asked)
  if (compared === 'interrupted') {
    io.stderr.write('interrupted before anything was checked; nothing is written\n')
    return ExitCode.limit
  }
  const found = reviewOf(review, project, compared, asked, commandOf(range, options))
  return write(review, io, found, options)
}

async function dossier(
  project: Project,
  io: Io,
  { format, output, base, mutants }: ReviewCommandOptions,
): Promise<number> {
  if (mutants !== undefined)
    throw new UsageError('--mutants judges what a change does to them: name the change')
  if (base !== undefined) throw new UsageError('--base FILE is compared with --driver FILE: give both')
  if (format === 'sarif' || format === 'json')
    throw new UsageError(
      `--format ${format} is of a review of a change; without one a dossier is written: --format markdown, html or all`,
    )
  makeDirectory('--output', output, 'dossier')
  await loaded()
  const { writeDossier } = await import('../review/dossier.js')
  return writeDossier(project, io, format, output)
}

function mustBeOne(
  range: string | undefined,
  { override, driver, base, linux, mutants }: ReviewCommandOptions,
): void {
  const asked = [range, override, driver].filter((one) => one !== undefined)
  if (asked.length !== 1)
    throw new UsageError(
      'name one thing to review: BASE..HEAD, --override FILE, or --driver FILE --base FILE; hmm-spec help review',
    )
  if ((driver === undefined) !== (base === undefined))
    throw new UsageError('--driver FILE is compared with --base FILE: give both')
  if (mutants !== undefined && linux !== undefined)
    throw new UsageError('--mutants judges the newest text: leave out --linux')
}

const loaded = () => inAClone('review', () => import('../../review/index.js'))

async function comparedBy(
  open: Open,
  io: Io,
  range: string | undefined,
  options: ReviewCommandOptions,
): Promise<Compared | 'interrupted'> {
  if (range !== undefined) {
    const { fromCommits } = await import('../review/from-commits.js')
    return fromCommits(io, range, options)
  }
  const choice = options.linux === undefined ? {} : { linux: options.linux }
  const { fromOverride, fromDriver } = await import('../review/from-file.js')
  if (options.override !== undefined) return fromOverride(open, io, options.override, choice, options)
  const { driver: file = '', base = '' } = options
  return fromDriver(open, io, { file, base }, choice, options)
}

function reviewOf(
  review: Awaited<ReturnType<typeof loaded>>,
  project: Project,
  { subject, change, base, after, selected, document, mutants }: Compared,
  { bounds, linux }: ReviewCommandOptions,
  command: string,
): Review {
  const requirements: readonly Requirement[] = project.requirements
  const found = {
    broken: review.brokenClauses(base, after, change, requirements, project.defects),
    failures: after.failures,
    stopped: review.stoppedOf(after),
    notRun: after.notRun,
  }
  return {
    run: runFacts(linux === undefined ? project : { ...project, linux }, bounds),
    subject,
    bounds,
    change,
    selected,
    ...found,
    verdict: review.verdictOf(found),
    held: review.heldOf(base, after),
    coverage: review.coverageChange(base, after),
    releases: review.releasesOf(change.procedures, document),
    relatedDefects: review
      .relatedDefects(change.procedures, project.defects)
      .map(({ name, title, requirement }) => ({ name, title, requirement })),
    ...(mutants && { mutants }),
    notModelled: [...after.results, ...base.results][0]?.notModelled ?? [],
    command,
    places: new Map(
      document.procedures.flatMap(({ name, steps }) =>
        steps.map(({ name: step, file, line }) => [`${name}: ${step}`, { file, line }] as const),
      ),
    ),
  }
}

/** The command that repeats a review. */
function commandOf(range: string | undefined, options: ReviewCommandOptions): string {
  const { override, driver, base, linux, bounds, only, limits, mutants } = options
  const given: readonly (readonly [name: string, value: string | undefined])[] = [
    ['override', override],
    ['driver', driver],
    ['base', base],
    ['linux', linux],
    ['bounds', bounds],
    ['time-limit', limits.timeMs === undefined ? undefined : `${limits.timeMs}ms`],
    ['mutants', mutants === undefined ? undefined : `${mutants}ms`],
  ]
  return [
    'hmm-spec review',
    ...(range === undefined ? [] : [quoted(range)]),
    ...given.flatMap(([name, value]) => (value === undefined ? [] : [`--${name} ${quoted(value)}`])),
    ...(only.length === 0 ? [] : [`--only ${only.map(quoted).join(' ')}`]),
  ].join(' ')
}

/** A word as a shell takes it. */
function quoted(word: string): string {
  return /^[\w./:=@^~+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

function write(
  review: Awaited<ReturnType<typeof loaded>>,
  io: Io,
  found: Review,
  { output, format }: ReviewCommandOptions,
): number {
  const exitCode = review.reviewExitCode(found)
  const documents = [
    ['markdown', 'review.md', review.reviewMarkdown],
    ['html', 'review.html', review.reviewHtml],
    ['sarif', 'review.sarif', review.reviewSarif],
    ['json', 'review.json', review.reviewJson],
  ] as const
  io.stdout.write(
    `${review.VERDICTS[found.verdict]} ${review.titleOf(found)}: ${review.verdictOfReview(found)}\n`,
  )
  for (const { clause, scenarios, trace } of found.broken)
    io.stdout.write(
      `  ${clause}: ${trace.steps.length} steps in ${scenarios[0].scenario}, ${scenarios.length} in all\n`,
    )
  for (const { name, message } of found.failures) io.stderr.write(`${name}: ${message}\n`)
  const asked = documents.filter(([name]) => format === 'all' || format === name)
  const traces = format === 'all' ? found.broken.filter(({ trace }) => trace.steps.length > 0) : []
  return writeDocuments(
    io,
    output,
    [
      ...asked.map(([, file, render]) => [file, render(found)] as const),
      ...traces.map(
        ({ clause, trace }) =>
          [`traces/${clause.replace(/[^\w.-]+/g, '-')}.json`, traceJson(found.run, trace)] as const,
      ),
    ],
    exitCode,
  )
}
