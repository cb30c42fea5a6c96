/**
 * Places in the text that an author has written, where what runs was made of it.
 *
 * @module
 */
import { existsSync, readFileSync } from 'node:fs'
import { SourceMap, type SourceMapPayload } from 'node:module'
import { dirname, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { transform } from 'sucrase'
import type { SourcePlace } from '../../world/thrown.js'
import { isTypeScript, SUCRASE } from './strip.js'

/** A place as its author knows it: in the text that was compiled, by a path from the working directory if it is below. */
export function shownPlace(place: SourcePlace): SourcePlace {
  const path = place.file.startsWith('file:') ? fileURLToPath(place.file) : place.file
  const { file, line, column } = originalOf({ ...place, file: path })
  const below = relative(process.cwd(), file)
  return { file: below.startsWith('..') ? file : below, line, column }
}

function originalOf(place: SourcePlace): SourcePlace {
  // Not compiled itself, this runs where TypeScript is loaded anyway, and places are told as they are.
  if (import.meta.url.endsWith('.ts')) return place
  const map = mapOf(place.file)
  if (map === undefined) return place
  const found = map.findEntry(place.line - 1, place.column - 1)
  if (!('originalSource' in found)) return place
  const { originalLine, originalColumn, originalSource } = found
  return {
    file: resolve(dirname(place.file), originalSource),
    line: originalLine + 1,
    column: originalColumn + 1,
  }
}

const maps = new Map<string, SourceMap | undefined>()

function mapOf(file: string): SourceMap | undefined {
  if (!maps.has(file)) maps.set(file, isTypeScript(file) ? mapOfTypes(file) : mapBeside(file))
  return maps.get(file)
}

/** How the types were taken away as the module was loaded. */
function mapOfTypes(file: string): SourceMap | undefined {
  const { sourceMap } = transform(readFileSync(file, 'utf8'), {
    ...SUCRASE,
    filePath: file,
    sourceMapOptions: { compiledFilename: file },
  })
  return sourceMap && new SourceMap(sourceMap as unknown as SourceMapPayload)
}

/** The map that a compiler wrote for a module, in a file of its own. */
function mapBeside(file: string): SourceMap | undefined {
  const name = /^\/\/# sourceMappingURL=([^\s:]+)\s*$/m.exec(readFileSync(file, 'utf8'))?.[1]
  if (name === undefined) return undefined
  const path = resolve(dirname(file), name)
  if (!existsSync(path)) return undefined
  const payload = JSON.parse(readFileSync(path, 'utf8')) as SourceMapPayload
  const { sourceRoot = '', sources } = payload
  return new SourceMap({
    ...payload,
    sourceRoot: '',
    sources: sources.map((source) => resolve(dirname(path), sourceRoot, source)),
  })
}
