/**
 * Lifecycles as actors of XState.
 */
import { expect, test } from 'vitest'
import { ChartActors } from '../../src/conformance/validate/actors.js'
import { Layout } from '../../src/world/index.js'

test('a signal takes a transition of the actor, or is told as refused', () => {
  const layout = new Layout({ threads: 1 })
  const lifecycle = layout.scope('sub', (l) => ({ it: l.lifecycle('intervalNotifier', 'lifecycle') })).it
  const actors = new ChartActors()
  actors.attach(layout)
  lifecycle.signal('INSERTED')
  lifecycle.signal('REMOVED')
  lifecycle.signal('SEQUENCE_SET')
  expect([...actors.taken]).toEqual(['intervalNotifier: absent INSERTED', 'intervalNotifier: idle REMOVED'])
  expect(actors.refused.size).toBe(1)
  expect([...actors.refused.values()]).toEqual([1])
})
