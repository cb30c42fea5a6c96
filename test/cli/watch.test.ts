/** `--watch`, as a user has it: saves a file, reads what is printed, and ends with Ctrl-C. Nothing waits for a fixed time. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { watching } from '../../src/cli/running/watch.js'
import { ProcessError } from '../../src/cli/supervisor/process.js'
import { run, temporaryDirectory, testIo } from './project.js'

const fileOf = (path: string) => fileURLToPath(new URL(`../../dist/${path}`, import.meta.url))
const MAIN = fileOf('src/cli/main.js')
const RIGHT = fileOf('examples/my-driver/driver.js')
const WRONG = fileOf('examples/my-driver/first-try.js')
const built = [MAIN, RIGHT, WRONG].every((file) => existsSync(file))

/** The text that a process has printed, and whoever waits for more of it. */
class Printed {
  text = ''
  private look: (() => void) | undefined

  constructor(child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.text += chunk
        this.look?.()
      })
  }

  /** What was printed up to the end of `what`; the rest is left for the next to wait. */
  until(what: RegExp): Promise<string> {
    return new Promise((resolve) => {
      this.look = () => {
        const found = what.exec(this.text)
        if (found === null) return
        this.look = undefined
        const end = found.index + found[0].length
        const before = this.text.slice(0, end)
        this.text = this.text.slice(end)
        resolve(before)
      }
      this.look()
    })
  }
}

function watched(text: string) {
  const file = join(temporaryDirectory(), 'driver.mjs')
  // At once, as an editor does: a file that is half written is another text, with an answer of its own.
  const save = (content: string) => {
    writeFileSync(`${file}.new`, content)
    renameSync(`${file}.new`, file)
  }
  save(text)
  const child = spawn(
    process.execPath,
    [MAIN, 'check', 'munmap', '--driver', file, '--watch', '--workers', '1'],
    {
      env: { ...process.env, NO_COLOR: '1' },
    },
  )
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  return { save, child, ended, printed: new Printed(child) }
}

const driver = (file: string) => `export { default } from ${JSON.stringify(pathToFileURL(file).href)}\n`

test.skipIf(!built)(
  'each save is judged anew, and Ctrl-C ends with the last exit code',
  {
    timeout: 240_000,
  },
  async () => {
    const { save, child, ended, printed } = watched(driver(RIGHT))
    expect(await printed.until(/Ctrl-C ends with exit code 0\n/)).toMatch(/munmap \(odp\) +pages=1 +holds/)
    save(driver(WRONG))
    const wrong = await printed.until(/Ctrl-C ends with exit code 1\n/)
    expect(wrong).toContain('munmap (odp-first-try) breaks C8')
    save('export default {')
    expect(await printed.until(/Ctrl-C ends with exit code 2\n/)).toMatch(/error: .*SyntaxError/)
    save(driver(RIGHT))
    expect(await printed.until(/Ctrl-C ends with exit code 0\n/)).toContain('holds')
    save(driver(WRONG))
    await printed.until(/Ctrl-C ends with exit code 1\n/)
    child.kill('SIGINT')
    expect(await ended).toBe(1)
  },
)

test('without a file there is nothing to watch', async () => {
  const { code, err } = await run('check retry-protocol --watch')
  expect(code).toBe(2)
  expect(err).toContain('--watch waits for a file of yours to be saved; give it: --driver FILE')
})

test('a limit that ends the loading of a file does not end the watch', async () => {
  const file = join(temporaryDirectory(), 'driver.mjs')
  writeFileSync(file, '')
  const { io, interrupt, written } = testIo()
  const code = await watching(io, {
    files: [file],
    run: async () => {
      throw new ProcessError('time', 'it still made progress, and was killed')
    },
    // Called once the answer is there, and the watch goes on.
    prepare: interrupt,
  })
  expect(written().err).toMatch(
    /^error: it still made progress, and was killed\n\nwatching .*Ctrl-C ends with exit code 3\n$/,
  )
  expect(code).toBe(3)
})
