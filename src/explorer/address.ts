/**
 * The address of a run: what is explored, and each step as thread, choice and a check value. An address that was made of
 * another text of the specification is refused, with the step that differs.
 *
 * @module
 */

import type { Move } from '../checker/explore/stepper.js'
import type { TraceStep } from '../checker/result.js'
import type { Bounds } from '../world/model.js'
import type { Subject } from './subject.js'

/** The sizes of bounds, smallest first. */
export const BOUNDS: readonly Bounds[] = ['smoke', 'default', 'deep']

/** A step of an address. */
export interface CodedStep extends Move {
  /** What the step and all before it were, in three characters. */
  readonly code: string
}

/** What an address says. */
export interface Place {
  readonly subject: Subject
  readonly run: readonly CodedStep[]
  /** After which step; the last if left out. */
  readonly at?: number
  /** True to check at once. */
  readonly check?: boolean
  /** The step, transition or clause to which the shortest run is looked for, in words. */
  readonly to?: string
}

/** An address that says nothing. */
export class AddressError extends Error {
  override readonly name = 'AddressError'
}

const CODE = 36 ** 3

/** The check values of steps: each depends on all steps up to it, on what they returned and on what they changed. */
export function codesOf(steps: readonly TraceStep[]): string[] {
  let hash = 0x811c9dc5
  return steps.map(({ thread, choice, procedure, step, result, changes }) => {
    const text = [
      thread,
      choice,
      procedure,
      step,
      result,
      ...changes.map(({ cell, before, after }) => `${cell} ${before} ${after}`),
    ].join('\n')
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
    hash ^= hash >>> 15
    return ((hash >>> 0) % CODE).toString(36).padStart(3, '0')
  })
}

/** Writes a run as an address, without the `#`. */
export function addressOf(subject: Subject, steps: readonly TraceStep[], at = steps.length): string {
  const { scenario, bounds, set, release, defect, driver } = subject
  const codes = codesOf(steps)
  const fields: [name: string, value: string][] = [['scenario', scenario]]
  if (bounds !== 'smoke') fields.push(['bounds', bounds])
  if (release !== undefined) fields.push(['release', release])
  if (defect !== undefined) fields.push(['defect', defect])
  if (driver !== undefined) fields.push(['driver', driver])
  const settings = Object.entries(set)
  if (settings.length > 0) fields.push(['set', settings.map(([name, value]) => `${name}:${value}`).join(',')])
  if (steps.length > 0)
    fields.push(['run', steps.map(({ thread, choice }, i) => stepText(thread, choice, codes[i])).join('.')])
  if (at < steps.length) fields.push(['at', String(at)])
  return fields.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')
}

/** The address of a search for the shortest run to a step, by its name, or to one way in which it turns out. */
export function addressTo(subject: Subject, procedure: string, step: string, outcome?: string): string {
  const to = `${procedure}: ${step}${outcome === undefined ? '' : ` → ${outcome}`}`
  return `${addressOf(subject, [])}&${new URLSearchParams({ to })}`
}

function stepText(thread: number, choice: number, code: string): string {
  return `${thread}${choice === 0 ? '' : `_${choice}`}-${code}`
}

/**
 * Reads an address.
 *
 * @throws AddressError if it is none; what it names is not looked at
 */
export function placeOf(text: string): Place {
  const fields = new URLSearchParams(text.replace(/^#/, ''))
  const known = ['scenario', 'bounds', 'release', 'defect', 'driver', 'set', 'run', 'at', 'check', 'to']
  for (const name of fields.keys())
    if (!known.includes(name))
      throw new AddressError(`the address has a field "${name}", which means nothing`)
  const scenario = fields.get('scenario')
  if (!scenario) throw new AddressError('the address names no scenario')
  const run = (fields.get('run') ?? '')
    .split('.')
    .filter((step) => step !== '')
    .map(readStep)
  const [release, defect, driver, at] = ['release', 'defect', 'driver', 'at'].map((name) => fields.get(name))
  if (at !== null && !(/^\d+$/.test(at) && Number(at) <= run.length))
    throw new AddressError(`the address says after step "${at}" of a run of ${run.length} steps`)
  return {
    subject: {
      scenario,
      bounds: (fields.get('bounds') ?? 'smoke') as Bounds,
      set: readSettings(fields.get('set') ?? ''),
      ...(release ? { release } : {}),
      ...(defect ? { defect } : {}),
      ...(driver ? { driver } : {}),
    },
    run,
    ...(at === null ? {} : { at: Number(at) }),
    ...(fields.has('check') ? { check: true } : {}),
    ...(fields.has('to') ? { to: fields.get('to') as string } : {}),
  }
}

function readStep(text: string, i: number): CodedStep {
  const match = /^(\d)(?:_(\d{1,4}))?-([0-9a-z]{3})$/.exec(text)
  if (match === null) throw new AddressError(`step ${i + 1} of the address, "${text}", is no step`)
  return { thread: Number(match[1]), choice: Number(match[2] ?? 0), code: match[3] }
}

function readSettings(text: string): Record<string, number> {
  const settings: Record<string, number> = {}
  for (const setting of text.split(',').filter((one) => one !== '')) {
    const match = /^(\w+):(\d+)$/.exec(setting)
    if (match === null) throw new AddressError(`"${setting}" sets no parameter`)
    settings[match[1]] = Number(match[2])
  }
  return settings
}
