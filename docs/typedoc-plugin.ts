/**
 * Teaches typedoc what a procedure is: it is listed as one and not as a variable, and its page is the site's own; and tells
 * the rest of the site what is found where.
 *
 * @module
 */
import { writeFileSync } from 'node:fs'
import { h } from 'preact'
import { renderToString } from 'preact-render-to-string'
import {
  type Application,
  Comment,
  CommentTag,
  Converter,
  DefaultTheme,
  DefaultThemeRenderContext,
  JSX,
  type PageEvent,
  type Reflection,
  ReflectionKind,
  Renderer,
  type RendererEvent,
} from 'typedoc'
import { type ProcedureData, readProcedures } from '../src/publish/procedures.js'
import { API_INDEX, type ApiEntry } from './pages/data.js'
import { Header } from './pages/layout.js'

const procedures = new Map<string, ProcedureData>()

/** The procedure that a variable of the API is, if it is one. */
function procedureOf(reflection: Reflection): ProcedureData | undefined {
  return reflection.kind === ReflectionKind.Variable ? procedures.get(reflection.name) : undefined
}

/** From a page of the API to one beside the API. */
function outOf(url: string): string {
  return '../'.repeat(url.split('/').length)
}

class Context extends DefaultThemeRenderContext {
  /** The site's own page around what typedoc has to say. */
  override defaultLayout = (
    template: (props: PageEvent<Reflection>) => JSX.Element | string,
    props: PageEvent<Reflection>,
  ): JSX.Element => {
    const out = outOf(props.url)
    const asset = (name: string) => this.relativeURL(`assets/${name}`)
    const head = renderToString(h(Header, { url: '/api/index.html' })).replace(/ href="\//g, ` href="${out}`)
    return JSX.createElement(
      'html',
      { lang: 'en' },
      JSX.createElement(
        'head',
        null,
        JSX.createElement('meta', { charset: 'utf-8' }),
        JSX.createElement('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
        JSX.createElement('title', null, `${props.model.name} · hmm-spec`),
        JSX.createElement('link', { rel: 'stylesheet', href: asset('api.css') }),
        JSX.createElement('script', { src: `${out}assets/theme.js` }),
      ),
      JSX.createElement(
        'body',
        { class: 'api' },
        JSX.createElement(JSX.Raw, { html: head }),
        JSX.createElement('main', { id: 'main' }, this.header(props), template(props)),
        JSX.createElement('script', { src: `${out}assets/search.js`, defer: true }),
      ),
    )
  }
}

class Theme extends DefaultTheme {
  override getRenderContext(page: PageEvent<Reflection>): Context {
    return new Context(this.router, this, page, this.application.options)
  }
}

/** Called by typedoc. */
export function load(app: Application): void {
  app.renderer.defineTheme('hmm-spec', Theme)
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const procedure of readProcedures(process.cwd()).procedures)
      if (!procedure.symbol.includes('.')) procedures.set(procedure.symbol, procedure)
    for (const reflection of project.getReflectionsByKind(ReflectionKind.Variable)) {
      if (procedureOf(reflection) === undefined) continue
      reflection.comment ??= new Comment()
      reflection.comment.blockTags.push(new CommentTag('@group', [{ kind: 'text', text: 'Procedures' }]))
    }
  })
  app.renderer.on(Renderer.EVENT_END, ({ project }: RendererEvent) => {
    const { router } = app.renderer
    const entries = project
      .getReflectionsByKind(ReflectionKind.SomeExport)
      .flatMap((reflection): ApiEntry[] => {
        if (router === undefined || !router.hasUrl(reflection)) return []
        const procedure = procedureOf(reflection)
        return [
          {
            name: reflection.name,
            kind: procedure ? 'Procedure' : ReflectionKind.singularString(reflection.kind),
            module: reflection.parent?.name ?? '',
            url: router.getFullUrl(reflection),
            ...(procedure === undefined ? {} : { procedure: procedure.id }),
            summary: Comment.combineDisplayParts(reflection.comment?.getShortSummary(true)),
          },
        ]
      })
    writeFileSync(API_INDEX, JSON.stringify(entries))
  })
}
