/**
 * Where `conform` says to look: a fault that is put into one step is found by the sequences that do not match any more.
 */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { comparePrefix, conformText } from '../../src/conformance/conform.js'
import { parseLine } from '../../src/conformance/recording.js'
import { rankSteps } from '../../src/conformance/suspects.js'
import { wp_page_copy } from '../../src/kernel/index.js'
import { type Override, onStep } from '../../src/world/index.js'

const LINES = gunzipSync(readFileSync(new URL('../fixtures/linux-6.1-minimal.jsonl.gz', import.meta.url)))
  .toString('utf8')
  .split('\n')
  .filter((line) => line !== '')

/** The recordings, compared with an oracle that is changed. */
function ranked(...overrides: Override[]) {
  const options = { kernel: '6.1', overrides } as const
  const compared = LINES.map((line, index) => {
    const recording = parseLine('minimal', index + 1, line)
    return { recording, mismatch: comparePrefix(recording, options).mismatches[0] }
  })
  const mismatched = compared.filter(({ mismatch }) => mismatch !== undefined).length
  return { mismatched, suspects: rankSteps(compared, options) }
}

describe('steps are ranked', () => {
  it('with the faulty one first', () => {
    const forgetsTheCopy = onStep(wp_page_copy, 'copy the page', () => () => 0)
    const { mismatched, suspects } = ranked(forgetsTheCopy)
    expect(mismatched).toBeGreaterThan(0)
    const found = suspects.find(({ step }) => step === 'wp_page_copy: copy the page')
    expect(found).toMatchObject({ mismatched })
    expect(found?.score).toBe(suspects[0].score)
  })

  it('by score, and none that every sequence takes', () => {
    const { suspects } = ranked(onStep(wp_page_copy, 'copy the page', () => () => 0))
    const scores = suspects.map(({ score }) => score)
    expect(scores).toEqual([...scores].sort((a, b) => b - a))
    for (const { mismatched, matched } of suspects) expect(mismatched + matched).toBeLessThan(LINES.length)
  })

  it('not at all if every sequence matches', () => {
    expect(ranked()).toEqual({ mismatched: 0, suspects: [] })
  })
})

describe('conform', () => {
  it('says where to look, if sequences do not match', () => {
    const ops = '"ops":["mmap 0 1 rw","cpu_write 0 7","cpu_read 0"]'
    const good = `{"seq":"a","ops":["mmap 0 1 rw"],"results":[{"rc":0}]}`
    const bad = `{"seq":"b",${ops},"results":[{"rc":0},{"rc":0},{"rc":0,"val":8}]}`
    const { suspects } = conformText(`${good}\n${bad}`, { kernel: '6.1' })
    expect(suspects).toContainEqual({ step: 'cpu_read: read', mismatched: 1, matched: 0, score: 1 })
    expect(suspects?.map(({ step }) => step)).not.toContain('mmap: insert the area')
    expect(conformText(good, { kernel: '6.1' }).suspects).toBeUndefined()
  })
})
