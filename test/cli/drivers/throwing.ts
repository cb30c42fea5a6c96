/** A driver with mistakes that are its author's: one between two steps, one within a step. */
import { type Driver, referenceDriver } from 'hmm-spec/driver'
import { procedure, step } from 'hmm-spec/world'

const fault: Driver['fault'] = procedure(function* my_page_fault(_current, mirror, start) {
  if (start === 0) throw new Error(`no table for ${mirror.name}`)
  return yield* step('never', () => 0)
})

export const withinStep: Driver['fault'] = procedure(function* page_fault_within_step() {
  return yield* step('look up', () => {
    throw new Error('no table')
  })
})

export default { ...referenceDriver, name: 'throwing', fault }
