/**
 * Puts bugs into a copy of the engine, one at a time, and runs the battery against it.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const PROJECT = fileURLToPath(new URL('../../', import.meta.url))
/** Milliseconds after which a mutant that has not ended hangs, and is caught by that. */
const HANGS_AFTER = 120_000

/** A bug: what is replaced in which file. */
export interface Mutant {
  readonly file: string
  readonly search: string
  readonly replace: string
}

/** How a mutant was caught, or that it was not. */
export interface Outcome {
  readonly caught: boolean
  /** What the battery said. */
  readonly by: string
}

/** The text of a mutant's file, with the bug in it. @throws if what it replaces is not there exactly once */
export function mutated({ file, search, replace }: Mutant): string {
  const text = readFileSync(join(PROJECT, file), 'utf8')
  const at = text.indexOf(search)
  if (at < 0 || text.indexOf(search, at + 1) >= 0)
    throw new Error(`${at < 0 ? 'nowhere' : 'more than once'} in ${file}: ${search}`)
  return text.slice(0, at) + replace + text.slice(at + search.length)
}

/** The TypeScript files of a folder and of those in it, tests left out. */
function sourcesIn(folder: string): string[] {
  return readdirSync(join(PROJECT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.includes('mutat'))
    .map((file) => join(folder, file))
}

/** A compiled copy of the engine, the specification and the battery. */
export class Copy {
  private readonly folder: string

  constructor() {
    // Within the project, so that what it depends on is found; a package of its own, so that it is ES modules.
    this.folder = join(PROJECT, 'node_modules', '.cache', `hmm-spec-mutants-${process.pid}`)
    rmSync(this.folder, { recursive: true, force: true })
    this.write('package.json', '{ "type": "module" }')
    for (const folder of ['src', 'spec', 'models', 'test/naive'])
      for (const file of sourcesIn(folder)) this.compile(file, readFileSync(join(PROJECT, file), 'utf8'))
  }

  /** Runs the battery with `mutant` put in, or with the engine as it is. */
  async run(mutant?: Mutant): Promise<Outcome> {
    if (mutant !== undefined) this.compile(mutant.file, mutated(mutant))
    try {
      return await this.battery()
    } finally {
      if (mutant !== undefined) this.compile(mutant.file, readFileSync(join(PROJECT, mutant.file), 'utf8'))
    }
  }

  /** Removes the copy. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  private battery(): Promise<Outcome> {
    const script = join(this.folder, 'test/naive/battery.js')
    const child = spawn(process.execPath, [script, join(PROJECT, 'test/fixtures/digests.json')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data) => {
        said += data
      })
    const timer = setTimeout(() => child.kill('SIGKILL'), HANGS_AFTER)
    return new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code) => {
        clearTimeout(timer)
        resolve({ caught: code !== 0, by: code === null ? 'it hangs' : said.trim() })
      })
    })
  }

  private compile(file: string, text: string): void {
    const { outputText } = ts.transpileModule(text, {
      fileName: file,
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    })
    this.write(file.replace(/\.ts$/, '.js'), outputText)
  }

  private write(file: string, text: string): void {
    const path = join(this.folder, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
}
