/**
 * A state as a person reads it: page tables side by side, frames, windows of invalidation, and everything else by what it
 * belongs to.
 *
 * @module
 */
import type { Field, StateNow } from './walk.js'

/** A line of a table's cell, and the fields that it tells of. */
export interface Line {
  readonly text: string
  readonly fields: readonly string[]
  /** True if there is nothing there. */
  readonly empty: boolean
}

/** A table. */
export interface Grid {
  readonly columns: readonly string[]
  readonly rows: readonly { readonly name: string; readonly cells: readonly (readonly Line[])[] }[]
}

/** Fields of one thing. */
export interface Group {
  readonly of: string
  readonly fields: readonly (Field & { readonly label: string })[]
}

/** A state, in parts. */
export interface StateView {
  readonly pages: Grid
  readonly frames: Grid
  /** Windows of invalidation that are open. */
  readonly windows: readonly Line[]
  /** What no other part tells of. */
  readonly rest: readonly Group[]
}

const ENTRY = /^(.+)\.(pte|tlb|pmd)\[(\d+)\]\.(\w+)$/
const FRAME = /^frame\[(\d+)\]\.(\w+)$/
const WINDOW = /^(range\[\d+\])\.(\w+)$/
/** Values of what is not there. */
const NOTHING: ReadonlySet<string> = new Set(['0', 'none'])

/** Sorts the fields of a state. */
export function viewOf({ fields, locks, charts }: StateNow): StateView {
  const shown = new Set<string>()
  const elsewhere = [
    ...locks.flatMap(({ name }) => [
      name,
      ...['writer', 'readers', 'waiting'].map((part) => `${name}.${part}`),
    ]),
    ...charts.map(({ of }) => `${of}.lifecycle`),
  ]
  const by = (pattern: RegExp) =>
    fields.flatMap((field) => {
      const match = pattern.exec(field.name)
      if (match === null || elsewhere.includes(field.name)) return []
      shown.add(field.name)
      return [{ field, match }]
    })
  const pages = pagesOf(by(ENTRY))
  const frames = framesOf(by(FRAME))
  const windows = windowsOf(by(WINDOW))
  const rest = new Map<string, Group['fields'][number][]>()
  for (const field of fields) {
    if (shown.has(field.name) || elsewhere.includes(field.name)) continue
    const dot = field.name.lastIndexOf('.')
    const of = dot < 0 ? '' : field.name.slice(0, dot)
    rest.set(of, [...(rest.get(of) ?? []), { ...field, label: field.name.slice(dot + 1) }])
  }
  return { pages, frames, windows, rest: [...rest].map(([of, its]) => ({ of, fields: its })) }
}

interface Found {
  readonly field: Field
  readonly match: RegExpExecArray
}

/** One row for each page; a column for each page table, and one for the TLBs of CPUs. */
function pagesOf(found: readonly Found[]): Grid {
  const rows = new Map<string, Map<string, Map<string, Field[]>>>()
  const columns: string[] = []
  for (const { field, match } of found) {
    const [, owner, table, index] = match
    const isCpu = owner.startsWith('cpu[')
    const column = isCpu ? 'CPU TLBs' : owner.startsWith('mm[') ? `CPU, ${owner}` : owner
    if (!columns.includes(column)) columns.push(column)
    const part = isCpu ? owner.replace(/\[(\d+)\]/, ' $1') : table === 'pte' ? '' : table.toUpperCase()
    const row = rows.get(index) ?? new Map<string, Map<string, Field[]>>()
    rows.set(index, row)
    const cell = row.get(column) ?? new Map<string, Field[]>()
    row.set(column, cell)
    cell.set(part, [...(cell.get(part) ?? []), field])
  }
  return {
    columns,
    rows: [...rows]
      .sort(([a], [b]) => Number(a) - Number(b))
      .map(([index, row]) => ({
        name: `page ${index}`,
        cells: columns.map((column) =>
          [...(row.get(column) ?? [])].map(([part, its]) => {
            const text = entryText(its)
            return {
              text: part === '' ? text : `${part}: ${text}`,
              fields: its.map(({ name }) => name),
              empty: text === '–',
            }
          }),
        ),
      })),
  }
}

/** An entry of a page table or a TLB in a few words. */
export function entryText(fields: readonly Field[]): string {
  const value = (name: string) => fields.find((field) => field.name.endsWith(`.${name}`))?.value
  const [kind, frame, write] = [value('kind'), value('frame'), value('write')]
  const rest = fields.flatMap(({ name, value }) => {
    const field = name.slice(name.lastIndexOf('.') + 1)
    if (['kind', 'frame', 'write'].includes(field) || NOTHING.has(value)) return []
    return [value === '1' ? field.replaceAll('_', ' ') : `${field.replaceAll('_', ' ')} ${value}`]
  })
  const hasFrame = frame !== undefined && !NOTHING.has(frame)
  const words = [
    ...(kind === undefined || kind === 'present' || kind === 'none' ? [] : [kind]),
    ...(hasFrame ? [`frame ${/\d+/.exec(frame)?.[0] ?? frame}`] : []),
    ...(hasFrame && write !== undefined ? [write === '1' ? 'rw' : 'ro'] : []),
    ...rest,
  ]
  return words.length === 0 ? '–' : words.join(' ')
}

function framesOf(found: readonly Found[]): Grid {
  const columns = [...new Set(found.map(({ match }) => match[2]))]
  const rows = new Map<string, Map<string, Field>>()
  for (const { field, match } of found)
    rows.set(match[1], (rows.get(match[1]) ?? new Map<string, Field>()).set(match[2], field))
  return {
    columns: columns.map((name) => name.replaceAll('_', ' ')),
    rows: [...rows]
      // Where frames are told by number, 0 is none.
      .filter(([index, row]) => index !== '0' || [...row.values()].some(({ value }) => !NOTHING.has(value)))
      .map(([index, row]) => ({
        name: `frame ${index}`,
        cells: columns.map((column) => {
          const field = row.get(column)
          if (field === undefined) return []
          return [{ text: field.value, fields: [field.name], empty: NOTHING.has(field.value) }]
        }),
      })),
  }
}

function windowsOf(found: readonly Found[]): Line[] {
  const records = new Map<string, Map<string, Field>>()
  for (const { field, match } of found)
    records.set(match[1], (records.get(match[1]) ?? new Map<string, Field>()).set(match[2], field))
  return [...records].flatMap(([name, record]): Line[] => {
    const value = (field: string) => record.get(field)?.value ?? '0'
    if (value('mm') === '0') return []
    const how = value('blockable') === '0' ? ', may not block' : ''
    return [
      {
        text: `${name}: pages ${value('start')} to ${value('end')} (not included), ${value('event')}${how}`,
        fields: [...record.values()].map((field) => field.name),
        empty: false,
      },
    ]
  })
}
