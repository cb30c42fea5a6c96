// Before the page is drawn: what was chosen last, or what the system says.
const chosen = localStorage.getItem('hmm-spec-theme')
if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen
addEventListener('DOMContentLoaded', () => {
  // There is none, and a browser need not ask for it.
  const icon = document.createElement('link')
  icon.rel = 'icon'
  icon.href = 'data:,'
  document.head.append(icon)
  const button = document.createElement('button')
  button.id = 'theme'
  button.type = 'button'
  button.textContent = '◐'
  button.setAttribute('aria-label', 'Change between light and dark')
  button.addEventListener('click', () => {
    const root = document.documentElement
    const isDark = root.dataset.theme
      ? root.dataset.theme === 'dark'
      : matchMedia('(prefers-color-scheme: dark)').matches
    root.dataset.theme = isDark ? 'light' : 'dark'
    localStorage.setItem('hmm-spec-theme', root.dataset.theme)
  })
  document.querySelector('.bar').append(button)
})

// On a phone a row of a wide table is a card, each cell beside the name of its column: the style sheet has the rest.
addEventListener('DOMContentLoaded', () => {
  const columnsFrom = 3
  for (const table of document.querySelectorAll('main table:not(#explorer table)')) {
    const heads = [...table.querySelectorAll('th')]
    if (heads.length < columnsFrom) continue
    table.classList.add('cards')
    // As cards its parts would lose what they are.
    const roles = { rowgroup: 'thead, tbody', row: 'tr', columnheader: 'th', cell: 'td' }
    table.setAttribute('role', 'table')
    for (const [role, parts] of Object.entries(roles))
      for (const part of table.querySelectorAll(parts)) part.setAttribute('role', role)
    for (const [i, head] of heads.entries())
      table.style.setProperty(`--head-${i + 1}`, JSON.stringify(head.textContent.trim()))
  }
})
