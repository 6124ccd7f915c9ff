// Send: everything saved, in page order, one request per resource (G-403 to G-406).
import { ApiError, ask as request } from './api'
import { ask, say } from './asking.svelte'
import { differences, same, type Draft, type Model } from './drafts.svelte'
import { maybe, t } from './words.svelte'

const shown = (value: unknown): string => {
  if (value === undefined || value === null || value === '') return '–'
  if (typeof value === 'object') return Object.values(value).map(shown).join(' · ')
  return typeof value === 'boolean' ? t(value ? 'value.yes' : 'value.no') : String(value)
}

function at(model: Model, path: string): unknown {
  return path.split('.').reduce((value: Model, key) => value?.[key], model)
}

/** Name of a member: `channels.3` is "Channels 4". */
export function memberName(path: string): string {
  const [head = '', index, ...rest] = path.split('.')
  const name = maybe(`field.${head}`, maybe(`field.${rest.at(-1) ?? head}`, head))
  return index !== undefined && /^\d+$/.test(index) ? `${name} ${Number(index) + 1}` : name
}

/** Two users (G-405): what was read before Send against what the edit began with. False: stop. */
async function agreed(draft: Draft): Promise<boolean> {
  const fresh = await draft.fetch()
  const theirs = differences(draft.base, fresh, draft.decimals).filter((path) => !draft.resource.separate || draft.changed.includes(path))
  if (!theirs.length) return true
  const rows = theirs.map((path) => [memberName(path), shown(at(draft.base, path)), shown(at(fresh, path)), shown(at(draft.edited, path))])
  const choice = await ask({
    title: t('conflict.title'),
    text: [t('conflict.text')],
    table: { head: [t('conflict.member'), t('conflict.before'), t('conflict.theirs'), t('conflict.mine')], rows },
    choices: [
      { id: 'theirs', label: t('conflict.take') },
      { id: 'mine', label: t('conflict.send'), danger: true },
    ],
  })
  if (choice === 'cancel') return false
  if (choice === 'theirs') {
    draft.take(fresh)
    return true
  }
  draft.rebase(fresh)
  return true
}

async function confirmed(drafts: Draft[], subject: string): Promise<boolean> {
  const questions = drafts.map((draft) => draft.resource.question?.(draft.base, draft.edited)).filter((key): key is string => !!key)
  if (!questions.length) return true
  const text = questions.map((key) => maybe(key, key).replace('{name}', subject))
  return (await ask({ title: t('send.sure', { name: subject }), text, choices: [{ id: 'send', label: t('do.send'), danger: true }] })) === 'send'
}

async function transmit(draft: Draft): Promise<void> {
  for (const { method, path, body } of draft.requests()) await request(method, path, body)
}

/** Read back; mark what reads differently. */
async function readBack(draft: Draft): Promise<void> {
  const sent = draft.edited
  const fresh = await draft.fetch()
  draft.odd = draft.resource.separate ? [] : differences(sent, fresh, draft.decimals).filter((path) => !draft.resource.orders?.includes(path))
  draft.take(fresh)
}

/** Send one draft. True when it went well. */
async function sendOne(draft: Draft): Promise<boolean> {
  const name = maybe(`resource.${draft.resource.id}`, draft.resource.id)
  const update = say('waiting', t(draft.owner === 'segment' ? 'send.waiting-gateway' : 'send.waiting', { what: name }))
  try {
    await transmit(draft)
    await readBack(draft)
    update('sent', t('send.sent', { what: name }), draft.odd.map((path) => t('send.odd', { member: memberName(path) })))
    return true
  } catch (error) {
    const failure = error instanceof ApiError ? error : new ApiError(0, String(error))
    update('failed', t('send.failed', { what: name }), [failure.des || t('error.unreachable'), ...(await taken(draft, failure))])
    return false
  }
}

/** After a failure of a composite write: which members were taken all the same (11.4). */
async function taken(draft: Draft, failure: ApiError): Promise<string[]> {
  if (failure.status === 401 || failure.status === 0) return []
  const wanted = draft.changed
  try {
    draft.rebase(await draft.fetch())
  } catch {
    return []
  }
  const left = draft.changed
  const done = wanted.filter((path) => !left.includes(path))
  if (!done.length || same(draft.base, draft.edited)) return []
  return [
    t('send.taken', { members: done.map(memberName).join(', ') }),
    t('send.not-taken', { members: left.map(memberName).join(', ') }),
  ]
}

/** Send drafts in their order; the first failure stops. True when everything went. */
export async function send(drafts: Draft[], subject: string): Promise<boolean> {
  const due = drafts.filter((draft) => draft.changed.length)
  if (!(await confirmed(due, subject))) return false
  for (const draft of due) {
    try {
      if (!(await agreed(draft))) return false
    } catch (error) {
      const failure = error as ApiError
      say('failed', t('send.failed', { what: maybe(`resource.${draft.resource.id}`, draft.resource.id) }), [failure.des || t('error.unreachable')])
      return false
    }
    draft.save()
    if (draft.changed.length && !(await sendOne(draft))) return false
  }
  return true
}
