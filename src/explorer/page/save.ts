/**
 * Saves a run as a file, made on this machine.
 *
 * @module
 */
import type { Broken } from '../../checker/claims/judge.js'
import { sequenceSvg } from '../../report/sequence/sequence-svg.js'
import { chromeTrace } from '../chrome-trace.js'
import type { Snapshot } from '../messages.js'

/** What a run breaks, in a line. */
export function endOf({
  end,
}: {
  readonly end?: Pick<Broken, 'clause' | 'claim' | 'detail'>
}): string | undefined {
  if (end === undefined) return undefined
  return `${end.clause}${end.claim === end.clause ? '' : ` (${end.claim})`}: ${end.detail}`
}

function nameOf({ scenario, defect, release }: Snapshot['subject']): string {
  return [scenario, release, defect]
    .filter((part) => part !== undefined)
    .join('-')
    .replace(/[^\w.-]+/g, '-')
}

/** Saves the run as a drawing. */
export function saveSvg({ subject, threads, steps, end }: Snapshot): void {
  const said = endOf({ ...(end === undefined ? {} : { end }) })
  const svg = sequenceSvg(
    { threads, steps },
    { standalone: true, ...(said === undefined ? {} : { end: `✗ ${said}` }) },
  )
  save(`${nameOf(subject)}.svg`, 'image/svg+xml', svg)
}

/** Saves the run for Perfetto. */
export function saveTrace({ subject, threads, steps, end }: Snapshot): void {
  const said = endOf({ ...(end === undefined ? {} : { end }) })
  save(
    `${nameOf(subject)}.trace.json`,
    'application/json',
    JSON.stringify(chromeTrace({ threads, steps }, `hmm-spec ${nameOf(subject)}`, said)),
  )
}

function save(name: string, type: string, content: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([content], { type }))
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 0)
}
