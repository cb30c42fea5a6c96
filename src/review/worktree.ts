/**
 * A commit in a folder of its own, built there, and removed whatever happens.
 *
 * @module
 */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A commit that cannot be had, or not be built; the message says why. */
export class CommitError extends Error {
  override readonly name = 'CommitError'
}

/** Runs git in `root`. @throws CommitError with what git says */
export function git(root: string, ...args: string[]): string {
  try {
    // A hook of the user's is for the user's own folder.
    return execFileSync('git', ['-c', 'core.hooksPath=/dev/null', ...args], {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 2 ** 30,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  } catch (error) {
    const { stderr } = error as { stderr?: string }
    throw new CommitError(`git ${args.slice(0, 2).join(' ')}: ${stderr?.trim() || (error as Error).message}`)
  }
}

/** The commit that `name` stands for. */
export function commitOf(root: string, name: string): string {
  return git(root, 'rev-parse', '--verify', '--end-of-options', `${name}^{commit}`).trim()
}

/** What a program left behind. */
export interface Ended {
  /** Null if a signal ended it. */
  readonly code: number | null
  readonly out: string
}

/**
 * Runs a program in `folder`, in a group of its own: Ctrl-C reaches it once, by `signal`.
 *
 * @param onError - called with what it writes to its standard error
 */
export function execute(
  folder: string,
  args: readonly string[],
  signal: AbortSignal,
  onError: (text: string) => void,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: folder,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const stop = () => void child.kill('SIGINT')
    const kill = () => void child.kill('SIGKILL')
    process.once('exit', kill)
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
    let out = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
    child.stderr.setEncoding('utf8').on('data', onError)
    child.on('error', reject)
    child.on('close', (code) => {
      process.off('exit', kill)
      signal.removeEventListener('abort', stop)
      resolve({ code, out })
    })
  })
}

/** A commit, checked out. */
export class Worktree {
  readonly folder: string
  private readonly above: string
  private readonly removeAtExit = () => this.remove()

  /**
   * @param root - folder of the repository that has the commit, and the installed packages
   * @throws CommitError if it cannot be checked out
   */
  constructor(
    private readonly root: string,
    readonly commit: string,
  ) {
    this.above = mkdtempSync(join(tmpdir(), 'hmm-spec-review-'))
    this.folder = join(this.above, commit.slice(0, 12))
    process.once('exit', this.removeAtExit)
    try {
      git(root, 'worktree', 'add', '--quiet', '--detach', this.folder, commit)
      symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'))
    } catch (error) {
      this.remove()
      throw error
    }
  }

  /**
   * Builds it with the installed compiler.
   *
   * @throws CommitError with what the compiler says
   */
  async build(signal: AbortSignal): Promise<void> {
    const compiler = [
      'node_modules/typescript/bin/tsc',
      '-p',
      'tsconfig.build.json',
      '--incremental',
      'false',
    ]
    for (const args of [compiler, ['tools/after-build.mjs']]) {
      let said = ''
      const { code, out } = await execute(this.folder, args, signal, (text) => {
        said += text
      })
      if (code !== 0 && !signal.aborted)
        throw new CommitError(
          `commit ${this.commit.slice(0, 12)} does not build:\n${`${out}${said}`.trim().split('\n').slice(0, 20).join('\n')}`,
        )
    }
  }

  /** Removes it; what git knows of it too. */
  remove(): void {
    process.off('exit', this.removeAtExit)
    rmSync(join(this.folder, 'node_modules'), { force: true })
    rmSync(this.above, { recursive: true, force: true })
    if (existsSync(this.root)) git(this.root, 'worktree', 'prune')
  }
}
