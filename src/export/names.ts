/**
 * Names that other languages can read, no two the same.
 *
 * @module
 */

/** Gives names out. */
export class Names {
  private readonly taken: Set<string>

  /** @param reserved - words of the language */
  constructor(reserved: Iterable<string>) {
    this.taken = new Set(reserved)
  }

  /** A name of letters, digits and `_` as like `text` as can be. */
  give(text: string): string {
    const plain = text
      .replace(/\[(\d+)\]/g, '$1')
      .replace(/[^A-Za-z0-9]+/g, '_')
      .replace(/^_+|_+$/g, '')
    const base = /^[A-Za-z]/.test(plain) ? plain : `v_${plain}`
    let name = base
    for (let i = 2; this.taken.has(name); i++) name = `${base}_${i}`
    this.taken.add(name)
    return name
  }
}
