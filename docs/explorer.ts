/**
 * Bundles the explorer for browsers: the page, the worker that has the specification and its checker, and the texts that the
 * page shows.
 *
 * @module
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, type Rolldown } from 'vite'
import type { PublishedOverride, PublishedProcedure, PublishedTexts } from '../src/explorer/texts.js'
import type { ProceduresDocument } from '../src/publish/procedures.js'

/** What is bundled, by the name of the file that it becomes. */
const BUNDLES = [
  { file: 'explorer.js', entry: 'src/explorer/page/index.tsx', names: 'shortened' },
  // The checker reads the texts of procedures: names of theirs stay as they are.
  { file: 'explorer-worker.js', entry: 'src/explorer/worker.ts', names: 'kept' },
] as const

/**
 * Writes the bundles and the texts.
 *
 * @param root - folder of the project
 * @param assets - where to write
 */
export async function writeExplorer(root: string, source: ProceduresDocument, assets: string): Promise<void> {
  for (const { file, entry, names } of BUNDLES)
    writeFileSync(join(assets, file), await bundled(root, entry, names))
  writeFileSync(join(assets, 'explorer-texts.json'), JSON.stringify(textsOf(source)))
}

async function bundled(root: string, entry: string, names: 'kept' | 'shortened'): Promise<string> {
  const built = (await build({
    root,
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      minify: false,
      target: 'es2022',
      lib: { entry: join(root, entry), formats: ['iife'], name: 'hmmSpecExplorer' },
      rolldownOptions: {
        output: { minify: names === 'kept' ? { compress: false, mangle: false, codegen: true } : true },
      },
    },
  })) as Rolldown.RolldownOutput[]
  const chunks = built.flatMap(({ output }) => output).filter((output) => output.type === 'chunk')
  const foreign = chunks.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports])
  if (chunks.length !== 1 || foreign.length > 0)
    throw new Error(
      `${entry} is bundled into ${chunks.length} files that import ${foreign.join(', ') || 'nothing'}`,
    )
  return chunks[0].code
}

/** What the explorer needs of the texts. */
export function textsOf({ procedures, overrides }: ProceduresDocument): PublishedTexts {
  const byName: Record<string, PublishedProcedure[]> = {}
  for (const { id, name, kernel, file, line, text, steps } of procedures) {
    byName[name] ??= []
    byName[name].push({ id, kernel, file, line, text, steps: steps.map((step) => [step.name, step.line]) })
  }
  return {
    procedures: byName,
    overrides: overrides.flatMap(({ owner, target, file, line, text }): PublishedOverride[] =>
      target === undefined ? [] : [{ owner, target, file, line, text }],
    ),
  }
}
