// Keys that work everywhere outside fields (G-408).
import { address, go, MENUS, type Menu } from './route.svelte'

export const LETTERS: Record<string, Menu> = { h: 'home', s: 'segment', l: 'location', m: 'meter', e: 'events', a: 'about' }

interface Calls {
  help: () => void
  allowed: (menu: Menu) => boolean
}

const FIELDS = 'input:not([type=checkbox]):not([type=radio]), select, textarea, [contenteditable]'

export function listen(calls: Calls): () => void {
  let waiting = 0
  const pressed = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return
    if (event.target instanceof Element && event.target.matches(FIELDS)) return
    if (waiting && Date.now() - waiting < 1500) {
      waiting = 0
      const menu = LETTERS[event.key]
      if (menu && MENUS.includes(menu) && calls.allowed(menu)) {
        event.preventDefault()
        void go(address(menu))
      }
    } else if (event.key === 'g') waiting = Date.now()
    else if (event.key === '?') calls.help()
    else if (event.key === '/') {
      event.preventDefault()
      const fields = [...document.querySelectorAll<HTMLInputElement>('main input[type=search], aside input[type=search]')]
      fields.find((field) => field.offsetParent !== null)?.focus()
    }
  }
  addEventListener('keydown', pressed)
  return () => removeEventListener('keydown', pressed)
}

/** Arrow keys, Home and End move the focus among the elements of a list that match. */
export function arrows(container: HTMLElement, matching: string): { destroy: () => void } {
  const pressed = (event: KeyboardEvent) => {
    const items = [...container.querySelectorAll<HTMLElement>(matching)]
    const at = items.indexOf(document.activeElement as HTMLElement)
    const steps: Record<string, number> = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: items.length - 1 }
    const wanted = steps[event.key]
    if (at < 0 || wanted === undefined) return
    event.preventDefault()
    items[(wanted + items.length) % items.length]?.focus()
  }
  container.addEventListener('keydown', pressed)
  return { destroy: () => container.removeEventListener('keydown', pressed) }
}
