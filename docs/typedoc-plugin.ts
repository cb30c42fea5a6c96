/**
 * Teaches typedoc what a procedure is: it is shown as one, with its text and its steps, and not as a variable; and tells the
 * rest of the site what is found where.
 *
 * @module
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { h } from 'preact'
import { renderToString } from 'preact-render-to-string'
import {
  type Application,
  Comment,
  CommentTag,
  Converter,
  type DeclarationReflection,
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
import { address } from './pages/addresses.js'
import { highlighted } from './pages/code.js'
import type { ApiEntry } from './pages/data.js'
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
        JSX.createElement('link', { rel: 'stylesheet', href: asset('style.css') }),
        JSX.createElement('link', { rel: 'stylesheet', href: asset('highlight.css') }),
        JSX.createElement('link', { rel: 'stylesheet', href: `${out}assets/site.css` }),
        JSX.createElement('link', { rel: 'icon', href: 'data:,' }),
        JSX.createElement('script', { src: `${out}assets/theme.js` }),
        JSX.createElement('script', { async: true, src: asset('icons.js'), id: 'tsd-icons-script' }),
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

  override header = (props: PageEvent<Reflection>): JSX.Element => {
    const procedure = procedureOf(props.model)
    if (procedure === undefined) return titled(this, props)
    return JSX.createElement(
      'div',
      { class: 'tsd-page-title' },
      JSX.createElement(
        'ul',
        { class: 'tsd-breadcrumb', 'aria-label': 'Breadcrumb' },
        this.breadcrumbs(props.model),
      ),
      JSX.createElement('h1', null, `Procedure ${props.model.name}`),
    )
  }

  override memberDeclaration = (props: DeclarationReflection): JSX.Element => {
    const procedure = procedureOf(props)
    if (procedure === undefined) return declared(this, props)
    const out = outOf(this.page.url)
    const rooted = (html: string) => html.replaceAll(' href="/', ` href="${out}`)
    return JSX.createElement(
      'div',
      { class: 'hmm-procedure' },
      this.commentSummary(props),
      this.commentTags(props),
      JSX.createElement(
        'p',
        null,
        'Its page has its steps, callers, statecharts and evidence: ',
        JSX.createElement('a', { href: out + address('procedure', procedure.id).slice(1) }, procedure.name),
      ),
      JSX.createElement(
        'ol',
        null,
        ...procedure.steps.map(({ name, line }) => JSX.createElement('li', null, `${name} (line ${line})`)),
      ),
      JSX.createElement(JSX.Raw, { html: rooted(highlighted(procedure)) }),
    )
  }
}

const plainContext = new WeakMap<object, DefaultThemeRenderContext>()

/** What the theme that this one is made from would show. */
function plain(context: Context): DefaultThemeRenderContext {
  const known = plainContext.get(context)
  if (known !== undefined) return known
  const made = new DefaultThemeRenderContext(context.router, context.theme, context.page, context.options)
  plainContext.set(context, made)
  return made
}

const titled = (context: Context, props: PageEvent<Reflection>) => plain(context).header(props)
const declared = (context: Context, props: DeclarationReflection) => plain(context).memberDeclaration(props)

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
  app.renderer.on(Renderer.EVENT_END, ({ outputDirectory, project }: RendererEvent) => {
    const { router } = app.renderer
    const entries = project
      .getReflectionsByKind(ReflectionKind.SomeExport)
      .flatMap((reflection): ApiEntry[] => {
        if (router === undefined || !router.hasUrl(reflection)) return []
        return [
          {
            name: reflection.name,
            kind: procedureOf(reflection) ? 'Procedure' : ReflectionKind.singularString(reflection.kind),
            module: reflection.parent?.name ?? '',
            url: router.getFullUrl(reflection),
            summary: Comment.combineDisplayParts(reflection.comment?.getShortSummary(true)),
          },
        ]
      })
    writeFileSync(join(outputDirectory, 'procedures-and-more.json'), JSON.stringify(entries))
  })
}
