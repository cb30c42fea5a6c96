/**
 * Where everything is found: the address of each page, and which words of a text lead to one.
 *
 * @module
 */
import { slug } from '../../src/publish/procedures.js'
import type { ApiEntry, SiteData } from './data.js'

/** Kinds of pages, each of which is a folder. */
export type PageKind =
  | 'requirement'
  | 'scenario'
  | 'defect'
  | 'chart'
  | 'procedure'
  | 'finding'
  | 'generation'
  | 'kernel'
  | 'doc'

/** A place in a document that others lead to. */
export const ANCHOR = /<a id="([\w.-]+)"><\/a>/g

/** The address of a page, from the root of the site. */
export function address(kind: PageKind, name: string): string {
  return `/${kind}/${slug(name)}.html`
}

/** The address of a hand-written page: a finding if it is in that folder. */
export function documentAddress(file: string): string {
  const name = file.replace(/\.md$/, '')
  return name.startsWith('findings/')
    ? address('finding', name.slice('findings/'.length))
    : address('doc', name.replace('decisions/', 'decision-').replace('/', '-'))
}

/** The page of something that the package exports: a procedure has one of its own. */
export function apiAddress({ url, procedure }: ApiEntry): string {
  return procedure === undefined ? `/api/${url}` : address('procedure', procedure)
}

/** Where words of texts lead. */
export class Addresses {
  /** By any word, also one that is a word of the language: only where it is set as code. */
  private readonly inCode = new Map<string, string>()
  /** By words that can be nothing else. */
  private readonly anywhere = new Map<string, string>()
  private readonly procedureByName = new Map<string, string>()

  constructor(data: SiteData) {
    for (const entry of data.api) this.inCode.set(entry.name, apiAddress(entry))
    for (const { id, name, symbol, kernel } of data.source.procedures) {
      const url = address('procedure', id)
      if (!this.procedureByName.has(name)) this.procedureByName.set(name, url)
      for (const word of [symbol, ...kernel.split(/[ ,]+/), name]) {
        if (word === '' || /^[a-z]+$/.test(word)) continue
        this.inCode.set(word, url)
        if (/^_*[a-z]\w*_\w+$/.test(word)) this.anywhere.set(word, url)
      }
    }
    for (const { name } of data.charts) this.both(name, address('chart', name), /[A-Z]/)
    for (const { name } of data.scenarios) this.both(name, address('scenario', name), /-.*-|\//)
    for (const { name, aliases } of data.defects)
      for (const word of [name, ...(aliases ?? [])]) this.both(word, address('defect', name), /\d/)
    for (const { file } of data.documents) {
      const [, name] = /^findings\/([A-Z]+\d+)\.md$/.exec(file) ?? []
      if (name !== undefined && !this.anywhere.has(name)) this.both(name, documentAddress(file), /\d/)
    }
    for (const { file, text } of data.documents)
      for (const [, id] of text.matchAll(ANCHOR))
        if (/^[A-G]\.\d/.test(id)) this.both(id, `${documentAddress(file)}#${id}`, /./)
    for (const { id } of data.requirements) this.both(id, address('requirement', id), /\d|-/)
  }

  private both(word: string, url: string, loud: RegExp): void {
    this.inCode.set(word, url)
    if (loud.test(word)) this.anywhere.set(word, url)
  }

  /** Where a word that is set as code leads. */
  ofCode(word: string): string | undefined {
    return this.inCode.get(word) ?? this.inCode.get(word.replace(/\(.*\)$/, '')) ?? this.ofSeed(word)
  }

  /** The page of the procedure that traces call `name`, with its step as a part of it. */
  ofProcedure(name: string): string | undefined {
    return this.procedureByName.get(name)
  }

  /** Pieces of a plain text, those that lead somewhere with the address. */
  pieces(text: string): { readonly text: string; readonly url?: string }[] {
    const found: { text: string; url?: string }[] = []
    let at = 0
    for (const match of text.matchAll(/[A-Za-z_][\w]*(?:[-/+.]\w+)*/g)) {
      const url = this.anywhere.get(match[0])
      if (url === undefined) continue
      if (match.index > at) found.push({ text: text.slice(at, match.index) })
      found.push({ text: match[0], url })
      at = match.index + match[0].length
    }
    if (at < text.length) found.push({ text: text.slice(at) })
    return found
  }

  /** `MODULE:NAME`, as the table of the seeds has it. */
  private ofSeed(word: string): string | undefined {
    const [, name] = /^[a-z]+:([\w.]+)$/.exec(word) ?? []
    return name === undefined ? undefined : this.inCode.get(name)
  }
}
