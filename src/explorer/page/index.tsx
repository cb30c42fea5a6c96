/**
 * Begins the page of the explorer.
 *
 * @module
 */
import { render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { PublishedTexts } from '../texts.js'
import { App } from './app.js'
import { Engine } from './engine.js'
import { Explorer, type Shown } from './explorer.js'
import { unpacked } from './packed.js'

/** Where this script is: the worker and the texts are beside it. */
const HERE = (document.currentScript as HTMLScriptElement).src
const beside = (name: string) => unpacked(new URL(name, HERE).href)

/** Starts the worker, and what speaks to it. */
async function started(show: (shown: Shown) => void): Promise<Explorer> {
  const [script, texts] = await Promise.all([beside('explorer-worker.bin'), beside('explorer-texts.bin')])
  const explorer = new Explorer(
    new Engine(new Blob([await script.text()], { type: 'text/javascript' })),
    show,
  )
  await explorer.start((await texts.json()) as PublishedTexts)
  return explorer
}

function Root() {
  const [shown, show] = useState<Shown>()
  const [explorer, begin] = useState<Explorer>()
  const [failed, fail] = useState('')
  useEffect(() => {
    started(show).then(begin, (error: unknown) => {
      const why = error instanceof Error ? error.message : String(error)
      fail(
        `The explorer cannot be started: ${why}. It is to be served: a browser starts no worker from a file.`,
      )
    })
  }, [])
  if (failed !== '') return <p role="alert">{failed}</p>
  if (explorer === undefined || shown === undefined)
    return <p role="status">Loading the specification and its checker.</p>
  return <App explorer={explorer} shown={shown} />
}

const root = document.getElementById('explorer')
if (root !== null) render(<Root />, root)
