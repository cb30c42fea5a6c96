/**
 * A change that is a range of commits: each side is built and checked by its own tool, in a folder of its own.
 *
 * @module
 */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { CheckResult } from '../../checker/result.js'
import { packageFolder } from '../../host/package.js'
import type { MutateDocument } from '../../publish/mutants.js'
import { type ProceduresDocument, readProcedures } from '../../publish/procedures.js'
import { ExitCode, type Failure } from '../../report/report.js'
import {
  type ChangedFile,
  CommitError,
  changeOfTrees,
  commitOf,
  execute,
  git,
  type MutantsFailed,
  type MutantsFound,
  mutantsFound,
  Saved,
  type Side,
  selectedBy,
  Worktree,
} from '../../review/index.js'
import { UsageError } from '../arguments/usage.js'
import type { Io } from '../terminal/io.js'
import { type Compared, type ComparisonOptions, isWhole, NOTHING } from './compared.js'

/** What `check --format json` of either side writes. */
interface CheckDocument {
  readonly format: string
  readonly version: number
  readonly scenarios: readonly (Omit<CheckResult, 'scenario'> & { readonly name: string })[]
  readonly errors: readonly Failure[]
  readonly notRun: readonly string[]
}

/**
 * Compares the commits of `range`, `BASE..HEAD`; `BASE...HEAD` is compared with what both have in common.
 *
 * @param root - folder of the repository
 * @returns `interrupted` if that came before it was known what there is to check
 * @throws UsageError if there are no such commits, or they do not build
 */
export async function fromCommits(
  io: Io,
  range: string,
  options: ComparisonOptions & { readonly linux?: string },
  root: string = packageFolder(),
): Promise<Compared | 'interrupted'> {
  const interrupt = new AbortController()
  const forget = io.onInterrupt(() => {
    if (interrupt.signal.aborted) io.quit(ExitCode.limit)
    else {
      io.stderr.write(
        'interrupted: ending what is running, and removing the commits; once more quits at once\n',
      )
      interrupt.abort()
    }
  })
  const trees: Worktree[] = []
  try {
    const { base, head } = commitsOf(root, range)
    const sideOf = (commit: string) => new CommitSide(root, commit, io, options, interrupt.signal, trees)
    return await compared(root, range, sideOf(base), sideOf(head), options)
  } catch (error) {
    if (error instanceof CommitError) throw new UsageError(`review ${range}: ${error.message}`)
    throw error
  } finally {
    forget()
    for (const tree of trees) tree.remove()
  }
}

function commitsOf(root: string, range: string): { readonly base: string; readonly head: string } {
  const [, from, dots, to] = /^(.+?)(\.{2,3})(.*)$/.exec(range) ?? []
  if (from === undefined)
    throw new UsageError(`${range} is no range of commits; write BASE..HEAD, such as main..HEAD`)
  const [base, head] = [commitOf(root, from), commitOf(root, to || 'HEAD')]
  return { base: dots === '...' ? git(root, 'merge-base', base, head).trim() : base, head }
}

async function compared(
  root: string,
  range: string,
  base: CommitSide,
  head: CommitSide,
  options: ComparisonOptions,
): Promise<Compared | 'interrupted'> {
  const files = changedFiles(root, base.commit, head.commit)
  const [before, after] = [base.procedures(), head.procedures()]
  const change = changeOfTrees(before, after, files)
  const names = await head.scenarios()
  if (head.isInterrupted) return 'interrupted'
  const baseSide = await base.checked(options.only.length === 0 ? undefined : options.only)
  const wanted = options.only.length === 0 ? names : names.filter((name) => options.only.includes(name))
  const selected = selectedBy(change, baseSide, wanted)
  const isCut = baseSide.notRun.length > 0 || head.isInterrupted
  const afterSide = isCut ? { ...NOTHING, notRun: selected.scenarios } : await head.run(selected.scenarios)
  const mutants =
    options.mutants === undefined || head.isInterrupted
      ? undefined
      : await mutantsOf(base, head, options.mutants)
  return {
    subject: {
      kind: 'range',
      base: base.commit.slice(0, 12),
      head: `${head.commit.slice(0, 12)} (${range})`,
    },
    change,
    base: baseSide,
    selected,
    after: afterSide,
    document: after,
    ...(mutants && { mutants }),
  }
}

/** Judges the mutants of the functions that differ: after the change first. */
async function mutantsOf(
  base: CommitSide,
  head: CommitSide,
  timeMs: number,
): Promise<MutantsFound | MutantsFailed> {
  try {
    const after = await head.mutants(base.commit, timeMs)
    return mutantsFound(await base.mutants(head.commit, timeMs), after, timeMs)
  } catch (error) {
    if (error instanceof CommitError) return { reason: error.message }
    throw error
  }
}

/** The files that differ, with what both sides have. */
function changedFiles(root: string, base: string, head: string): ChangedFile[] {
  const listed = git(root, 'diff', '--name-only', '--no-renames', '-z', base, head)
    .split('\0')
    .filter(Boolean)
  const textOf = (commit: string, file: string) => {
    try {
      return git(root, 'show', `${commit}:${file}`)
    } catch {
      return undefined
    }
  }
  return listed.map((file) => ({ file, before: textOf(base, file), after: textOf(head, file) }))
}

/** One side: checked out and built when that is needed. */
class CommitSide {
  private readonly saved: Saved
  private tree: Worktree | undefined
  private built: Promise<void> | undefined

  constructor(
    private readonly root: string,
    readonly commit: string,
    private readonly io: Io,
    private readonly options: ComparisonOptions & { readonly linux?: string },
    private readonly signal: AbortSignal,
    private readonly trees: Worktree[],
  ) {
    this.saved = new Saved(join(root, 'node_modules/.cache/hmm-spec/review'))
  }

  get isInterrupted(): boolean {
    return this.signal.aborted
  }

  /** What its sources hold. */
  procedures(): ProceduresDocument {
    const key = `procedures-${this.commit}`
    const known = this.saved.get<ProceduresDocument>(key) ?? this.read()
    this.saved.set(key, known)
    return known
  }

  private read(): ProceduresDocument {
    const { folder } = this.checkedOut()
    if (!existsSync(join(folder, 'package.json')) || !existsSync(join(folder, 'tsconfig.json')))
      throw new CommitError(`commit ${this.commit.slice(0, 12)} holds no sources of hmm-spec`)
    return readProcedures(folder)
  }

  /** Names of its scenarios. */
  async scenarios(): Promise<string[]> {
    const { out } = await this.tool(['list', 'scenarios', '--format', 'json', ...this.release()])
    if (this.isInterrupted) return []
    const { scenarios } = JSON.parse(out) as { scenarios: readonly { readonly name: string }[] }
    return scenarios.map(({ name }) => name)
  }

  /** The checks of `names`, or of all its scenarios; those that were kept are not run again. */
  async checked(names: readonly string[] | undefined): Promise<Side> {
    const { bounds, linux = '' } = this.options
    const key = `checks-${this.commit}-${process.version}-${bounds}${linux}${names === undefined ? '' : `-${names.join(',')}`}`
    const known = this.saved.get<Side>(key)
    if (known !== undefined) return known
    const there = new Set(await this.scenarios())
    const found = await this.run(names?.filter((name) => there.has(name)) ?? [...there])
    if (isWhole(found) && !this.isInterrupted) this.saved.set(key, found)
    return found
  }

  /** Checks `names`. */
  async run(names: readonly string[]): Promise<Side> {
    if (names.length === 0) return NOTHING
    const { bounds, workers, limits } = this.options
    const file = join(this.checkedOut().folder, '..', 'check.json')
    const { code } = await this.tool([
      'check',
      ...names,
      ...['--bounds', bounds, '--format', 'json', '--output', file],
      ...(workers === undefined ? [] : ['--workers', String(workers)]),
      ...(limits.timeMs === undefined ? [] : ['--time-limit', `${limits.timeMs}ms`]),
      ...this.release(),
    ])
    if (!existsSync(file)) {
      if (this.isInterrupted) return { ...NOTHING, notRun: names }
      throw new CommitError(`the checks of commit ${this.commit.slice(0, 12)} ended with exit code ${code}`)
    }
    const found = JSON.parse(readFileSync(file, 'utf8')) as CheckDocument
    rmSync(file)
    if (found.format !== 'hmm-spec-check' || found.version !== 1)
      throw new CommitError(`commit ${this.commit.slice(0, 12)} writes reports of another version`)
    return {
      results: found.scenarios.map(({ name, ...result }) => ({ ...result, scenario: name })),
      failures: found.errors,
      notRun: found.notRun,
    }
  }

  /**
   * Judges the mutants of its functions that `other` has otherwise.
   *
   * @throws CommitError if its tool cannot
   */
  async mutants(other: string, timeMs: number): Promise<MutateDocument> {
    const { bounds, workers } = this.options
    const file = join(this.checkedOut().folder, '..', 'mutants.json')
    const { code } = await this.tool([
      ...['mutate', '--since', other, '--time-limit', `${timeMs}ms`, '--bounds', bounds],
      ...['--format', 'json', '--output', file],
      ...(workers === undefined ? [] : ['--workers', String(workers)]),
    ])
    if (!existsSync(file))
      throw new CommitError(
        this.isInterrupted
          ? 'the review was interrupted'
          : `the tool of commit ${this.commit.slice(0, 12)} ended with exit code ${code}`,
      )
    const found = JSON.parse(readFileSync(file, 'utf8')) as MutateDocument & Record<string, unknown>
    rmSync(file)
    if (found.format !== 'hmm-spec-mutate' || found.version !== 1)
      throw new CommitError(`commit ${this.commit.slice(0, 12)} writes reports of another version`)
    return found
  }

  private release(): string[] {
    return this.options.linux === undefined ? [] : ['--linux', this.options.linux]
  }

  /** Runs the command of this commit. */
  private async tool(args: readonly string[]) {
    const { folder } = this.checkedOut()
    this.built ??= this.checkedOut().build(this.signal)
    await this.built
    if (this.isInterrupted) return { code: null, out: '' }
    let said = ''
    const ended = await execute(folder, ['dist/src/cli/main.js', ...args], this.signal, (text) => {
      said += text
      this.io.stderr.write(text.replace(/^json report written to .*\n/gm, ''))
    })
    if (ended.code === 2 && args[0] === 'list') throw new CommitError(said.trim())
    return ended
  }

  private checkedOut(): Worktree {
    if (this.tree === undefined) {
      this.io.stderr.write(`checking out and building ${this.commit.slice(0, 12)}\n`)
      this.tree = new Worktree(this.root, this.commit)
      this.trees.push(this.tree)
    }
    return this.tree
  }
}
