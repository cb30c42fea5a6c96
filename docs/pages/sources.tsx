/**
 * Where a text comes from: kernel files, functions and commits lead to where they can be read.
 *
 * @module
 */
import { Linked, type Site } from './layout.js'

const TREE = 'https://elixir.bootlin.com/linux/latest'

/** A path of the kernel's tree, a commit, or a vulnerability by its number. */
const ELSEWHERE =
  /(?<path>(?<![\w/])(?:Documentation|arch|drivers|fs|include|kernel|lib|mm|tools)\/[\w./-]*\w)|(?<=\bcommit )(?<commit>[0-9a-f]{12,40})|(?<cve>CVE-\d{4}-\d{4,})/g

/** A text, and where it leads if it does. */
export interface Part {
  readonly text: string
  readonly href?: string
}

/** Parts of a source: `mm/hmm.c, commit 8a295dbbaf72`. */
export function partsOf(source: string): Part[] {
  const parts: Part[] = []
  let at = 0
  for (const match of source.matchAll(ELSEWHERE)) {
    const { path, commit, cve } = match.groups as Record<string, string | undefined>
    if (match.index > at) parts.push({ text: source.slice(at, match.index) })
    const href =
      path !== undefined
        ? `${TREE}/source/${path}`
        : commit !== undefined
          ? `https://git.kernel.org/linus/${commit}`
          : `https://www.cve.org/CVERecord?id=${cve}`
    parts.push({ text: match[0], href })
    at = match.index + match[0].length
  }
  if (at < source.length) parts.push({ text: source.slice(at) })
  return parts
}

/** The sources of a text. */
export function Sources({ site, sources }: { site: Site; sources: readonly string[] }) {
  return (
    <>
      {partsOf(sources.join(' · ')).map(({ text, href }) =>
        href === undefined ? <Linked site={site}>{text}</Linked> : <a href={href}>{text}</a>,
      )}
    </>
  )
}

/** The kernel's function that a procedure stands for, and its file: `hmm_range_fault mm/hmm.c`. */
export function KernelName({ name }: { name: string }) {
  const [, identifier] = /^(\w+)(?=[\s,]|$)/.exec(name) ?? []
  const rest = identifier === undefined ? name : name.slice(identifier.length)
  return (
    <code>
      {identifier === undefined ? null : <a href={`${TREE}/A/ident/${identifier}`}>{identifier}</a>}
      {partsOf(rest).map(({ text, href }) => (href === undefined ? text : <a href={href}>{text}</a>))}
    </code>
  )
}
