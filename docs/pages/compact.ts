/**
 * Pages in fewer bytes that say the same: what HTML lets its writer leave out, and shorter names for typedoc's classes.
 *
 * @module
 */

/** What each end tag may be followed by if it is left out; from the inside out. */
const OPTIONAL_ENDS: readonly RegExp[] = [
  /<\/p>(?=\s*(?:<(?:p|table|div|section|h[1-6]|ul|ol|dl|pre|details)[\s>]|<\/(?:section|div|td|main|li|dd)>))/g,
  /<\/(?:td|th)>(?=\s*(?:<(?:td|th)[\s>]|<\/tr>))/g,
  /<\/tr>(?=\s*(?:<tr[\s>]|<\/(?:thead|tbody)>))/g,
  /<\/thead>(?=\s*<tbody[\s>])|<\/tbody>(?=\s*<\/table>)/g,
  /<\/(?:dt|dd)>(?=\s*(?:<(?:dt|dd)[\s>]|<\/dl>))/g,
  /<\/li>(?=\s*(?:<li[\s>]|<\/(?:ul|ol)>))/g,
  /<\/body><\/html>\s*$/g,
]

const VOID = /(<(?:meta|link|br|hr|img|input)(?:\s[^<>]*?)?)\s*\/>/g

/**
 * A page without the quotes and the tags that HTML does not need, and without the namespace that a drawing has there anyway.
 *
 * @param folder - that the page is in: links to pages beside it do not name it
 */
export function compact(html: string, folder = ''): string {
  const beside = folder === '' ? undefined : new RegExp(`(\\shref="?)\\.\\./${folder}/(?=[^"\\s>])`, 'g')
  let page = html.replace(/<[a-z][^<>]*>/gi, (tag) =>
    (beside ? tag.replace(beside, '$1') : tag).replace(
      /(\s[a-zA-Z-]+=)"([A-Za-z0-9_.#-][A-Za-z0-9_.#/:-]*)"(?!\/>)/g,
      '$1$2',
    ),
  )
  for (const end of OPTIONAL_ENDS) page = page.replace(end, '')
  return page.replace(VOID, '$1>').replace(/(<svg[^<>]*?) xmlns="?http:\/\/www\.w3\.org\/2000\/svg"?/g, '$1')
}

const CLASS = /(\sclass=)(?:"([^"]*)"|([^\s">]+))/g
const LONG = /^tsd-[\w-]+$/

/** Shorter names for the classes that typedoc gives its elements: the same in every page, style sheet and script of its. */
export class ShortClasses {
  private readonly names = new Map<string, string>()

  /** @param pages - all pages, from whose classes the most frequent get the shortest names */
  constructor(pages: Iterable<string>) {
    const counts = new Map<string, number>()
    for (const page of pages)
      for (const [, , quoted, bare] of page.matchAll(CLASS))
        for (const name of (quoted ?? bare).split(/\s+/))
          if (LONG.test(name)) counts.set(name, (counts.get(name) ?? 0) + 1)
    const frequent = [...counts].sort(([a, m], [b, n]) => n - m || a.localeCompare(b))
    for (const [i, [name]] of frequent.entries()) this.names.set(name, `t${i.toString(36)}`)
  }

  /** A page, or a script that holds pieces of one. */
  inMarkup(text: string): string {
    return text.replace(CLASS, (_all, before: string, quoted?: string, bare?: string) => {
      const short = (quoted ?? bare ?? '').split(/\s+/).map((name) => this.names.get(name) ?? name)
      return quoted === undefined ? `${before}${short.join(' ')}` : `${before}"${short.join(' ')}"`
    })
  }

  /** A style sheet. */
  inStyles(text: string): string {
    return text.replace(/\.(tsd-[\w-]+)/g, (selector, name: string) => {
      const short = this.names.get(name)
      return short === undefined ? selector : `.${short}`
    })
  }
}
