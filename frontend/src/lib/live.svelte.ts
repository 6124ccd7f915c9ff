// Values as they come (G-407): server-sent events over fetch, because that tells a session that ended from a line
// that broke. What is watched is the union of what the open parts of the page want.
import { untrack } from 'svelte'
import { modernPath, get } from './api'
import { recognise, session } from './session.svelte'
import { loadSite, site } from './site.svelte'

export interface LiveValue {
  value: string | null
  unit: string | null
  obis?: string
  quality: string
  time: string
}
export type Values = Record<string, LiveValue>

/** `live`: the stream flows. `since`: when it last did. `now` ticks once a second. */
export const live = $state<{ live: boolean; since: number; now: number; values: Record<string, Values> }>({
  live: false,
  since: Date.now(),
  now: Date.now(),
  values: {},
})

const wanted = new Map<symbol, string[]>()
const listeners = new Set<(event: unknown) => void>()
let running: AbortController | null = null
let delay = 1000
let timer = 0

setInterval(() => {
  live.now = Date.now()
  if (live.live) live.since = live.now
}, 1000)

/** Values of these meters from now on; call the result to stop. The last ones come at once. */
export function watch(serials: string[]): () => void {
  const key = Symbol()
  wanted.set(key, serials)
  for (const serial of serials) {
    // Whoever watches does so in an effect, which must not run again because a value comes.
    if (!untrack(() => live.values[serial]))
      get<{ values: Values }>(modernPath(serial, 'latest'))
        .then((answer) => (live.values[serial] = { ...answer.values, ...live.values[serial] }))
        .catch(() => null)
  }
  restart()
  return () => {
    wanted.delete(key)
    restart()
  }
}

/** Gateway events as they happen. */
export function onEvent(call: (event: unknown) => void): () => void {
  listeners.add(call)
  return () => listeners.delete(call)
}

/** A changed set of meters restarts the stream; changes in one go (a page replaces another) make one restart. */
function restart(): void {
  clearTimeout(timer)
  timer = window.setTimeout(() => {
    running?.abort()
    running = null
    delay = 1000
    if (wanted.size) void follow()
  }, 50)
}

async function follow(): Promise<void> {
  const control = new AbortController()
  running = control
  const serials = [...new Set([...wanted.values()].flat())]
  const query = serials.map((serial) => `serial=${encodeURIComponent(serial)}`).join('&')
  try {
    const answer = await fetch(`/api/v1/live?${query}`, { signal: control.signal, headers: { Accept: 'text/event-stream' }, cache: 'no-store' })
    if (answer.status === 401) session.ended = session.me !== null
    // A right was taken away, or a meter: look again at what there is.
    if (answer.status === 403) await Promise.all([recognise(), loadSite()]).catch(() => null)
    if (answer.ok && answer.body) await read(answer.body)
  } catch {
    // broken: try again below
  }
  if (control.signal.aborted) return
  live.live = false
  running = null
  await new Promise((resolve) => setTimeout(resolve, delay))
  delay = Math.min(30000, delay * 2)
  if (running === null && wanted.size && !session.ended) void follow()
}

/** Take up the stream again after a new login. */
export function resume(): void {
  if (!running && wanted.size) restart()
}

async function read(body: ReadableStream<Uint8Array>): Promise<void> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return
    live.live = true
    live.since = Date.now()
    delay = 1000
    text += decoder.decode(value, { stream: true }).replaceAll('\r', '')
    let end: number
    while ((end = text.indexOf('\n\n')) >= 0) {
      dispatch(text.slice(0, end))
      text = text.slice(end + 2)
    }
  }
}

function dispatch(block: string): void {
  let event = 'message'
  const data: string[] = []
  for (const line of block.split('\n')) {
    if (line.startsWith('event:')) event = line.slice(6).trim()
    else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''))
  }
  if (!data.length) return
  let body: { serial?: string; values?: Values; status?: number }
  try {
    body = JSON.parse(data.join('\n'))
  } catch {
    return
  }
  if (event === 'values' && body.serial) live.values[body.serial] = { ...live.values[body.serial], ...body.values }
  else if (event === 'status' && body.serial) {
    const meter = site.meters.find((one) => one.serial === body.serial)
    if (meter && typeof body.status === 'number') meter.status = body.status
    else void loadSite().catch(() => null)
  } else if (event === 'gateway') for (const call of listeners) call(body)
}

/** Older than this a value is stale even if the stream flows: the slowest routine poll is 60 s. */
const STALE = 150_000

/** The age in ms if the value is stale, else null. */
export function staleness(value: LiveValue, serial: string): number | null {
  const old = live.now - Date.parse(value.time)
  const offline = site.meters.find((meter) => meter.serial === serial)?.status === -1
  return old > STALE || ((offline || !live.live) && old > 5000) ? old : null
}
