// Where we are: the hash of the address, so that a reload or a bookmark comes back to the same place (G-413).
// #/meter/SERIAL/loadprofile, #/location/NAME, #/home?at=LOCATION

export const MENUS = ['home', 'segment', 'location', 'meter', 'events', 'about'] as const
export type Menu = (typeof MENUS)[number]

export interface Place {
  menu: Menu
  parts: string[]
  at: string | null
}

export function parse(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?')
  const [menu = '', ...parts] = path.split('/').map(decoded)
  const known = MENUS.find((name) => name === menu)
  return { menu: known ?? 'home', parts: known ? parts.filter(Boolean) : [], at: new URLSearchParams(query).get('at') }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

export function address(menu: Menu, parts: string[] = [], at: string | null = null): string {
  const path = [menu, ...parts].map(encodeURIComponent).join('/')
  return `#/${path}${at === null ? '' : `?at=${encodeURIComponent(at)}`}`
}

export const place = $state<Place>(parse(location.hash))
let shown = location.hash

/** Asked before a place is left; `false` keeps it. */
type Guard = () => Promise<boolean>
let guard: Guard | null = null
export function guardedBy(asked: Guard): () => void {
  guard = asked
  return () => {
    if (guard === asked) guard = null
  }
}

function show(hash: string): void {
  shown = hash
  Object.assign(place, parse(hash))
}

/** Go somewhere, if the present place lets us. */
export async function go(hash: string): Promise<boolean> {
  if (hash === shown) return true
  if (guard && !(await guard())) return false
  show(hash)
  location.hash = hash
  return true
}

addEventListener('hashchange', () => {
  const wanted = location.hash
  if (wanted === shown) return
  if (!guard) return show(wanted)
  // Back, forward, or a link: step back to where we are, ask, and go on if that is fine.
  history.replaceState(null, '', shown || '#/home')
  void go(wanted)
})
