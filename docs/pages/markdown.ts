/**
 * Hand-written pages as HTML. Markdown may hold no HTML of its own; every identifier in it leads to its page; links
 * between documents become links between pages.
 *
 * @module
 */
import { posix } from 'node:path'
import MarkdownIt from 'markdown-it'
import { type FigureSources, withFigures } from '../figures.js'
import { type Addresses, ANCHOR, documentAddress } from './addresses.js'
import { codeBlock, escapeHtml } from './code.js'

/** A link of a document that leads nowhere. */
export class BrokenLinkError extends Error {
  override readonly name = 'BrokenLinkError'
}

/** Makes HTML of Markdown. */
export class Markdown {
  private readonly parser = new MarkdownIt({ html: false, linkify: false, typographer: false })
  /** The document at hand, from the folder of the documentation. */
  private file = ''

  /**
   * @param files - documents and other files that links may lead to, from the folder of the documentation
   * @param figures - what the figures of documents are filled in from
   */
  constructor(
    private readonly addresses: Addresses,
    private readonly files: ReadonlySet<string>,
    private readonly figures: FigureSources,
  ) {
    const { renderer, inline } = this.parser
    inline.ruler.before('text', 'anchor', (state, silent) => {
      const [all, id] = new RegExp(ANCHOR.source, 'y').exec(state.src.slice(state.pos)) ?? []
      if (all === undefined) return false
      if (!silent) state.push('anchor', 'span', 0).attrSet('id', id)
      state.pos += all.length
      return true
    })
    renderer.rules.anchor = (tokens, i) => `<span id="${escapeHtml(tokens[i].attrGet('id') ?? '')}"></span>`
    renderer.rules.fence = (tokens, i) =>
      codeBlock(tokens[i].content.replace(/\n$/, ''), tokens[i].info.trim())
    renderer.rules.code_block = (tokens, i) => codeBlock(tokens[i].content.replace(/\n$/, ''), '')
    renderer.rules.code_inline = (tokens, i) => {
      const text = tokens[i].content
      const url = insideLink(tokens, i) ? undefined : this.addresses.ofCode(text)
      const code = `<code>${escapeHtml(text)}</code>`
      return url === undefined ? code : `<a href="${url}">${code}</a>`
    }
    renderer.rules.text = (tokens, i) =>
      insideLink(tokens, i) ? escapeHtml(tokens[i].content) : this.linked(tokens[i].content)
    renderer.rules.link_open = (tokens, i, options, _env, self) => {
      const href = tokens[i].attrGet('href') ?? ''
      tokens[i].attrSet('href', this.target(href))
      return self.renderToken(tokens, i, options)
    }
    renderer.rules.image = (tokens, i) => {
      const [, name] = /statecharts\/(\w+)\.svg$/.exec(tokens[i].attrGet('src') ?? '') ?? []
      return name === undefined ? escapeHtml(tokens[i].content) : this.linkedChart(name)
    }
    renderer.rules.table_open = () => '<div class="wide" tabindex="0"><table>'
    renderer.rules.table_close = () => '</table></div>'
    renderer.rules.heading_open = (tokens, i) => {
      const id = anchor(tokens[i + 1].content)
      return `<${tokens[i].tag} id="${id}">`
    }
  }

  /** A document, from the folder of the documentation. */
  page(text: string, file: string): string {
    this.file = file
    return this.parser.render(withoutComments(withFigures(text, `docs/${file}`, this.figures)))
  }

  /** A text of a few sentences. */
  text(text: string): string {
    this.file = ''
    return this.parser.render(withoutComments(text))
  }

  private linked(text: string): string {
    return this.addresses
      .pieces(text)
      .map(({ text, url }) =>
        url === undefined ? escapeHtml(text) : `<a href="${url}">${escapeHtml(text)}</a>`,
      )
      .join('')
  }

  private linkedChart(name: string): string {
    return `<a href="${this.addresses.ofCode(name)}">the statechart ${escapeHtml(name)}</a>`
  }

  private target(href: string): string {
    if (/^(https?:)|^#/.test(href)) return href
    const [path, fragment] = href.split('#')
    const file = posix.normalize(posix.join(posix.dirname(this.file), path))
    if (!this.files.has(file))
      throw new BrokenLinkError(
        `docs/${this.file}: the link to ${href} leads to no page of the documentation`,
      )
    // A file outside of the folder is where it is in the repository.
    const url = file.endsWith('.md') ? documentAddress(file) : `/${file.replace(/^\.\.\//, '')}`
    return fragment === undefined ? url : `${url}#${fragment}`
  }
}

/** The anchor of a heading, as GitHub makes it. */
export function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-')
}

/** Comments tell who writes the file, which is of no concern on a page; in blocks of code they are text. */
function withoutComments(text: string): string {
  return text
    .split(/(^```.*?^```)/ms)
    .map((part) => (part.startsWith('```') ? part : part.replace(/<!--.*?-->/gs, '')))
    .join('')
}

function insideLink(tokens: readonly { readonly type: string }[], i: number): boolean {
  let depth = 0
  for (let k = 0; k < i; k++) {
    if (tokens[k].type === 'link_open') depth++
    if (tokens[k].type === 'link_close') depth--
  }
  return depth > 0
}
