/** The explorer in a browser: built here, with nothing else of the site. Left out where there is no browser. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Download, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { writeExplorer } from '../../docs/explorer.js'
import { explorerPage } from '../../docs/pages/explorer.js'
import { htmlOf } from '../../docs/render.js'
import { defects, scenarios } from '../../spec/index.js'
import { check } from '../../src/checker/index.js'
import { readProcedures } from '../../src/publish/procedures.js'
import { firstTry } from '../explorer/own-driver.js'
import { hasBrowser, launch, type Server, serve } from './browser.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const PHONE = 390
const SMALLEST_LABEL = 11

describe.skipIf(!hasBrowser)('in a browser (Debian: apt-get install chromium)', () => {
  let folder: string
  let server: Server
  let browser: Browser
  let context: BrowserContext
  let page: Page
  const foreign: string[] = []
  const errors: string[] = []

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hmm-spec-'))
    const assets = join(folder, 'assets')
    mkdirSync(assets)
    writeFileSync(join(folder, 'explorer.html'), htmlOf(explorerPage()))
    for (const name of ['site.css', 'explorer.css', 'theme.js', 'search.js'])
      writeFileSync(join(assets, name), readFileSync(join(root, 'docs/theme', name)))
    await writeExplorer(root, readProcedures(root), assets)
    server = await serve(folder)
    browser = await launch()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
    rmSync(folder, { recursive: true })
  })
  beforeEach(async () => {
    page = await opened()
  })
  afterEach(async () => {
    await context.close()
  })

  async function opened(options: Parameters<Browser['newContext']>[0] = {}): Promise<Page> {
    context = await browser.newContext(options)
    context.on('request', (request) => {
      if (!request.url().startsWith(server.origin) && !/^(data|blob):/.test(request.url()))
        foreign.push(request.url())
    })
    const made = await context.newPage()
    made.on('pageerror', (error) => errors.push(error.message))
    return made
  }

  /** Goes to an address of the explorer, and waits until it shows a run or says why not. */
  async function explore(hash: string): Promise<void> {
    await page.goto('about:blank')
    await page.goto(`${server.origin}/explorer.html#${hash}`)
    await page.waitForSelector('.way')
  }

  const figure = (name: string) => page.textContent(`[data-figure="${name}"]`)
  const until = (name: string, value: string | number) =>
    page.waitForFunction(
      ([name, value]) => document.querySelector(`[data-figure="${name}"]`)?.textContent === value,
      [name, String(value)] as const,
    )
  const drawing = () => page.innerHTML('.run .scroll')
  const hash = () => page.evaluate(() => location.hash.slice(1))

  /** Checks, and waits for the verdict. */
  async function checked(): Promise<void> {
    await page.click('#check')
    await page.waitForSelector('[data-figure="verdict"]')
    await page.waitForSelector('#check:enabled')
  }

  test('it finds M2 after as many steps as the command, in as many states', async () => {
    const M2 = defects.filter(({ name }) => name === 'M2')
    const munmap = scenarios.find(({ name }) => name === 'munmap') as (typeof scenarios)[number]
    const result = await check(munmap, { bounds: 'smoke', defects: M2 })
    const steps = result.violation?.trace.steps.length
    await explore('scenario=munmap&defect=M2')
    await checked()
    expect(await figure('verdict')).toBe('violated')
    expect(await figure('clause')).toBe('C8')
    expect(Number(await figure('steps'))).toBe(steps)
    expect(await figure('states')).toBe(result.states.toLocaleString('en-US'))
    expect(Number(await figure('at'))).toBe(steps)
    expect(await figure('broken')).toContain('C8')
    expect(await page.locator('.run circle').count()).toBe(steps)
    // What lies ahead is told of every step before.
    await page.keyboard.press('Home')
    await until('at', 0)
    expect(await page.textContent('.ways')).toContain(`C8 at the earliest ${Number(steps) - 1} steps later`)
  })

  test('a scenario that holds says so, with its bounds and what is not modelled', async () => {
    await explore('scenario=retry-protocol&check=1')
    await page.waitForSelector('[data-figure="verdict"]')
    expect(await figure('verdict')).toBe('holds')
    expect(await figure('states')).toBe('8,816')
    const said = await page.textContent('.result')
    expect(said).toContain('every state was visited')
    expect(said).toContain('weak memory ordering')
  })

  test('a check is stopped', async () => {
    await explore('scenario=four-threads&bounds=deep')
    await page.click('#check')
    await page.waitForFunction(() =>
      /exploring: [\d,]+ states/.test(document.querySelector('.message')?.textContent ?? ''),
    )
    await page.click('#stop')
    await until('verdict', 'interrupted')
  })

  test('a shared address shows the same run after it is loaded again', async () => {
    await explore('scenario=munmap&defect=M2')
    await checked()
    await page.keyboard.press('p')
    await until('at', 18)
    const [address, picture] = [await hash(), await drawing()]
    await explore(address)
    expect(await hash()).toBe(address)
    expect(await drawing()).toBe(picture)
    expect(await figure('at')).toBe('18')
    await page.click('.way:has(.breach)')
    await until('at', 19)
    expect(await figure('broken')).toContain('C8')
  })

  test('a stale address is refused, naming the step; a wrong one says why; nothing of it is run', async () => {
    await explore('scenario=munmap&defect=M2')
    await checked()
    const address = await hash()
    const stale = address.replace(/^(.*run=(?:[^.]+\.){4})([^.]+)/, '$10-000')
    await explore(stale)
    await page.waitForSelector('.message.refused')
    expect(await page.textContent('.message')).toMatch(/another version of the specification: step 5 differs/)
    expect(await figure('length')).toBe('0')
    expect(await hash()).toBe(stale)
    await explore(`scenario=${encodeURIComponent('<img src=x onerror="globalThis.hacked=1">')}`)
    await page.waitForSelector('.message.refused')
    expect(await page.textContent('.message')).toContain('there is no scenario "<img src=x')
    expect(await page.locator('#explorer img').count()).toBe(0)
    expect(await page.evaluate(() => 'hacked' in globalThis)).toBe(false)
  })

  test('by keyboard alone: take steps, back, forward, another way, check', async () => {
    await explore('scenario=munmap&defect=M2')
    for (let i = 1; i <= 3; i++) {
      await page.keyboard.press('1')
      await until('at', i)
    }
    await page.keyboard.press('ArrowLeft')
    await until('at', 2)
    await page.keyboard.press('n')
    await until('at', 3)
    await page.keyboard.press('Home')
    await until('at', 0)
    // Another way: the run before is kept.
    await page.keyboard.press('2')
    await until('length', 1)
    expect(await page.textContent('.forks')).toContain('3 steps, left after step 0')
    await page.click('.forks button')
    await until('length', 3)
    await page.keyboard.press('End')
    await until('at', 3)
    await page.keyboard.press('c')
    await until('verdict', 'violated')
    // In a field, a key is a letter.
    await page.fill('#goal', '')
    await page.type('#goal', '1')
    expect(await page.inputValue('#goal')).toBe('1')
    expect(await figure('length')).toBe('19')
  })

  test('the tour of a finding is a strip: its stops by button and by key, each with what is seen there', async () => {
    await explore('scenario=classic-notifiers&defect=H3&check=1')
    await until('stop', 6)
    expect(await page.textContent('section.tour')).toContain('The reaper leaves without an end')
    await page.click('[data-tour=before]')
    await until('at', 11)
    expect(await page.textContent('section.tour')).toContain('counting.open = 0')
    await page.keyboard.press('[')
    await until('at', 10)
    await page.keyboard.press('ArrowLeft')
    await until('at', 9)
    expect(await figure('stop')).toBe('3')
    await page.keyboard.press('Home')
    await until('at', 0)
    expect(await page.textContent('section.tour .where')).toContain('6 stops')
    expect(await page.locator('[data-tour=before]').isDisabled()).toBe(true)
    await page.keyboard.press(']')
    await until('at', 4)
    expect(await figure('stop')).toBe('1')
    // Another run has no tour.
    await page.keyboard.press('1')
    await page.waitForFunction(() => document.querySelector('section.tour') === null)
  })

  test('a driver of the reader’s is pasted or chosen as a file, checked here, and draws its own picture as text', async () => {
    const picture = `export const picture = (field) => ({ title: '<img src=x onerror="globalThis.hacked=1">', columns: ['frame'],
      rows: [{ name: 'page 0', cells: [field('gpu.pte[0].frame')] }] })`
    await explore('scenario=retry-protocol')
    await page.click('.own-driver summary')
    await page.fill('#driver-text', 'export default {}')
    await page.click('#use-driver')
    await page.waitForSelector('.message.refused')
    expect(await page.textContent('.message')).toContain('no driver as its default export')
    await page.fill('#driver-text', `${firstTry()}\n${picture}`)
    await page.click('#use-driver')
    await until('driver', 'odp-first-try')
    // That scenario takes no other driver: the first that does is shown.
    expect(await page.inputValue('#scenario')).toBe('munmap')
    expect(await page.textContent('.own-driver')).toContain('Not audited here')
    await checked()
    expect(await figure('clause')).toBe('C8')
    expect(await figure('steps')).toBe('20')
    expect(await page.textContent('#picture td')).toBe('frame[1]')
    expect(await page.textContent('#picture caption')).toContain('<img src=x')
    expect(await page.evaluate(() => 'hacked' in globalThis)).toBe(false)
    await page.locator('.tabs label', { hasText: 'device' }).click()
    expect(await page.textContent('pre.current')).toContain('function* ')
    const address = await hash()
    await page.click('#remove-driver')
    await page.waitForSelector('.own-driver summary')
    // An address does not carry the text, and says so.
    await explore(address)
    await page.waitForSelector('.message.refused')
    expect(await page.textContent('.message')).toContain('Choose its file again')
    await page.click('.own-driver summary')
    await page.setInputFiles('#driver-file', {
      name: 'driver.js',
      mimeType: 'text/javascript',
      buffer: Buffer.from(firstTry()),
    })
    await until('driver', 'odp-first-try')
  })

  test('an address may look for the shortest run to a step, and to one of its outcomes', async () => {
    await explore('scenario=munmap&to=mmu_interval_read_retry: compare the sequence → 1')
    await page.waitForFunction(() =>
      /shortest run to/.test(document.querySelector('.message')?.textContent ?? ''),
    )
    const collided = Number(await figure('length'))
    await explore('scenario=munmap&to=mmu_interval_read_retry:+compare+the+sequence')
    await page.waitForFunction(() =>
      /shortest run to/.test(document.querySelector('.message')?.textContent ?? ''),
    )
    const any = Number(await figure('length'))
    expect(any).toBeGreaterThan(5)
    expect(collided).toBeGreaterThan(any)
    await explore('scenario=munmap&to=nonsense')
    await page.waitForSelector('.message.refused')
  })

  test('keys that are pressed faster than they are answered are taken in order', async () => {
    await explore('scenario=munmap')
    await page.evaluate(() => {
      for (let i = 0; i < 12; i++) dispatchEvent(new KeyboardEvent('keydown', { key: '1' }))
      for (let i = 0; i < 3; i++) dispatchEvent(new KeyboardEvent('keydown', { key: 'p' }))
    })
    // On its way forward the run stands after step 9 once already.
    await until('length', 12)
    await until('at', 9)
    expect(await page.textContent('.message')).toBe('')
  })

  test('a run that never gets on is drawn with its loop', async () => {
    const loops = defects.find(({ requirement }) => requirement === 'progress')
    await explore(`scenario=${loops?.scenario}&defect=${loops?.name}`)
    await checked()
    expect(await figure('clause')).toBe('progress')
    expect(await page.textContent('.run')).toContain('from here on, again and again')
  })

  test('a value leads to the step that wrote it, and the line of the text is marked', async () => {
    await explore('scenario=munmap&defect=M2')
    await checked()
    const lock = page.locator('.facts-list li', { hasText: 'gpu.update' }).locator('.told')
    const by = /written by step (\d+)/.exec((await lock.getAttribute('title')) ?? '')?.[1]
    await lock.click()
    await until('at', by as string)
    expect(await page.locator('.told.changed').count()).toBeGreaterThan(0)
    const line = await page.textContent('pre.current .line.here')
    expect(line).not.toBe('')
    // A step of the drawing leads to the state after it.
    await page.locator('.run svg a').first().click()
    await until('at', 1)
    await page.keyboard.press('Home')
    await until('at', 0)
    expect(await page.textContent('pre.current .line.here')).toContain("step('translate'")
  })

  test('the shortest run to a clause, a step, a transition', async () => {
    await explore('scenario=munmap&defect=M2')
    const search = async (kind: string, goal: string) => {
      await page.selectOption('#goal-kind', kind)
      await page.fill('#goal', goal)
      await page.click('text=from the start')
      await page.waitForFunction(() =>
        /The shortest run/.test(document.querySelector('.message')?.textContent ?? ''),
      )
    }
    await search('clause', 'C8')
    expect(await figure('length')).toBe('19')
    await search('transition', 'range: begin FAULTED')
    expect(await page.textContent('.run')).toContain('begin → faulted')
    await search('step', 'device access: translate')
    expect(await figure('length')).toBe('1')
  })

  test('a release is chosen where the scenario has one', async () => {
    await explore('scenario=retry-protocol')
    expect(await page.locator('#release').count()).toBe(0)
    await page.selectOption('#scenario', 'munmap')
    await page.waitForSelector('#release')
    await page.selectOption('#release', '5.4')
    await page.waitForFunction(() => location.hash.includes('release=5.4'))
    await checked()
    expect(await figure('verdict')).toBe('holds')
  })

  test('a run is saved as a drawing and for Perfetto', async () => {
    await explore('scenario=munmap&defect=M2')
    await checked()
    const saved = async (button: string) => {
      const [download] = await Promise.all([page.waitForEvent('download'), page.click(button)])
      return [download.suggestedFilename(), await contentOf(download)] as const
    }
    const [svgName, svg] = await saved('#save-svg')
    expect(svgName).toBe('munmap-M2.svg')
    expect(svg).toMatch(/^<svg .*<\/svg>$/s)
    expect(svg.match(/<circle/g)).toHaveLength(19)
    const [traceName, trace] = await saved('#save-trace')
    expect(traceName).toBe('munmap-M2.trace.json')
    expect(JSON.parse(trace).traceEvents.length).toBeGreaterThan(19)
  })

  describe.each([
    { name: 'desktop, light', width: 1400, colorScheme: 'light' },
    { name: 'desktop, dark', width: 1400, colorScheme: 'dark' },
    { name: 'phone, light', width: PHONE, colorScheme: 'light' },
    { name: 'phone, dark', width: PHONE, colorScheme: 'dark' },
  ] as const)('$name', ({ width, colorScheme }) => {
    test('axe has no serious finding, nothing is wider than the screen, labels can be read', async () => {
      await context.close()
      page = await opened({ viewport: { width, height: 844 }, colorScheme })
      for (const at of ['scenario=munmap&defect=M2', 'scenario=migrate']) {
        await explore(at)
        if (at.includes('M2')) await checked()
        else for (const key of ['1', '1', '2', '1']) await page.keyboard.press(key)
        await page.check('.check input')
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
        const smallest = await page.evaluate(() =>
          Math.min(
            ...[...document.querySelectorAll('main *')]
              .filter((element) =>
                [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim()),
              )
              .map((element) => Number.parseFloat(getComputedStyle(element).fontSize)),
          ),
        )
        expect(smallest).toBeGreaterThanOrEqual(SMALLEST_LABEL)
        await page.addScriptTag({ path: createRequire(import.meta.url).resolve('axe-core/axe.min.js') })
        const serious = await page.evaluate(async () => {
          const { axe } = globalThis as unknown as {
            axe: {
              run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>
            }
          }
          const { violations } = await axe.run()
          return violations
            .filter(({ impact }) => impact === 'serious' || impact === 'critical')
            .map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 200)}`)
        })
        expect(serious).toEqual([])
      }
    })
  })

  test('no request has left the host, and no script has failed', () => {
    expect(foreign).toEqual([])
    expect(errors).toEqual([])
  })
})

async function contentOf(download: Download): Promise<string> {
  return readFileSync(await download.path(), 'utf8')
}
