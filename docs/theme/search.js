// The search: its index is loaded when the field is first used. What was found is put in as text, never as HTML.
const field = made('input', {
  id: 'search',
  type: 'search',
  role: 'combobox',
  'aria-label': 'Search',
  'aria-expanded': 'false',
  'aria-controls': 'found',
  autocomplete: 'off',
  placeholder: 'mmu_interval_read_begin, C8, H10 …',
})
const box = made('div', { id: 'found', role: 'listbox', 'aria-label': 'Pages found', hidden: '' })
document.querySelector('search').append(field, box)

// What needs this script to work is made by it.
function made(name, attributes) {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  return element
}

const root = document
  .querySelector('script[src$="assets/search.js"]')
  .getAttribute('src')
  .replace(/assets\/search\.js$/, '')
const MOST = 20
let loading
let selected = -1

function load() {
  loading ??= ['minisearch.js', 'search-index.js']
    .reduce(
      (before, name) =>
        before.then(
          () =>
            new Promise((resolve, reject) => {
              const script = document.createElement('script')
              script.src = `${root}assets/${name}`
              script.onload = resolve
              script.onerror = () => reject(new Error(`${name} cannot be loaded`))
              document.head.append(script)
            }),
        ),
      Promise.resolve(),
    )
    .then(async () =>
      MiniSearch.loadJSON(await unpacked(globalThis.hmmSpecIndex), {
        fields: ['title', 'names', 'text'],
        storeFields: ['title', 'kind'],
      }),
    )
  return loading
}

/** The text of what is compressed and written in base 64. */
function unpacked(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).text()
}

function words(text) {
  return text.match(/[\p{L}\p{N}_]+/gu) ?? []
}

// The index has the parts of a kernel's name as words, but not the pieces between: read_retry of mmu_interval_read_retry.
function wordsAndParts(text) {
  return words(text).flatMap((word) =>
    word.includes('_') ? word.split('_').filter((part) => part !== '') : [word],
  )
}

// Of pages that match alike, people look for what must hold, for the text, and for what was found.
const WEIGHTS = { requirement: 2, finding: 1.5, procedure: 1.3, comparison: 1.3 }

async function search() {
  const text = field.value.trim()
  if (text === '') return close()
  let index
  try {
    index = await load()
  } catch (error) {
    return show([], error.message)
  }
  if (field.value.trim() !== text) return
  const options = {
    tokenize: words,
    prefix: true,
    boost: { title: 4, names: 6 },
    boostDocument: (_id, _term, { kind }) => WEIGHTS[kind] ?? 1,
  }
  const all = index.search(text, { ...options, combineWith: 'AND' })
  const parts = new Set(all.map(({ id }) => id))
  const byParts = index
    .search(text, { ...options, tokenize: wordsAndParts, combineWith: 'AND' })
    .filter(({ id }) => !parts.has(id))
  const both = [...all, ...byParts]
  const found = both.length > 0 ? both : index.search(text, { ...options, fuzzy: 0.2 })
  const exact = text.toLowerCase()
  const rank = ({ title }) =>
    title.toLowerCase() === exact || title.toLowerCase().startsWith(`${exact}:`) ? 0 : 1
  found.sort((a, b) => rank(a) - rank(b) || b.score - a.score)
  show(found.slice(0, MOST), `Nothing is found for “${text}”.`)
}

function show(results, otherwise) {
  selected = -1
  box.replaceChildren(
    ...results.map(({ title, kind, id }, i) => {
      const link = document.createElement('a')
      link.href = root + id.slice(1)
      link.id = `found-${i}`
      link.setAttribute('role', 'option')
      link.setAttribute('aria-selected', 'false')
      link.textContent = title
      const says = document.createElement('span')
      says.className = 'kind'
      says.textContent = kind
      link.append(says)
      return link
    }),
  )
  if (results.length === 0) {
    const none = document.createElement('p')
    none.setAttribute('role', 'option')
    none.setAttribute('aria-disabled', 'true')
    none.textContent = otherwise
    box.append(none)
  }
  box.hidden = false
  field.setAttribute('aria-expanded', 'true')
}

function close() {
  box.hidden = true
  field.setAttribute('aria-expanded', 'false')
  field.removeAttribute('aria-activedescendant')
}

function select(step) {
  const links = [...box.querySelectorAll('a')]
  if (links.length === 0) return
  links[selected]?.setAttribute('aria-selected', 'false')
  selected = (selected + step + links.length) % links.length
  links[selected].setAttribute('aria-selected', 'true')
  links[selected].scrollIntoView({ block: 'nearest' })
  field.setAttribute('aria-activedescendant', links[selected].id)
}

field.addEventListener('input', search)
field.addEventListener('focus', () => {
  load().catch(() => {})
  if (field.value.trim() !== '') search()
})
field.addEventListener('keydown', (event) => {
  if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    event.preventDefault()
    select(event.key === 'ArrowDown' ? 1 : selected < 0 ? 0 : -1)
  } else if (event.key === 'Enter') (box.querySelectorAll('a')[Math.max(selected, 0)] ?? field).click()
  else if (event.key === 'Escape') close()
})
addEventListener('keydown', (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? '')
  if (event.key === '/' && !typing) {
    event.preventDefault()
    field.focus()
  }
})
addEventListener('click', (event) => {
  if (!event.target.closest('search')) close()
})
