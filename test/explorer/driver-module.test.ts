/** A driver that a reader of the explorer brings, as a text. */
import { describe, expect, test } from 'vitest'
import { isPicture } from '../../src/explorer/picture.js'
import { Session } from '../../src/explorer/session.js'
import { firstTry } from './own-driver.js'

describe('a driver of the reader’s', () => {
  test('is explored in the reference’s place: the run is that which the command finds', async () => {
    const session = new Session()
    const brought = await session.answer('driver', { text: firstTry() })
    expect(brought.key).toMatch(/^odp-first-try~/)
    expect(brought.scenarios).toContain('munmap')
    expect(brought.scenarios).not.toContain('retry-protocol')
    expect(brought.texts.map(({ procedure }) => procedure)).toContain('odp_map_page')
    const subject = { scenario: 'munmap', bounds: 'smoke', set: {}, driver: brought.key } as const
    await session.answer('open', { subject, run: [] })
    const { result } = await session.answer('check', {})
    expect(result.violation?.clause).toBe('C8')
    expect(result.violation?.trace.steps).toHaveLength(20)
    await expect(session.answer('open', { subject: { ...subject, defect: 'M2' }, run: [] })).rejects.toThrow(
      /without a defect/,
    )
    await expect(
      session.answer('open', { subject: { ...subject, scenario: 'retry-protocol' }, run: [] }),
    ).rejects.toThrow(/takes no other driver/)
    await expect(session.answer('open', { subject: { ...subject, driver: 'x~1' }, run: [] })).rejects.toThrow(
      /Choose its file again/,
    )
  })

  test('may draw a state; a picture that is none, or that fails, says so', async () => {
    const session = new Session()
    const opened = async (picture: string) => {
      const { key } = await session.answer('driver', { text: `${firstTry()}\n${picture}` })
      const subject = { scenario: 'munmap', bounds: 'smoke', set: {}, driver: key } as const
      return (await session.answer('open', { subject, run: [] })).picture
    }
    expect(
      await opened(
        `export const picture = (field) => ({ title: 't', columns: ['frame'], rows: [{ name: 'page 0', cells: [field('gpu.pte[0].frame') ?? '?'] }] })`,
      ),
    ).toEqual({ title: 't', columns: ['frame'], rows: [{ name: 'page 0', cells: ['none'] }] })
    expect(await opened('export const picture = () => ({ title: 3 })')).toEqual({
      failed: expect.stringContaining('{ title, columns, rows'),
    })
    expect(await opened('export const picture = () => { throw new Error("no") }')).toEqual({ failed: 'no' })
    expect(isPicture({ title: '', columns: [], rows: [{ name: 'a', cells: [1] }] })).toBe(false)
  })

  test.each([
    ['const = 1', /is not a JavaScript module: .*\(1:6\)/],
    [`import { a } from './other.js'`, /line 1 imports \.\/other\.js; a driver may import hmm-spec\/driver/],
    [`\nimport { nothing } from 'hmm-spec/kernel'`, /line 2: hmm-spec\/kernel exports no nothing/],
    ['throw new Error("at once")', /fails as it is run: at once/],
    ['export default { name: "x" }', /no driver as its default export/],
  ])('a text that is none is refused: %s', async (text, why) => {
    await expect(new Session().answer('driver', { text })).rejects.toThrow(why)
  })
})
