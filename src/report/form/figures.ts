/**
 * Numbers, times, sizes and long texts as people read them.
 *
 * @module
 */
import prettyBytes from 'pretty-bytes'
import prettyMilliseconds from 'pretty-ms'
import type { Parameters } from '../../world/model.js'

/** A count with its thousands apart: `5,358,728`. */
export function figure(count: number): string {
  return count.toLocaleString('en-US')
}

/** A count with its noun: `1 step`, `12 steps`. */
export function counted(count: number, noun: string): string {
  return `${figure(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** A duration, given in milliseconds: `340ms`, `1m 12.5s`. */
export function duration(ms: number): string {
  return prettyMilliseconds(ms, { secondsDecimalDigits: 1 })
}

/** A size, given in bytes: `242 MB`. */
export function size(bytes: number): string {
  return prettyBytes(bytes)
}

/** Parameters as they are set on the command line: `pages=2 commits=1`. */
export function settings(parameters: Parameters): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
}

/** `text` in lines of at most `width` characters, broken between words, each line after `indent`. */
export function wrap(text: string, width: number, indent = ''): string {
  const lines: string[] = []
  for (const paragraph of text.split('\n')) {
    let line = ''
    for (const word of paragraph.split(' ')) {
      if (line !== '' && indent.length + line.length + 1 + word.length > width) {
        lines.push(indent + line)
        line = word
      } else line = line === '' ? word : `${line} ${word}`
    }
    lines.push((indent + line).trimEnd())
  }
  return lines.join('\n')
}

/** `items` under each other, each after `indent` and a dash. */
export function bullets(items: readonly string[], indent: string, width: number): string {
  return items.map((item) => `${indent}- ${wrap(item, width, `${indent}  `).trimStart()}`).join('\n')
}

/** Every line of `text` after `indent`. */
export function indented(text: string, indent: string): string {
  return text.replace(/^(?=.)/gm, indent)
}
