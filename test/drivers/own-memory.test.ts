/** A driver that brings pages of its device's memory back itself, and wrong twins of it. */
import { describe, expect, test } from 'vitest'
import { memoryDriver } from './own-memory.js'
import { checkIn, holdsEverywhere } from './parts.js'

describe('brings its pages back, and takes a lock as it does', () =>
  holdsEverywhere(memoryDriver('own memory'), [
    'migrate',
    'migrate-and-dontneed',
    'migrate-and-fork',
    'write-to-own-memory',
    'short-of-memory',
    'two-owners',
    'evict',
    'munmap',
  ]))

test('the callback of the memory is the one that is declared', async () => {
  const { coverage } = await checkIn(memoryDriver('own memory'), 'migrate')
  expect(coverage.steps).toContain('own migrate_to_ram: count it')
})

test.each<[string, Parameters<typeof memoryDriver>[1], string, string]>([
  ['takes a lock that is held across walks and migrations', 'fault lock', 'migrate', 'lock-order'],
  ['takes it, and its place in the order is not declared', 'unranked fault lock', 'migrate', 'deadlock'],
  ['does not finalize', 'no finalize', 'migrate', 'C51'],
  ['evicts under the mmap lock', 'evicts under the mmap lock', 'evict', 'eviction'],
])('%s', { timeout: 120_000 }, async (_, flaw, scenario, clause) => {
  const { violation } = await checkIn(memoryDriver('twin', flaw), scenario)
  expect(violation?.clause).toBe(clause)
})
