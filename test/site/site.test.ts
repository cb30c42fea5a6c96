/**
 * The site, as `npm run docs` has made it from the evidence: its figures, its links, and what a reader finds in a browser.
 * Left out where it was not made, or where there is no browser.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { address, documentAddress } from '../../docs/pages/addresses.js'
import { brokenLinks } from '../../docs/pages/links.js'
import { statecharts } from '../../models/index.js'
import { defects, requirements, scenarios } from '../../spec/index.js'
import { tours } from '../../spec/tours/index.js'
import { generations } from '../../src/generations/index.js'
import { type Evidence, readEvidence, Schemas } from '../../src/publish/evidence.js'
import { type ProceduresDocument, readProcedures } from '../../src/publish/procedures.js'
import { hasBrowser, launch, type Server, serve } from './browser.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const out = join(root, 'docs/site')
const isMade = existsSync(join(out, 'index.html'))
const evidence = isMade
  ? readEvidence(join(root, 'evidence'), new Schemas(join(root, 'docs/schema')))
  : undefined

const MOST_BYTES = 15_800_000
const MOST_SECONDS = 120
const SMALLEST_LABEL = 11

const html = (url: string) => readFileSync(join(out, url), 'utf8')

/** What a page says the figure `name` is. */
function figure(page: string, name: string): number | undefined {
  const found = new RegExp(`data-figure="?${name}(?=["\\s>])[^>]*>([\\d,]+)<`).exec(page)
  return found === null ? undefined : Number(found[1].replaceAll(',', ''))
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? filesIn(path) : [path]
  })
}

describe.skipIf(!isMade)('the site (npm run docs makes it)', () => {
  test('no link leads nowhere', () => {
    expect(brokenLinks(out)).toEqual([])
  })

  test(`is smaller than ${MOST_BYTES} bytes`, () => {
    const bytes = filesIn(out).reduce((sum, file) => sum + statSync(file).size, 0)
    expect(bytes).toBeLessThan(MOST_BYTES)
  })

  const seconds = join(root, 'dist/docs/seconds.json')
  test.skipIf(!existsSync(seconds))(`is built in less than ${MOST_SECONDS} seconds of processor time`, () => {
    expect(JSON.parse(readFileSync(seconds, 'utf8')).site).toBeLessThan(MOST_SECONDS)
  })
})

describe.skipIf(evidence === undefined)(
  'figures are those of the evidence (npm run evidence makes it)',
  () => {
    // Also where it is skipped the tests are gathered.
    const { check, defects: caught, conform } = (evidence ?? {}) as Evidence

    test.each(requirements.map((requirement) => [requirement.id, requirement] as const))(
      '%s',
      (id, { checks }) => {
        const asked = (check?.scenarios ?? []).flatMap(({ states, coverage }) => {
          const exercised = coverage.claims
            .filter(({ name, clause }) => clause === id || checks.includes(name))
            .reduce((sum, claim) => sum + claim.exercised, coverage.asserted[id] ?? 0)
          return exercised > 0 ? [{ states, exercised }] : []
        })
        const page = html(address('requirement', id))
        const expected = (value: number) => (asked.length === 0 ? undefined : value)
        expect(figure(page, 'asked')).toBe(expected(asked.reduce((sum, { exercised }) => sum + exercised, 0)))
        expect(figure(page, 'states')).toBe(expected(asked.reduce((sum, { states }) => sum + states, 0)))
        expect(figure(page, 'scenarios')).toBe(expected(asked.length))
      },
    )

    test('of scenarios and defects', () => {
      for (const { name, states } of check?.scenarios ?? [])
        expect(figure(html(address('scenario', name)), 'states'), name).toBe(states)
      for (const { name, steps } of caught?.defects ?? [])
        expect(figure(html(address('defect', name)), 'steps'), name).toBe(steps)
    })

    test('of the start page', () => {
      const page = html('/index.html')
      expect(figure(page, 'hold')).toBe(check?.scenarios.filter(({ verdict }) => verdict === 'holds').length)
      expect(figure(page, 'caught')).toBe(caught?.defects.filter((defect) => defect.caught).length)
      expect(figure(page, 'matched')).toBe(conform.reduce((sum, { matched }) => sum + matched, 0))
      expect(page).toContain((evidence as Evidence).manifest.commit?.slice(0, 10))
    })

    test('of mutants and of speed, or that there are none', () => {
      const { mutate, bench } = evidence as Evidence
      for (const page of ['/index.html', '/doc/mutants.html'].map(html))
        expect(figure(page, 'killed')).toBe(mutate?.counts.killed)
      for (const { procedure, clause, verdict } of mutate?.mutants ?? [])
        if (verdict === 'killed' && requirements.some(({ id }) => id === clause))
          expect(html(address('requirement', clause as string)), clause as string).toContain(procedure)
      expect(figure(html('/doc/speed.html'), 'speed')).toBe(figure(html('/index.html'), 'speed'))
      expect(figure(html('/doc/speed.html'), 'speed') !== undefined).toBe(bench !== undefined)
    })
  },
)

/** A page of each kind, and a few that are wide or long. */
const KINDS = [
  '/index.html',
  '/requirement/index.html',
  '/scenario/index.html',
  '/defect/index.html',
  '/procedure/index.html',
  '/generation/index.html',
  '/finding/index.html',
  '/doc/index.html',
  address('requirement', 'C8'),
  address('scenario', 'munmap'),
  address('defect', 'M2'),
  address('defect', 'H25'),
  ...Object.values(statecharts).map(({ id }) => address('chart', id)),
  address('procedure', 'migrate_vma_collect_pmd'),
  address('finding', 'H10'),
  address('finding', 'recorded-driver'),
  address('generation', '5.4'),
  address('generation', '5.4-to-6.1'),
  address('kernel', '6.1'),
  '/doc/writing-a-driver.html',
  '/doc/mutants.html',
  '/doc/speed.html',
  '/doc/traceability.html',
  '/api/index.html',
  '/api/modules/kernel.html',
  '/explorer.html',
]

describe.skipIf(!isMade || !hasBrowser)('in a browser (Debian: apt-get install chromium)', () => {
  let browser: Browser
  let server: Server
  let source: ProceduresDocument
  const foreign: string[] = []
  const errors: string[] = []

  beforeAll(async () => {
    source = readProcedures(root)
    server = await serve(out)
    browser = await launch()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  async function open(options: Parameters<Browser['newContext']>[0] = {}): Promise<[Page, BrowserContext]> {
    const context = await browser.newContext(options)
    context.on('request', (request) => {
      if (!request.url().startsWith(server.origin) && !/^(data|blob):/.test(request.url()))
        foreign.push(request.url())
    })
    const page = await context.newPage()
    page.on('pageerror', (error) => errors.push(`${page.url()}: ${error.message}`))
    return [page, context]
  }

  /** Types into the search, and answers with the addresses that are found once `wanted` is among them. */
  async function search(page: Page, text: string, wanted: string): Promise<void> {
    await page.fill('#search', text)
    await page
      .waitForFunction(
        (path) =>
          [...document.querySelectorAll<HTMLAnchorElement>('#found a')].some(
            (link) => link.pathname === path,
          ),
        wanted,
        { timeout: 5000 },
      )
      .catch(() => {
        throw new Error(`${text} does not find ${wanted}`)
      })
  }

  test('every identifier is found by the search, and its page answers', async () => {
    const [page, context] = await open()
    await page.goto(`${server.origin}/index.html`)
    const ids = [
      ...requirements.map(({ id }) => [id, address('requirement', id)]),
      ...scenarios.map(({ name }) => [name, address('scenario', name)]),
      ...defects.map(({ name }) => [name, address('defect', name)]),
      ...Object.values(statecharts).map(({ id }) => [id, address('chart', id)]),
      ...generations.map(({ name }) => [name, address('generation', name)]),
      ...source.procedures
        .filter(({ name }) => !name.includes('${'))
        .map(({ name, id }) => [name, address('procedure', id)]),
    ]
    for (const [, url] of ids) expect(existsSync(join(out, url)), url).toBe(true)
    await search(page, ...(ids[0] as [string, string]))
    // One after another in the page itself: there are more than a thousand.
    const missed = await page.evaluate(async (ids) => {
      const field = document.querySelector('#search') as HTMLInputElement
      const isFound = (url: string) =>
        [...document.querySelectorAll<HTMLAnchorElement>('#found a')].some(({ pathname }) => pathname === url)
      const missed: string[] = []
      for (const [id, url] of ids) {
        field.value = id
        field.dispatchEvent(new Event('input'))
        const until = performance.now() + 5000
        while (!isFound(url) && performance.now() < until)
          await new Promise((resolve) => {
            setTimeout(resolve)
          })
        if (!isFound(url)) missed.push(`${id} does not find ${url}`)
      }
      return missed
    }, ids)
    expect(missed).toEqual([])
    await context.close()
  })

  test('the words of any text are found: of a requirement, a finding, a guide, the API', async () => {
    const [page, context] = await open()
    await page.goto(`${server.origin}${address('chart', 'range')}`)
    await search(page, 'mmu_interval_read_begin', address('procedure', 'mmu_interval_read_begin'))
    await search(page, 'hmm_range_fault', address('procedure', 'hmm_range_fault'))
    await search(page, 'nouveau H10', address('finding', 'H10'))
    await search(page, 'writing a driver', documentAddress('writing-a-driver.md'))
    await search(page, 'read_retry lock', address('requirement', 'C8'))
    await page.goto(`${server.origin}/api/modules/kernel.html`)
    await search(page, 'hmm_range_fault', address('procedure', 'hmm_range_fault'))
    await page.fill('#search', 'zzzzqqqq')
    await page.waitForFunction(() =>
      document.querySelector('#found')?.textContent?.startsWith('Nothing is found'),
    )
    await context.close()
  })

  test('the search is used by keyboard alone', async () => {
    const [page, context] = await open()
    await page.goto(`${server.origin}/index.html`)
    await page.keyboard.press('/')
    await page.keyboard.type('C8')
    await page.waitForSelector('#found a')
    await page.keyboard.press('Enter')
    await page.waitForURL(`**${address('requirement', 'C8')}`)
    await context.close()
  })

  describe('in at most three clicks or by one search of the start page', () => {
    let page: Page
    let context: BrowserContext
    let clicks: number
    beforeEach(async () => {
      ;[page, context] = await open()
      clicks = 0
      await page.goto(`${server.origin}/index.html`)
    })
    afterEach(async () => {
      expect(clicks).toBeLessThanOrEqual(3)
      await context.close()
    })
    const click = (selector: string) => {
      clicks++
      return page.click(selector)
    }
    const RULE = 'text=The rule: read_retry under the update lock'

    test('the rule that read_retry must be under the driver’s lock', async () => {
      await click(RULE)
      expect(await page.textContent('h1')).toContain('C8')
      expect(await page.textContent('.lead')).toContain('mmu_interval_read_retry')
      await page.goto(`${server.origin}/index.html`)
      await search(page, 'read_retry lock', address('requirement', 'C8'))
    })

    test('the evidence for it', async () => {
      await click(RULE)
      expect(await page.isVisible('#evidence .provenance')).toBe(true)
      expect(await page.isVisible('#evidence [data-figure=asked]')).toBe(evidence !== undefined)
    })

    test('a run that breaks it, drawn, and in the explorer', async () => {
      await click(RULE)
      expect(await page.isVisible('#breaks svg.sequence')).toBe(true)
      await click('#breaks a:text-is("M2")')
      expect(await page.isVisible('svg.sequence .breach')).toBe(true)
      await click('.explore a')
      await page.waitForSelector('[data-figure=broken], [data-figure=length]')
      expect(page.url()).toContain('defect=M2')
    })

    test('the text of migrate_vma_collect_pmd', async () => {
      await search(page, 'migrate_vma_collect_pmd', address('procedure', 'migrate_vma_collect_pmd'))
      await page.keyboard.press('Enter')
      await page.waitForURL(`**${address('procedure', 'migrate_vma_collect_pmd')}`)
      expect(await page.textContent('#text pre')).toContain('migrate_vma_collect_pmd')
    })

    test('what changed between 5.4 and 5.8', async () => {
      await click('header >> text=Generations')
      await click('main a[aria-label^="From Linux 5.3–5.4 to 5.8"]')
      expect(await page.textContent('h1')).toContain('5.4 to 6.1')
      expect(await page.locator('.diff .ins').count()).toBeGreaterThan(0)
    })

    test('whether this commit holds', async () => {
      const said = await page.textContent('main section, main .provenance')
      expect(said).toMatch(
        evidence === undefined ? /no evidence yet/ : /^(Everything holds|Something does not hold)/,
      )
      if (evidence?.manifest.commit) expect(said).toContain(evidence.manifest.commit.slice(0, 10))
    })
  })

  test('every stop of the tour of a finding leads to it in the explorer', async () => {
    const [page, context] = await open()
    for (const { finding, stops } of tours) {
      await page.goto(server.origin + address('finding', finding))
      const links = page.locator('#tour .explore a')
      expect(await links.count(), finding).toBe(stops.length)
      expect(await page.locator('#tour svg.sequence a.stop').count(), finding).toBe(stops.length)
      const last = stops.length - 2
      const href = await links.nth(last).getAttribute('href')
      if (href?.includes('check=1')) continue
      await links.nth(last).click()
      await page.waitForSelector('section.tour [data-figure=stop]')
      expect(await page.textContent('section.tour [data-figure=stop]'), finding).toBe(String(last + 1))
      expect(await page.textContent('section.tour'), finding).toContain(stops[last].says)
    }
    await context.close()
  })

  test('light or dark is as the system says, and as was chosen', async () => {
    const [page, context] = await open({ colorScheme: 'dark' })
    await page.goto(`${server.origin}/index.html`)
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    expect(await ground()).toBe('rgb(20, 23, 27)')
    await page.click('#theme')
    expect(await ground()).toBe('rgb(255, 255, 255)')
    await page.goto(`${server.origin}${address('requirement', 'C8')}`)
    expect(await ground()).toBe('rgb(255, 255, 255)')
    await context.close()
  })

  describe.each([
    { name: 'desktop', width: 1280, colorScheme: 'light' },
    { name: 'phone, at night', width: 390, colorScheme: 'dark' },
  ] as const)('$name', ({ width, colorScheme }) => {
    const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

    test('axe has no serious finding, no page is wider than the screen, labels can be read', async () => {
      const [page, context] = await open({ viewport: { width, height: 800 }, colorScheme })
      for (const url of KINDS) {
        await page.goto(server.origin + url)
        expect(await page.evaluate(() => document.documentElement.scrollWidth), url).toBeLessThanOrEqual(
          width,
        )
        const smallest = await page.evaluate(() =>
          Math.min(
            Number.POSITIVE_INFINITY,
            ...[...document.querySelectorAll<SVGTextElement>('main svg text')].map((label) => {
              const drawing = label.ownerSVGElement as SVGSVGElement
              const scale = (label.getScreenCTM()?.a ?? 0) || drawing.getScreenCTM()?.a || 0
              return Number.parseFloat(getComputedStyle(label).fontSize) * (scale === 0 ? 1 : scale)
            }),
          ),
        )
        expect(smallest, url).toBeGreaterThanOrEqual(SMALLEST_LABEL)
        await page.addScriptTag({ path: axe })
        const serious = await page.evaluate(async () => {
          const { axe } = globalThis as unknown as {
            axe: {
              run(options: {
                resultTypes: string[]
              }): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>
            }
          }
          const { violations } = await axe.run({ resultTypes: ['violations'] })
          return violations
            .filter(({ impact }) => impact === 'serious' || impact === 'critical')
            .map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 200)}`)
        })
        expect(serious, url).toEqual([])
      }
      await context.close()
    })
  })

  // There are many.
  test('no page at all is wider than a phone', { timeout: 600_000 }, async () => {
    const [page, context] = await open({ viewport: { width: 1280, height: 800 } })
    const pages = filesIn(out)
      .map((file) => file.slice(out.length))
      .filter((url) => url.endsWith('.html') && url !== '/explorer.html')
    await page.goto(`${server.origin}/schema/check.schema.json`)
    // In frames as wide as a phone: to open each as a page of the browser takes minutes.
    const { wide, measured } = await page.evaluate(async (pages) => {
      const left = [...pages]
      const wide: string[] = []
      let measured = 0
      const one = async () => {
        const frame = document.createElement('iframe')
        frame.style.cssText = 'width: 390px; height: 800px; border: 0'
        document.body.append(frame)
        for (let url = left.pop(); url !== undefined; url = left.pop()) {
          await new Promise((resolve) => {
            frame.onload = resolve
            frame.src = url as string
          })
          const shown = frame.contentDocument
          if (shown?.querySelector('main') === null) throw new Error(`${url} is no page`)
          measured++
          if ((shown?.documentElement.scrollWidth ?? 0) > 390) wide.push(url)
        }
      }
      await Promise.all([one(), one(), one(), one()])
      return { wide, measured }
    }, pages)
    expect(wide).toEqual([])
    expect(measured).toBe(pages.length)
    await context.close()
  })

  test('no request has left the host, and no script has failed', () => {
    expect(foreign).toEqual([])
    expect(errors).toEqual([])
  })
})
