/**
 * `hmm-spec review` without a change: the dossier of the whole specification, from a clone's documents and evidence.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { statecharts } from '../../../models/index.js'
import { compileStatechart } from '../../checker/claims/statechart.js'
import { packageFolder } from '../../host/package.js'
import { EvidenceError, readEvidence, Schemas } from '../../publish/evidence.js'
import { ExitCode } from '../../report/report.js'
import { type DossierSources, dossierHtml, dossierMarkdown, type Included } from '../../review/index.js'
import { UsageError } from '../arguments/usage.js'
import type { Project } from '../project.js'
import { runFacts } from '../running/run-facts.js'
import type { Io } from '../terminal/io.js'
import { writeDocuments } from '../terminal/output.js'

/**
 * Writes `dossier.md` and `dossier.html`.
 *
 * @param output - the folder that they are written to
 * @returns the exit code: 1 if what is on record does not hold
 * @throws UsageError if there is no clone around, or its evidence is damaged
 */
export async function writeDossier(
  project: Project,
  io: Io,
  format: 'all' | 'markdown' | 'html',
  output: string,
): Promise<number> {
  const root = packageFolder()
  if (!existsSync(join(root, 'docs', 'decisions')))
    throw new UsageError('the dossier needs the documents of the project: run it in a clone')
  const sources = sourcesIn(root, project)
  const markdown = dossierMarkdown(sources)
  const documents: [string, string][] = []
  if (format !== 'html') documents.push(['dossier.md', markdown])
  if (format !== 'markdown') documents.push(['dossier.html', await dossierHtml(markdown, sources.charts)])
  const { evidence } = sources
  if (evidence === undefined)
    io.stderr.write('no verdict is on record; npm run evidence checks everything and writes it down\n')
  const holds = [evidence?.check?.exitCode ?? 0, evidence?.defects?.exitCode ?? 0].every((code) => code === 0)
  return writeDocuments(io, output, documents, holds ? ExitCode.holds : ExitCode.violated)
}

function sourcesIn(root: string, project: Project): DossierSources {
  const include = (file: string): Included => ({ file, text: readFileSync(join(root, file), 'utf8') })
  const folder = (name: string) =>
    readdirSync(join(root, name))
      .filter((file) => file.endsWith('.md'))
      .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
      .map((file) => include(`${name}/${file}`))
  return {
    run: runFacts(project, null),
    evidence: evidenceIn(root),
    requirements: project.requirements,
    defects: project.defects,
    scenarios: project.scenarios,
    charts: Object.values(statecharts).map(compileStatechart),
    decisions: folder('docs/decisions'),
    findings: folder('docs/findings'),
    notModelled: include('docs/not-modelled.md'),
  }
}

function evidenceIn(root: string): DossierSources['evidence'] {
  try {
    return readEvidence(join(root, 'evidence'), new Schemas(join(root, 'docs', 'schema')))
  } catch (error) {
    if (error instanceof EvidenceError) throw new UsageError(error.message)
    throw error
  }
}
