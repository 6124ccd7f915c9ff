// Who is logged in. Passwords pass through and are never kept.
import { ApiError, ask, get, post, whenSessionEnds } from './api'

export type Access = 'No Access' | 'View Only' | 'Configure'
export interface Me {
  user: string
  admin: boolean
  due: boolean
  access: Record<string, Access>
}

/** `ended`: there was a session, it is over, the page stays until its user is back. `turn` grows with every login. */
export const session = $state<{ known: boolean; me: Me | null; ended: boolean; turn: number }>({
  known: false,
  me: null,
  ended: false,
  turn: 0,
})

whenSessionEnds(() => {
  if (session.me) session.ended = true
})

/** Ask who we are; nobody is no error. */
export async function recognise(): Promise<void> {
  try {
    session.me = await get<Me>('/api/v1/me')
    session.ended = false
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error
  } finally {
    session.known = true
  }
}

/** Throws ApiError: 401 wrong pair, 429 locked. Another user than before starts with an empty page. */
export async function login(user: string, password: string): Promise<void> {
  const answer = await post<{ user: string; admin: boolean; due: boolean }>('/api/v1/login', { user, password })
  if (session.me && session.me.user !== answer.user) location.reload()
  if (answer.due) session.me = { ...answer, access: {} }
  else await recognise()
  session.ended = false
  session.turn += 1
}

export async function logout(): Promise<void> {
  await ask('POST', '/api/v1/logout').catch(() => null)
  location.hash = '#/home'
  location.reload()
}

/** Throws ApiError. */
export async function changePassword(user: string, oldkey: string | null, key: string): Promise<void> {
  await post(`/api/v1/users/${encodeURIComponent(user)}/password`, oldkey === null ? { key } : { oldkey, key })
  if (session.me?.due && session.me.user === user) await recognise()
}

/** May this user configure the meter? */
export const mayConfigure = (serial: string): boolean => session.me?.access[serial] === 'Configure'
export const isAdmin = (): boolean => session.me?.admin ?? false
/** May this user configure anything? */
export const configures = (): boolean => isAdmin() || Object.values(session.me?.access ?? {}).includes('Configure')
