/**
 * `hmm-spec init`: a project for a driver, which holds as it is, to be changed into one's own.
 *
 * @module
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, relative, resolve, sep } from 'node:path'
import { makeFolder } from '../../host/folder.js'
import { packageFolder } from '../../host/package.js'
import { ExitCode } from '../../report/report.js'
import { UsageError } from '../arguments/usage.js'
import { codeOf, type Io } from '../terminal/io.js'

interface Manifest {
  readonly version: string
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

const TEST = `import 'hmm-spec/vitest'
import { scenariosFor } from 'hmm-spec/spec'
import { expect, test } from 'vitest'
import driver from './driver.js'

// Every interleaving of every scenario that takes any driver, at the smallest bounds. Most take a second. What a driver keeps for
// each page multiplies the states: huge-page-faults may have millions, and take minutes. npx hmm-spec check prints how many.
test.each(scenariosFor(driver))('$name holds', { timeout: 900_000 }, async (scenario) => {
  await expect(scenario).toHold({ bounds: 'smoke' })
})
`

/**
 * Writes a project into `folder`: a driver, its test, and what they need.
 *
 * @returns the exit code
 * @throws UsageError if one of the files is there already, or cannot be written
 */
export function initCommand(io: Io, folder: string): number {
  const from = packageFolder()
  const { version, peerDependencies, devDependencies } = JSON.parse(
    readFileSync(join(from, 'package.json'), 'utf8'),
  ) as Manifest
  const into = resolve(folder)
  const manifest = {
    name:
      basename(into)
        .toLowerCase()
        .replace(/[^a-z0-9._-]+/g, '-') || 'my-driver',
    private: true,
    type: 'module',
    scripts: {
      check: 'hmm-spec check --driver driver.ts --bounds smoke',
      test: 'vitest run',
      types: 'tsc --noEmit',
    },
    dependencies: { 'hmm-spec': sourceOf(from, into, version) },
    devDependencies: {
      '@types/node': devDependencies['@types/node'],
      typescript: devDependencies.typescript,
      vitest: peerDependencies.vitest,
    },
  }
  const options = {
    compilerOptions: {
      target: 'ES2023',
      module: 'NodeNext',
      strict: true,
      skipLibCheck: true,
      types: ['node'],
    },
    include: ['*.ts'],
  }
  const files: readonly (readonly [name: string, text: string])[] = [
    ['package.json', `${JSON.stringify(manifest, null, 2)}\n`],
    ['tsconfig.json', `${JSON.stringify(options, null, 2)}\n`],
    ['driver.ts', readFileSync(join(from, 'examples/my-driver/driver.ts'), 'utf8')],
    ['driver.test.ts', TEST],
  ]
  const there = files.map(([name]) => name).filter((name) => existsSync(join(into, name)))
  if (there.length > 0)
    throw new UsageError(
      `${folder} has ${there.join(', ')} already; name a folder without, and nothing is overwritten`,
    )
  try {
    makeFolder(into)
    for (const [name, text] of files) writeFileSync(join(into, name), text, { flag: 'wx' })
  } catch (error) {
    throw new UsageError(`the project cannot be written to ${folder} (${codeOf(error)})`)
  }
  io.stdout.write(
    `${files.map(([name]) => join(folder, name)).join('\n')}\n\nTo see that its driver holds, and then make it yours:\n\n` +
      `  cd ${folder}\n  npm install\n  npm run check\n  npm test\n`,
  )
  return ExitCode.holds
}

/**
 * Where the project in `into` gets the package from: the registry, if that is where npm got it that is installed in `from`; else
 * the tarball that it was installed from, or the folder that it is in.
 */
export function sourceOf(from: string, into: string, version: string): string {
  const parts = from.split(sep)
  const at = parts.lastIndexOf('node_modules')
  const root = parts.slice(0, at).join(sep)
  const resolved = at < 0 ? undefined : resolvedIn(root, parts.slice(at).join('/'))
  if (resolved?.startsWith('http')) return `^${version}`
  const tarball = resolved?.startsWith('file:') ? resolve(root, resolved.slice('file:'.length)) : undefined
  return `file:${relative(into, tarball !== undefined && existsSync(tarball) ? tarball : from)}`
}

/** What npm has noted of where a package came from; a path is relative to the project that it was installed in. */
function resolvedIn(root: string, name: string): string | undefined {
  try {
    const text = readFileSync(join(root, 'node_modules', '.package-lock.json'), 'utf8')
    const { packages = {} } = JSON.parse(text) as { packages?: Record<string, { resolved?: string }> }
    return packages[name]?.resolved
  } catch {
    // A package that is installed globally, or by another package manager, has no such note.
    return undefined
  }
}
