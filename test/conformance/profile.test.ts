/** Recordings held against what any driver must answer, and not only against the driver that was recorded. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { conformText } from '../../src/conformance/index.js'

const fixture = fileURLToPath(new URL('../fixtures/linux-6.1-minimal.jsonl.gz', import.meta.url))
/** Some that are quick to answer in every way that a driver may go. */
const lines = gunzipSync(readFileSync(fixture))
  .toString('utf8')
  .split('\n')
  .filter((line) => line.includes('dev_read') && line.length < 900)
  .slice(0, 3)

/** The recording with one field of its last answer that has it replaced. */
const with_ = (line: string, field: string, value: unknown) => {
  const recording = JSON.parse(line)
  const last = recording.results.findLast((result: object) => field in result)
  last[field] = value
  return JSON.stringify(recording)
}

test('the recorded driver does what any driver may do', () => {
  expect(lines.length).toBe(3)
  expect(conformText(lines.join('\n'), { kernel: '6.1', profile: 'clean' })).toMatchObject({
    matched: 3,
    mismatched: 0,
    unsupported: 0,
  })
})

test('how often it faults is its own affair, and what it reads is not', () => {
  const line = lines.find((one) => one.includes('"faults":') && one.includes('"vals":')) as string
  const faults = with_(line, 'faults', 7)
  expect(conformText(faults, { kernel: '6.1' }).mismatches).toMatchObject([{ field: 'faults', expected: 7 }])
  expect(conformText(faults, { kernel: '6.1', profile: 'clean' }).mismatches).toEqual([])
  const vals = with_(line, 'vals', [77])
  expect(conformText(vals, { kernel: '6.1', profile: 'clean' }).mismatches).toMatchObject([
    { field: 'vals', expected: [77] },
  ])
})

test('a profile that there is not is refused', () => {
  expect(() => conformText(lines[0], { kernel: '6.1', profile: 'test_hmm-5.4' })).toThrow(
    'there is no profile test_hmm-5.4; there are clean, test_hmm-6.1, test_hmm-6.12, test_hmm-7.3',
  )
})
