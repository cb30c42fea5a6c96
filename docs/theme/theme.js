// Before the page is drawn: what was chosen last, or what the system says.
const chosen = localStorage.getItem('hmm-spec-theme')
if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen
addEventListener('DOMContentLoaded', () => {
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
