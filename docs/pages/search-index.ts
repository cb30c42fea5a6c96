/**
 * The index that the search of the site looks in: made once, loaded when somebody searches.
 *
 * @module
 */
import { gzipSync } from 'node:zlib'
import MiniSearch from 'minisearch'
import type { ApiEntry } from './data.js'
import type { Page } from './layout.js'

/** Words of a text: letters, digits and underscores, so that a name of the kernel is one; and the parts of such. */
export function words(text: string): string[] {
  return (text.match(/[\p{L}\p{N}_]+/gu) ?? []).flatMap((word) =>
    word.includes('_') ? [word, ...word.split('_').filter((part) => part !== '')] : [word],
  )
}

/** The index as a script that puts it where the page's own script looks for it. */
export function searchScript(pages: readonly Page[], api: readonly ApiEntry[]): string {
  const index = new MiniSearch({
    fields: ['title', 'names', 'text'],
    storeFields: ['title', 'kind'],
    tokenize: words,
  })
  index.addAll([
    ...pages.map(({ url, title, kind, names, text }) => ({
      id: url,
      title,
      kind,
      names: names?.join(' ') ?? '',
      text,
    })),
    ...api
      .filter(({ kind }) => kind !== 'Procedure')
      .map(({ name, kind, url, summary, module }) => ({
        id: `/api/${url}`,
        title: name,
        kind: `${kind} of ${module}`,
        names: name,
        text: summary,
      })),
  ])
  // A script, so that it is loaded from a file too; compressed, since it is the largest of all.
  return `globalThis.hmmSpecIndex = '${gzipSync(JSON.stringify(index), { level: 9 }).toString('base64')}'\n`
}
