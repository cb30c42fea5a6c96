/**
 * What a bench has measured, written to a file from which the site takes it.
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { release } from '../src/cli/release.js'
import type { BenchDocument } from '../src/publish/bench.js'

/** Writes `measured` to `file`. */
export function writeReport(
  file: string,
  measured: Pick<BenchDocument, 'right' | 'against' | 'scenarios'>,
): void {
  const { version, commit } = release()
  const document: BenchDocument = {
    format: 'hmm-spec-bench',
    version: 1,
    run: {
      product: version,
      commit: commit ?? null,
      date: new Date().toISOString(),
      node: process.version,
      bounds: null,
      release: null,
      profile: null,
      driver: null,
    },
    processor: cpus()[0]?.model ?? 'unknown',
    ...measured,
  }
  writeFileSync(file, `${JSON.stringify(document)}\n`)
}
