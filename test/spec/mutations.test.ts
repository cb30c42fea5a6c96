/**
 * The mutations that the reference asks for: each is a defect here, and is found by its number.
 *
 * @see reference G.3, B.1.1
 */
import { describe, expect, it } from 'vitest'
import { defects } from '../../spec/index.js'

/** Those of section G.3. Its numbering has gaps here: M16, M17 and M30 are no defects yet. */
const numbers = [
  ...Array.from({ length: 15 }, (_, i) => i + 1),
  ...[18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 31, 32],
  // Of notifiers in two passes, section B.1.1.
  ...[33, 34, 35],
]

function namedOrAlso(name: string): string[] {
  return defects.filter((defect) => defect.name === name || defect.aliases?.includes(name)).map((d) => d.name)
}

describe('mutations', () => {
  it.each(numbers.map((number) => `M${number}`))('%s is a defect', (name) => {
    expect(namedOrAlso(name)).not.toEqual([])
  })

  it('that are also found under another name say so in their sources, or are that defect themselves', () => {
    const silent = defects.filter(
      ({ aliases = [], source }) => !aliases.every((alias) => source.some((text) => text.includes(alias))),
    )
    expect(silent.map(({ name }) => name)).toEqual([])
  })

  it('are no others: an alias is a mutation of the reference', () => {
    const known = numbers.map((number) => `M${number}`)
    const others = defects.flatMap(({ aliases = [] }) => aliases).filter((alias) => !known.includes(alias))
    expect(others).toEqual([])
  })
})
