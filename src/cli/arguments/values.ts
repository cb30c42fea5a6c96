/**
 * The values of options: durations, sizes, counts, settings.
 *
 * @module
 */
import { InvalidArgumentError } from 'commander'

const MILLISECONDS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
}

const BYTES: Readonly<Record<string, number>> = {
  b: 1,
  k: 1e3,
  kb: 1e3,
  m: 1e6,
  mb: 1e6,
  g: 1e9,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
}

/** Reads `30s`, `2m`, `500ms`, or milliseconds without a unit. */
export function parseDuration(text: string): number {
  return quantity(text, MILLISECONDS, 1, 'a time is a number with ms, s, m or h: 30s, 2m, 500ms')
}

/** Reads `512MB`, `2GiB`, or bytes without a unit. */
export function parseSize(text: string): number {
  return Math.floor(
    quantity(text, BYTES, 1, 'a size is a number with KB, MB, GB, KiB, MiB or GiB: 512MB, 2GiB'),
  )
}

/** Reads `5000`, `1_000_000`, `1,000,000`, `200k` or `5M`. */
export function parseCount(text: string): number {
  const count = quantity(
    text.replace(/(?<=\d)[_,](?=\d{3})/g, ''),
    { k: 1e3, m: 1e6 },
    1,
    'a limit is a number: 100000, 200k, 5M',
  )
  if (!Number.isInteger(count)) throw new InvalidArgumentError('a limit of states is a whole number.')
  return count
}

function quantity(text: string, units: Readonly<Record<string, number>>, usual: number, how: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim())
  const unit = match?.[2] ? units[match[2].toLowerCase()] : usual
  const value = match === null || unit === undefined ? Number.NaN : Number(match[1]) * unit
  if (value === 0)
    throw new InvalidArgumentError('it must be more than 0; leave the option out for no limit.')
  if (!Number.isFinite(value)) throw new InvalidArgumentError(`${how}.`)
  return value
}

/** Adds one `NAME=VALUE` to those before it. */
export function parseSetting(
  text: string,
  before: Readonly<Record<string, number>> = {},
): Record<string, number> {
  const match = /^([^=]+)=(-?\d+)$/.exec(text)
  if (match === null)
    throw new InvalidArgumentError('write NAME=VALUE, with a whole number as VALUE: --set pages=2.')
  const [, name, value] = match
  if (Object.hasOwn(before, name) && before[name] !== Number(value))
    throw new InvalidArgumentError(`${name} is set twice, to ${before[name]} and to ${value}.`)
  return { ...before, [name]: Number(value) }
}

/** Reads a seed: 0 or more. */
export function parseSeed(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new InvalidArgumentError('a seed is a whole number from 0.')
  return Number(text)
}

/** Reads a number of steps: 0 or more. */
export function parseStep(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('a step is a number from 0, the initial state.')
  return Number(text)
}

const MOST_WORKERS = 9999

/** Reads a number of workers: 1 to {@link MOST_WORKERS}. */
export function parseWorkers(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text))
    throw new InvalidArgumentError(`a number of workers is a whole number from 1 to ${MOST_WORKERS}.`)
  return Number(text)
}

/** Reads how closely to audit: `off`, or 1 to 64 samples of each step. */
export function parseAudit(text: string): number | 'off' {
  if (text === 'off') return text
  const samples = /^\d{1,2}$/.test(text) ? Number(text) : 0
  if (samples < 1 || samples > 64) throw new InvalidArgumentError('write `off`, or a number from 1 to 64.')
  return samples
}
