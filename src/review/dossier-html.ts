/**
 * The dossier as one page of HTML, to be read on a screen or printed: it loads nothing.
 *
 * @module
 */
import { instance } from '@viz-js/viz'
import MarkdownIt from 'markdown-it'
import type { CompiledStatechart } from '../checker/claims/statechart.js'
import { statechartToDot } from '../report/chart/statechart.js'
import { STYLE } from './style.js'

/** Of the dossier beside what all reviews have. */
const MORE_STYLE = `
nav ol { columns: 18rem; column-gap: 2.5rem; padding-left: 1.2rem }
figure { margin: .8rem 0; overflow-x: auto } figure svg { max-width: 100%; height: auto; color-scheme: light; background: #fff }
@media print { main { max-width: none; padding: 0 } h2 { break-before: page } tr, figure { break-inside: avoid } table { font-size: .8rem } }
`

/** The Markdown of the dossier as HTML, with the charts drawn. */
export async function dossierHtml(markdown: string, charts: readonly CompiledStatechart[]): Promise<string> {
  const viz = await instance()
  const parser = new MarkdownIt({ html: false, linkify: false })
  const { renderer, inline } = parser
  const chapters: { readonly id: string; readonly title: string }[] = []
  inline.ruler.before('text', 'anchor', (state, silent) => {
    const [all, id] = /<a id="([\w-]+)"><\/a>/y.exec(state.src.slice(state.pos)) ?? []
    if (all === undefined) return false
    if (!silent) state.push('anchor', 'a', 0).attrSet('id', id)
    state.pos += all.length
    return true
  })
  renderer.rules.anchor = (tokens, i) => `<a id="${tokens[i].attrGet('id')}"></a>`
  renderer.rules.image = (tokens, i) => {
    const chart = charts.find(({ name }) => name === tokens[i].content)
    if (chart === undefined) return parser.utils.escapeHtml(tokens[i].content)
    const drawn = viz.renderString(statechartToDot(chart), { format: 'svg' })
    return `<figure>${drawn.slice(drawn.indexOf('<svg'))}</figure>`
  }
  renderer.rules.table_open = () => '<div class="wide" role="region" tabindex="0" aria-label="Table"><table>'
  renderer.rules.table_close = () => '</table></div>'
  renderer.rules.heading_open = (tokens, i, options, _env, self) => {
    if (tokens[i].tag === 'h2') {
      const id = `chapter-${chapters.length + 1}`
      chapters.push({ id, title: tokens[i + 1].content })
      tokens[i].attrSet('id', id)
    }
    return self.renderToken(tokens, i, options)
  }
  const body = parser.render(markdown)
  const contents = chapters
    .map(({ id, title }) => `<li><a href="#${id}">${parser.utils.escapeHtml(title)}</a></li>`)
    .join('\n')
  const firstChapter = body.indexOf('<h2')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Dossier of hmm-spec</title>
<style>${STYLE}${MORE_STYLE}</style>
</head>
<body><main>
${body.slice(0, firstChapter)}<nav aria-label="Chapters"><ol>
${contents}
</ol></nav>
${body.slice(firstChapter)}</main></body>
</html>
`
}
