// OCMF time stamps, `2022-07-08T10:05:52,000+0200 S`, and times for display. Specification, 0.6 and 1.8.
import type { Time } from './records'

const EXACT = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d),(\d{3})([+-])(\d\d)(\d\d) ([UISR])$/
const TOLERATED = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)[,.](\d{3})(?:([+-])(\d\d):?(\d\d)|[Zz])(?: ([UISR]))?$/

export interface Stamp {
  time: Time | null
  clock: string | null
  exact: boolean
}
export const UNREADABLE: Stamp = { time: null, clock: null, exact: false }

/** Days since 1970 of a date of the calendar, `null` if there is no such date. */
export function days(year: number, month: number, day: number): number | null {
  if (year < 1 || month < 1 || month > 12 || day < 1) return null
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? date.getTime() / 86_400_000 : null
}

export function parse(text: string): Stamp {
  if (text.length > 40 || text.endsWith('\n')) return UNREADABLE
  let match = EXACT.exec(text)
  const exact = match !== null
  match ??= TOLERATED.exec(text)
  if (!match) return UNREADABLE
  const [year, month, day, hours, minutes, seconds, milliseconds] = match.slice(1, 8).map(Number) as [
    number, number, number, number, number, number, number,
  ]
  const sign = match[8]
  const zoneMinutes = Number(match[10] ?? 0)
  let offset = sign ? Number(match[9]) * 60 + zoneMinutes : 0
  const date = days(year, month, day)
  if (date === null || hours > 23 || minutes > 59 || seconds > 60 || offset >= 1440 || zoneMinutes > 59) return UNREADABLE
  if (sign === '-') offset = -offset
  const instant = date * 86400 + hours * 3600 + minutes * 60 + seconds - offset * 60
  return { time: { seconds: instant, offset: offset || 0, milliseconds, utc: false }, clock: match[11] ?? 'U', exact }
}

const two = (value: number): string => String(value).padStart(2, '0')
export const zone = (offset: number): string => {
  const size = Math.abs(offset)
  return `${offset < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`
}

/** ISO 8601 with the source's offset, `Z`, or no zone at all. */
export function timeText(time: Time | null): string | null {
  if (!time) return null
  const local = new Date((time.seconds + 60 * (time.offset ?? 0)) * 1000)
  const year = local.getUTCFullYear()
  if (!(year >= 1 && year <= 9999)) return null
  const date = `${String(year).padStart(4, '0')}-${two(local.getUTCMonth() + 1)}-${two(local.getUTCDate())}`
  const fraction = time.milliseconds ? `.${String(time.milliseconds).padStart(3, '0')}` : ''
  const clock = `${two(local.getUTCHours())}:${two(local.getUTCMinutes())}:${two(local.getUTCSeconds())}${fraction}`
  return `${date}T${clock}${time.utc ? 'Z' : time.offset === null ? '' : zone(time.offset)}`
}

export const instant = (time: Time): number => time.seconds * 1000 + time.milliseconds

const DATE = /^(\d{4})(-?)(\d\d)\2(\d\d)/
const CLOCK = /^(\d\d)(?:(:?)(\d\d)(?:\2(\d\d)(?:[.,](\d+))?)?)?$/

/** Milliseconds and offset in seconds of an ISO 8601 text with a zone, as Python reads it; `null` for everything else. */
export function isoInstant(text: string): { milliseconds: number; offset: number } | null {
  const date = DATE.exec(text)
  const day = date && days(Number(date[1]), Number(date[3]), Number(date[4]))
  if (!date || day === null || text.length < date[0].length + 2) return null
  const rest = text.slice(date[0].length + 1)
  const at = rest.search(/[+\-Z]/)
  if (at < 0) return null
  const clock = clockSeconds(rest.slice(0, at))
  const marked = rest.slice(at)
  const offset = marked === 'Z' ? 0 : marked[0] === 'Z' ? null : clockSeconds(marked.slice(1))
  if (clock === null || offset === null || offset >= 86_400 || !Number.isInteger(clock * 1000)) return null
  const signed = marked[0] === '-' ? -offset : offset
  return { milliseconds: (day * 86_400 + clock - signed) * 1000, offset: signed || 0 }
}

function clockSeconds(text: string): number | null {
  const match = CLOCK.exec(text)
  if (!match) return null
  const [hours, minutes, seconds] = [match[1], match[3] ?? 0, match[4] ?? 0].map(Number) as [number, number, number]
  if (hours > 23 || minutes > 59 || seconds > 59) return null
  return hours * 3600 + minutes * 60 + seconds + Number(`0.${(match[5] ?? '0').slice(0, 6)}`)
}
