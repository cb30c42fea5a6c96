/**
 * Links that lead nowhere: to a file that there is none of, or to a place that the page does not have.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { AddressError, placeOf } from '../../src/explorer/address.js'
import { resolve as resolveSubject, SubjectError } from '../../src/explorer/subject.js'

/** A link that leads nowhere. */
export interface BrokenLink {
  /** The page that has it, from the root of the site. */
  readonly page: string
  readonly href: string
  readonly why: string
}

/** Looks at every link of every page below `root`. */
export function brokenLinks(root: string): BrokenLink[] {
  const anchors = new Map<string, Set<string>>()
  const htmlOf = (file: string) => readFileSync(file, 'utf8')
  const anchorsOf = (file: string) => {
    let known = anchors.get(file)
    if (known === undefined) {
      known = new Set(
        [...htmlOf(file).matchAll(/ id=(?:"([^"]*)"|([^\s">]+))/g)].map(([, quoted, id]) =>
          decoded(quoted ?? id),
        ),
      )
      anchors.set(file, known)
    }
    return known
  }
  const broken: BrokenLink[] = []
  for (const file of htmlFiles(root)) {
    const seen = new Set(
      [...htmlOf(file).matchAll(/ (?:href|src)=(?:"([^"]*)"|([^\s">]+))/g)].map(([, quoted, href]) =>
        decoded(quoted ?? href),
      ),
    )
    for (const href of seen) {
      if (/^(https?:|data:|mailto:)/.test(href)) continue
      const [path, fragment] = href.split('#')
      const target = path === '' ? file : resolve(dirname(file), decodeURI(path.split('?')[0]))
      const page = relative(root, file)
      if (!existsSync(target)) broken.push({ page, href, why: 'leads to no file' })
      else if (statSync(target).isDirectory()) broken.push({ page, href, why: 'leads to a folder' })
      else if (target === resolve(root, 'explorer.html') && fragment?.includes('=')) {
        const why = refusalOf(fragment)
        if (why !== undefined) broken.push({ page, href, why })
      } else if (fragment && target.endsWith('.html') && !anchorsOf(target).has(decodeURIComponent(fragment)))
        broken.push({ page, href, why: `leads to a place that ${relative(root, target)} does not have` })
    }
  }
  return broken
}

/** Why the explorer would not open an address; undefined if it would. The run is not taken again. */
function refusalOf(fragment: string): string | undefined {
  try {
    resolveSubject(placeOf(fragment).subject)
    return undefined
  } catch (error) {
    if (!(error instanceof AddressError || error instanceof SubjectError)) throw error
    return `is refused by the explorer: ${error.message}`
  }
}

function htmlFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return htmlFiles(path)
    return entry.name.endsWith('.html') ? [path] : []
  })
}

function decoded(text: string): string {
  return text
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}
