/**
 * What is mutated: the sources, the build that was made of them, and what identifies both.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type ts from 'typescript'
import type { KernelVersion } from '../../conformance/result.js'
import { hashOfModules } from '../../host/package.js'
import type { RecordingFile } from '../judging/protocol.js'
import { edited, type Mutant } from '../mutant.js'
import { compile } from '../text/compile.js'
import { type Anchor, instrument } from '../text/instrument.js'
import { compilerOptions, mutatedFiles, typedSources } from '../text/program.js'
import { mutantsOf } from './find.js'

/** Why nothing can be mutated: the message says what to do. */
export class SubjectError extends Error {
  override readonly name = 'SubjectError'
}

/** Sources with all their mutants, and the build. */
export class Subject {
  readonly mutants: readonly Mutant[]
  private readonly options: ts.CompilerOptions
  private readonly sources = new Map<string, string>()
  private readonly compiled = new Map<string, string>()

  /**
   * @param root - folder of the project's package.json: a clone, with its build
   * @throws SubjectError if sources or build are not there, or the build is not of these sources
   */
  constructor(readonly root: string) {
    const files = mutatedFiles(root)
    if (files.length === 0 || !existsSync(join(root, 'dist/src/mutate/judging/child.js')))
      throw new SubjectError(
        `${root} holds no sources with their build; run it in a clone, after npm run build`,
      )
    this.options = compilerOptions(root)
    for (const file of files) {
      const text = readFileSync(join(root, file), 'utf8')
      const compiled = compile(file, text, this.options)
      const built = readFileSync(join(root, 'dist', moduleOf(file)), 'utf8')
      if (built.replace(/\/\/# sourceMappingURL=.*\n?$/, '') !== compiled)
        throw new SubjectError(`dist/${moduleOf(file)} is not what ${file} compiles to; run npm run build`)
      this.sources.set(file, text)
      this.compiled.set(file, compiled)
    }
    const sources = typedSources(root, files)
    this.mutants = files.flatMap((file) => mutantsOf(file, sources))
  }

  /** The text of a source file. */
  sourceOf(file: string): string {
    return this.sources.get(file) ?? ''
  }

  /** The compiled texts of all that is mutated, by path of the module. */
  get modules(): ReadonlyMap<string, string> {
    return new Map([...this.compiled].map(([file, text]) => [moduleOf(file), text]))
  }

  /** The module of a mutant as the mutant makes it. */
  mutated(mutant: Mutant): { readonly module: string; readonly text: string } {
    const { file, edits } = mutant
    return { module: moduleOf(file), text: compile(file, edited(this.sourceOf(file), edits), this.options) }
  }

  /** The same, instrumented; how many anchors there are, and the number of each mutant's. */
  instrumented(): {
    readonly modules: ReadonlyMap<string, string>
    readonly anchors: number
    readonly anchorOf: ReadonlyMap<Mutant, number>
  } {
    const modules = new Map<string, string>()
    const anchorOf = new Map<Mutant, number>()
    let first = 0
    for (const [file, text] of this.sources) {
      const anchors: Anchor[] = []
      const known = new Map<number, number>()
      for (const mutant of this.mutants) {
        if (mutant.file !== file) continue
        const { start } = mutant.anchor
        let index = known.get(start)
        if (index === undefined) {
          index = anchors.push(mutant.anchor) - 1
          known.set(start, index)
        }
        anchorOf.set(mutant, first + index)
      }
      const up = '../'.repeat(file.split('/').length - 2)
      const instrumented = instrument(text, anchors, first, `${up}mutate/judging/hits.js`)
      modules.set(moduleOf(file), compile(file, instrumented, this.options))
      first += anchors.length
    }
    return { modules, anchors: first, anchorOf }
  }

  /** The recordings that come with the sources. */
  get recordings(): RecordingFile[] {
    const folder = join(this.root, 'test/fixtures')
    if (!existsSync(folder)) return []
    return readdirSync(folder).flatMap((file) => {
      const match = /^(linux-(\d+\.\d+)-(?!.*windows).*)\.jsonl\.gz$/.exec(file)
      if (match === null) return []
      return [{ name: match[1], path: join(folder, file), kernel: match[2] as KernelVersion }]
    })
  }

  /** The same for the same build and recordings: what was measured of one is so of the other. */
  get identity(): string {
    const hash = hashOfModules(join(this.root, 'dist'), RUN)
    for (const { path } of this.recordings) hash.update(readFileSync(path))
    return hash.digest('hex').slice(0, 20)
  }
}

/** What of the build a finding depends on. */
const RUN = [
  'models',
  'spec',
  ...['checker', 'conformance', 'device', 'driver', 'generations', 'host', 'kernel', 'machine', 'world'].map(
    (folder) => `src/${folder}`,
  ),
  ...['operators', 'text', 'choosing/find.js', 'judging/child.js', 'judging/hits.js', 'judging/judge.js'].map(
    (part) => `src/mutate/${part}`,
  ),
]

function moduleOf(file: string): string {
  return file.replace(/\.ts$/, '.js')
}
