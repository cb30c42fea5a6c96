/** A browser for tests, and a server of the site for it. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'

/** Where Debian's package puts it. */
const CHROMIUM = '/usr/bin/chromium'

/** True if there is a browser to test in. */
export const hasBrowser = existsSync(CHROMIUM)

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts the browser. */
export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
}

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
}

/** A folder, served on this machine. */
export interface Server {
  readonly origin: string
  close(): Promise<void>
}

/**
 * Serves `folder`.
 *
 * @param extra - files that are not there, by address
 */
export async function serve(folder: string, extra: Readonly<Record<string, string>> = {}): Promise<Server> {
  const server = createServer((request, response) => {
    const path = decodeURI((request.url ?? '/').split('?')[0])
    const file = join(folder, path)
    const made = extra[path]
    const found =
      made !== undefined || (file.startsWith(folder) && existsSync(file) && statSync(file).isFile())
    response.writeHead(found ? 200 : 404, {
      'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
      // Scripts and styles are the same for every page.
      'cache-control': extname(path) === '.html' ? 'no-store' : 'max-age=600',
    })
    response.end(found ? (made ?? readFileSync(file)) : '')
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
