// Values, times and sizes as a reader wants them, in the language of the page.
import { isDecimal, rounded, shifted } from './decimal'
import { current } from './words.svelte'

/** A decimal text with the separators of the language. */
export function number(text: string): string {
  if (!isDecimal(text)) return text
  const [whole = '', fraction] = text.split('.')
  const negative = whole.startsWith('-')
  const digits = whole.replace('-', '')
  const grouped = digits.length > 4 ? digits.replace(/\B(?=(\d{3})+$)/g, '\u202f') : digits
  return `${negative ? '−' : ''}${grouped}${fraction === undefined ? '' : (current() === 'de' ? ',' : '.') + fraction}`
}

/** Value and unit as shown: energies in kWh, large powers in kW. */
export function scaled(value: string, unit: string | null): [string, string] {
  if (unit && /^(Wh|varh|VAh)$/.test(unit)) return [shifted(value, -3) ?? value, `k${unit}`]
  if (unit === 'KG') return [value, 'kg']
  if (unit && /^(W|var|VA)$/.test(unit) && Math.abs(Number(value)) >= 10000) return [rounded(shifted(value, -3) ?? value, 2), `k${unit}`]
  return [value, unit ?? '']
}

export function quantity(value: string | null | undefined, unit: string | null): string {
  if (value === null || value === undefined) return '–'
  const [text, shown] = scaled(value, unit)
  return shown ? `${number(text)}\u00a0${shown}` : number(text)
}

const locale = (): string => (current() === 'de' ? 'de-DE' : 'en-GB')

/** A local time of the gateway or a meter, `2026-11-30T12:00:00`, as it is: no zone is applied. */
export function civil(text: string | undefined | null): string {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d(?::\d\d)?)/.exec(text ?? '')
  if (!match) return text ?? ''
  const [, year, month, day, time] = match
  return current() === 'de' ? `${day}.${month}.${year} ${time}` : `${year}-${month}-${day} ${time}`
}

/** An instant (ISO with zone, or milliseconds) in the zone of the reader. */
export function instant(value: string | number | null | undefined): string {
  if (value === null || value === undefined || value === '') return ''
  const date = new Date(value)
  if (Number.isNaN(date.getTime())) return String(value)
  return new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeStyle: 'medium' }).format(date)
}

export function bytes(size: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let step = 0
  while (size >= 1024 && step < units.length - 1) {
    size /= 1024
    step += 1
  }
  return `${number(size.toFixed(step ? 1 : 0))} ${units[step]}`
}

/** An age in the largest fitting unit. */
export function age(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`
  return seconds < 172800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} d`
}

const two = (value: number): string => String(value).padStart(2, '0')

/** The time of this computer as a local time of the interface. */
export function civilNow(date = new Date()): string {
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** Civil time as seconds, read as if it were UTC: for axes and differences only. */
export const civilSeconds = (text: string): number => Date.parse(`${text}Z`) / 1000
export const secondsCivil = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 19)
