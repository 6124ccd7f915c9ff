// The closed lists of the interface (g13-api.md section 5) as options of fields.
import { catalogue, quantityName, type Storable } from '../lib/catalogue.svelte'
import type { Context, Option } from '../lib/fields'
import { meterOf } from '../lib/site.svelte'
import { maybe, t } from '../lib/words.svelte'

const numbered = (from: number, to: number, label: (n: number) => string = String): Option[] =>
  Array.from({ length: to - from + 1 }, (_, index) => ({ value: from + index, label: label(from + index) }))

const named = (prefix: string, values: (string | number)[]): Option[] =>
  values.map((value) => ({ value, label: maybe(`${prefix}.${value}`, String(value)) }))

/** The demand of an energy is its mean power; the list of #29 has lost these ids (4.2). */
const DEMANDED = [1, 21, 33].flatMap((first) => Array.from({ length: 8 }, (_, index) => first + index))

/** Quantities that can be stored in one way and that the meter has. A quantity already chosen stays choosable. */
export function quantities(kind: Storable, chosen: (model: Context['model']) => number[]): (context: Context) => Option[] {
  return ({ serial, model }) => {
    const has = meterOf(serial)?.quantities ?? []
    const ids = [...(kind === 'dm' ? DEMANDED : []), ...catalogue.storable[kind]].filter((id) => !has.length || has.includes((catalogue.names[id] ?? '').toLowerCase()))
    return [...new Set([...ids, ...chosen(model).filter((id) => id > 0)])].map((value) => ({ value, label: quantityName(value) }))
  }
}

export const INTERVALS = [60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400]
export const DEMAND_INTERVALS = [60, 120, 180, 300, 600, 900, 1800, 3600]

export function duration(seconds: number): string {
  if (seconds % 86400 === 0) return t('time.days', { n: seconds / 86400 })
  if (seconds % 3600 === 0) return t('time.hours', { n: seconds / 3600 })
  return seconds % 60 === 0 ? t('time.minutes', { n: seconds / 60 }) : t('time.seconds', { n: seconds })
}

export const durations = (seconds: number[]): Option[] => seconds.map((value) => ({ value, label: duration(value) }))
export const weekdays = (): Option[] => numbered(1, 7, (n) => maybe(`weekday.${n}`, String(n)))
export const months = (): Option[] => numbered(1, 12, (n) => maybe(`month.${n}`, String(n)))
export const hours = (): Option[] => numbered(0, 23, (n) => `${String(n).padStart(2, '0')}:00`)
export const periods = (): Option[] => named('period', ['daily', 'weekly', 'monthly'])
export const tariffs = (): Option[] => numbered(1, 4, (n) => t('tariff.number', { n }))
export const ports = (): Option[] => numbered(1, 4)
export const outputs = (): Option[] => [{ value: 0, label: t('value.none') }, ...ports()]
export const occurrences = (): Option[] => [...numbered(1, 5, (n) => t('time.nth', { n })), { value: 254, label: t('time.last') }]
export const ioFunctions = (): Option[] => named('io', [0, 1, 2, 3, 4, 5, 6])
export const pulseEnergies = (): Option[] => named('pulse', [0, 1, 2, 3, 4])
export const tariffActions = (): Option[] => numbered(1, 12, (n) => maybe(`action.${n}`, String(n)))
export const dayProfiles = (): Option[] => numbered(1, 16, (n) => t('tariff.day-profile', { n }))
export { named, numbered }
