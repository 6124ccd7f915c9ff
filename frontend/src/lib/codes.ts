// Numbers of the interface in words (g13-api.md section 5).
import { maybe, t } from './words.svelte'

export const eventName = (id: number): string => maybe(`event.${id}`, t('event.unknown', { id }))
export const categoryName = (category: number): string => maybe(`category.${category}`, String(category))

/** A log id or a status flag's number: errors below 1000, warnings, information from 2000, a DMED4's own from 3000. */
export function logName(id: number): string {
  const bit = id % 1000
  if (id >= 3000) return t('log.device', { n: id - 3000 })
  if (id >= 2013 && id <= 2037) return t('log.alarm', { n: bit - 12 })
  if (id >= 43 && id <= 50) return t('log.specific', { n: bit - 42 })
  return maybe(`log.${id}`, `#${id}`)
}

const bitNames = (status: number, names: string[]): string[] => names.filter((_, bit) => status & (1 << bit))

/** Status of a load profile value (5.6): words, and whether it is plainly good. */
export function profileStatus(status: number): { good: boolean; text: string } {
  if (!(status & 1)) return { good: false, text: t('rows.absent') }
  const found = bitNames(status >> 1, ['rows.restart', 'rows.long', 'rows.short', 'rows.clock', 'rows.bad'])
  return { good: status === 1, text: found.map((word) => maybe(word, word)).join(', ') || t('rows.good') }
}

/** Status of a previous value or a demand value: data error first, then absence, then power off (5.6). */
export function rowStatus(status: number): { good: boolean; text: string } {
  if (status & 2) return { good: false, text: t('rows.error') }
  if (!(status & 1)) return { good: false, text: t('rows.absent') }
  return status & 4 ? { good: false, text: t('rows.power-off') } : { good: true, text: t('rows.good') }
}

/** A flag as #50 spells it, in the reader's language where it is known. */
export function flagName(text: string): string {
  const alarm = /^Alarm(\d+) Active$/.exec(text)
  if (alarm) return t('log.alarm', { n: alarm[1]! })
  return maybe(`flag.${text.toLowerCase().replaceAll(' ', '-').replaceAll('_', '-')}`, text)
}
