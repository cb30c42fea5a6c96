import { describe, expect, test } from 'vitest'
import { answerTo, lookalikes, misuses } from './misuse.js'

describe('a procedure that is written wrongly is never said to hold', () => {
  test.each(misuses)('%s', async (_name, build, answer) => {
    expect(await answerTo(build)).toBe(answer)
  })
})

describe('a right one that looks like it holds', () => {
  test.each(lookalikes)('%s', async (_name, build) => {
    expect(await answerTo(build)).toBe('holds')
  })
})

test('guards let everybody else tell the time', async () => {
  await answerTo(misuses[0][1])
  expect(Date.now()).toBeGreaterThan(0)
  expect(new Date()).toBeInstanceOf(Date)
  expect(Math.random()).toBeLessThan(1)
  expect(performance.now()).toBeGreaterThan(0)
  expect(typeof process.hrtime.bigint()).toBe('bigint')
  expect(crypto.randomUUID()).toHaveLength(36)
  await new Promise((resolve) => setTimeout(resolve, 0))
})
