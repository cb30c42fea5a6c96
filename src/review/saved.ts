/**
 * What was found before a change is kept: the next review of the same text begins where this one did.
 *
 * @module
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A folder of what was found, by what it was found of. */
export class Saved {
  /** @param folder - where; none to keep nothing */
  constructor(private readonly folder: string | undefined) {}

  /** What was kept under `key`. */
  get<T>(key: string): T | undefined {
    const file = this.fileOf(key)
    if (file === undefined || !existsSync(file)) return undefined
    return JSON.parse(readFileSync(file, 'utf8')) as T
  }

  /** Keeps `value` under `key`; where nothing can be written, nothing is kept. */
  set(key: string, value: unknown): void {
    const file = this.fileOf(key)
    if (this.folder === undefined || file === undefined) return
    try {
      mkdirSync(this.folder, { recursive: true })
      writeFileSync(`${file}.${process.pid}.tmp`, JSON.stringify(value))
      renameSync(`${file}.${process.pid}.tmp`, file)
    } catch {
      // It only takes longer the next time.
    }
  }

  private fileOf(key: string): string | undefined {
    return this.folder === undefined ? undefined : join(this.folder, `${key.replace(/[^\w.-]+/g, '-')}.json`)
  }
}
