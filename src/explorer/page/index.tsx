/**
 * Begins the page of the explorer.
 *
 * @module
 */
import { render } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { App } from './app.js'
import { Engine } from './engine.js'
import { Explorer, type Shown } from './explorer.js'

/** Where this script is: the worker and the texts are beside it. */
const HERE = (document.currentScript as HTMLScriptElement).src

function Root() {
  const [shown, show] = useState<Shown>({ texts: { procedures: {}, overrides: [] }, forks: [] })
  const [failed, fail] = useState('')
  const explorer = useMemo(() => new Explorer(new Engine(new URL('explorer-worker.js', HERE).href), show), [])
  useEffect(() => {
    explorer.start(new URL('explorer-texts.json', HERE).href).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error)
      fail(
        `The explorer cannot be started: ${why}. It needs a server, as a worker does: npx vite preview, or any other.`,
      )
    })
  }, [explorer])
  return failed === '' ? <App explorer={explorer} shown={shown} /> : <p role="alert">{failed}</p>
}

const root = document.getElementById('explorer')
if (root !== null) render(<Root />, root)
