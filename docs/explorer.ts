/**
 * Bundles the explorer for browsers: the page, the worker that has the specification and its checker, and the texts that the
 * page shows.
 *
 * @module
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build, type Rolldown } from 'vite'
import type { PublishedOverride, PublishedProcedure, PublishedTexts } from '../src/explorer/texts.js'
import type { ProceduresDocument } from '../src/publish/procedures.js'

/**
 * Writes the bundles and the texts. What only the page's script loads is packed: no server is to have an opinion on it, so
 * its name does not say how.
 *
 * @param root - folder of the project
 * @param assets - where to write
 */
export async function writeExplorer(root: string, source: ProceduresDocument, assets: string): Promise<void> {
  const write = (name: string, content: string | Uint8Array) => writeFileSync(join(assets, name), content)
  const packed = (content: string) => gzipSync(content, { level: 9 })
  write('explorer.js', await bundled(root, 'src/explorer/page/index.tsx', 'shortened'))
  // The checker reads the texts of procedures: names of theirs stay as they are.
  write('explorer-worker.bin', packed(await bundled(root, 'src/explorer/worker.ts', 'kept')))
  write('explorer-texts.bin', packed(JSON.stringify(textsOf(source))))
}

/** One script for a browser, with everything that `entry` imports in it. */
export async function bundled(
  root: string,
  entry: string,
  names: 'kept' | 'shortened',
  global = 'hmmSpecExplorer',
): Promise<string> {
  const built = (await build({
    root,
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      minify: false,
      target: 'es2022',
      lib: { entry: join(root, entry), formats: ['iife'], name: global },
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
