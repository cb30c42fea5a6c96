/**
 * A copy of the build in a folder of its own, in which one module at a time is another: what is mutated is never the build
 * that runs.
 *
 * @module
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** A copy of a build. */
export class BuildCopy {
  readonly root: string
  private readonly changed = new Map<string, string>()

  /**
   * @param project - folder of the project's package.json
   * @param modules - texts in place of those of the build, by path from `dist`
   */
  constructor(
    project: string,
    private readonly modules: ReadonlyMap<string, string>,
  ) {
    this.root = mkdtempSync(join(tmpdir(), 'hmm-spec-mutate-'))
    try {
      for (const folder of ['src', 'spec', 'models'])
        cpSync(join(project, 'dist', folder), join(this.root, 'dist', folder), {
          recursive: true,
          filter: (path) => !/\.(d\.ts|map)$/.test(path),
        })
      cpSync(join(project, 'package.json'), join(this.root, 'package.json'))
      symlinkSync(join(project, 'node_modules'), join(this.root, 'node_modules'), 'junction')
      for (const [path, text] of modules) this.write(path, text)
      // Defects name steps of the text, which a mutant may not have; no scenario needs one.
      this.write('spec/defects.js', 'export const defects = []\n')
    } catch (error) {
      this.remove()
      throw error
    }
  }

  /** Path of a module of the copy. */
  pathOf(module: string): string {
    return join(this.root, 'dist', module)
  }

  /** Puts `text` in place of a module, and what was there before in place of every other. */
  become(module: string, text: string): void {
    for (const path of this.changed.keys()) this.write(path, this.modules.get(path) as string)
    this.changed.clear()
    this.changed.set(module, text)
    this.write(module, text)
  }

  /** Removes it. */
  remove(): void {
    rmSync(this.root, { recursive: true, force: true })
  }

  private write(path: string, text: string): void {
    const file = this.pathOf(path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
}
