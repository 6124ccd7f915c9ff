// Segment, User management: users, the Gateway Admin box, access to meters, passwords (#17 to #23).
import { get } from '../lib/api'
import type { Model, Request, Resource } from '../lib/drafts.svelte'
import { differences } from '../lib/drafts.svelte'
import type { Access } from '../lib/session.svelte'
import { t } from '../lib/words.svelte'

export const LEVELS: Access[] = ['No Access', 'View Only', 'Configure']
export interface User {
  admin: boolean
  /** A new password, twice; empty: unchanged. */
  key: string
  again: string
  access: Record<string, Access>
  fresh: boolean
  wanted: boolean
}

interface Loaded {
  users: { name: string; gatewayadmin?: boolean }[]
  bindings: { serial: string; access: Access }[][]
}

async function load(): Promise<Loaded> {
  const { users } = await get<Pick<Loaded, 'users'>>('/users')
  const bindings = await Promise.all(
    users.map(({ name }) => get<{ bindings: Loaded['bindings'][number] }>(`/users/${encodeURIComponent(name)}/bindings`).then((answer) => answer.bindings)),
  )
  return { users, bindings }
}

function requestsFor(name: string, before: User | undefined, after: User): Request[] {
  const path = `/users/${encodeURIComponent(name)}`
  if (!after.wanted) return before ? [{ method: 'DELETE', path }] : []
  const found: Request[] = []
  if (!before) found.push({ method: 'PUT', path: '/users', body: { name, key: after.key, gatewayadmin: after.admin } })
  else if (after.key || after.admin !== before.admin)
    found.push({ method: 'POST', path, body: { name, gatewayadmin: after.admin, ...(after.key ? { key: after.key } : {}) } })
  for (const [serial, access] of Object.entries(after.access))
    if (access !== (before?.access[serial] ?? 'View Only')) found.push({ method: 'PUT', path: `${path}/bindings`, body: { name, serial, access } })
  return found
}

function wrong(name: string, user: User): string | null {
  if (!user.wanted) return null
  if (user.fresh && !/^[a-z0-9]{1,20}$/.test(name)) return t('problem.user-name')
  if (user.fresh && !user.key) return t('problem.no-password', { name })
  return user.key !== user.again ? t('password.differ') : null
}

export const users: Resource = {
  id: 'users',
  number: 19,
  path: () => '/users',
  load,
  read: ({ users: list, bindings }: Loaded) =>
    Object.fromEntries(
      list.map(({ name, gatewayadmin }, index): [string, User] => [
        name,
        {
          admin: gatewayadmin ?? false,
          key: '',
          again: '',
          access: Object.fromEntries((bindings[index] ?? []).map(({ serial, access }) => [serial, access])),
          fresh: false,
          wanted: true,
        },
      ]),
    ),
  requests: (base, edited) => differences(base, edited).flatMap((name) => requestsFor(name, base[name], edited[name])),
  question: (base: Model, edited: Model) => {
    const dropped = Object.keys(base).filter((name) => !edited[name]?.wanted)
    return dropped.length ? t('question.delete-users', { names: dropped.join(', ') }) : null
  },
  check: (model: Model) => {
    const rows = Object.entries<User>(model)
    if (!rows.some(([, user]) => user.wanted && user.admin)) return t('problem.last-admin')
    return rows.map(([name, user]) => wrong(name, user)).find((text) => text !== null) ?? null
  },
  separate: true,
}
