/** Copies that end later, and drivers that do not wait for them. */
import { describe, expect, test } from 'vitest'
import { copyingDriver } from './copy-engine.js'
import { checkIn, holdsEverywhere } from './parts.js'

describe('waits for its copy engine', () =>
  holdsEverywhere(copyingDriver('copy engine'), [
    'migrate',
    'migrate-and-dontneed',
    'write-to-own-memory',
    'evict',
    'munmap',
  ]))

test.each<['does not wait' | 'waits too late']>([['does not wait'], ['waits too late']])(
  '%s',
  { timeout: 120_000 },
  async (flaw) => {
    const { violation } = await checkIn(copyingDriver('twin', flaw), 'migrate')
    expect(violation?.clause).toBe('C38')
  },
)
