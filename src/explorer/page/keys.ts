/**
 * The keyboard: what each key does. The page that surrounds the explorer documents them.
 *
 * @module
 */

/** What a key can ask of the run. */
export type StepKey =
  | { readonly kind: 'back' | 'forward' | 'start' | 'end' | 'stop before' | 'stop after' }
  | { readonly kind: 'take'; readonly index: number }

/** What a key can ask for. */
export type KeyAction = StepKey | { readonly kind: 'check' } | { readonly kind: 'stop' }

/** Where keys mean what they always mean: fields, and what scrolls. */
const FIELDS = 'input:not([type=checkbox]):not([type=radio]), select, textarea, [contenteditable]'
const SCROLLS = '.scroll, .wide, pre, [type=radio]'

/** What the key of `event` asks for. */
export function actionOf(event: KeyboardEvent): KeyAction | undefined {
  const target = event.target instanceof Element ? event.target : undefined
  if (event.ctrlKey || event.metaKey || event.altKey || target?.closest(FIELDS)) return undefined
  const { key } = event
  if (/^[1-9]$/.test(key)) return { kind: 'take', index: Number(key) - 1 }
  switch (key) {
    case 'p':
      return { kind: 'back' }
    case 'n':
      return { kind: 'forward' }
    case '[':
      return { kind: 'stop before' }
    case ']':
      return { kind: 'stop after' }
    case 'c':
      return { kind: 'check' }
    case 'Escape':
      return { kind: 'stop' }
  }
  if (target?.closest(SCROLLS)) return undefined
  switch (key) {
    case 'ArrowLeft':
      return { kind: 'back' }
    case 'ArrowRight':
      return { kind: 'forward' }
    case 'Home':
      return { kind: 'start' }
    case 'End':
      return { kind: 'end' }
  }
  return undefined
}
