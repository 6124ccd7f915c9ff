// Stored rows of a meter as one kind of table (#69, #73, #77), whichever form their items have (GD-34).
import { nameLabel } from './catalogue.svelte'
import { profileStatus, rowStatus } from './codes'
import { civil, number } from './format'
import { t } from './words.svelte'
import type { Model } from './drafts.svelte'

export type Kind = 'previous' | 'profile' | 'demand'
export const PATHS: Record<Kind, string> = { previous: 'previousvalues', profile: 'loadprofiles', demand: 'demand' }
export const CLEAR: Record<Kind, number> = { previous: 72, profile: 76, demand: 80 }

export interface Cell {
  text: string
  raw: string
  good: boolean
  note: string
}
export interface Stored {
  columns: { label: string; unit: string }[]
  rows: { time: string; cells: Cell[] }[]
}

const pairs = (mapping: Model): [string, string][] => (Array.isArray(mapping?.[0]) ? mapping : mapping?.length ? [mapping] : [])

function cell(value: Model, status: { good: boolean; text: string }): Cell {
  const none = value === null || value === undefined || value === 4294967295
  const raw = none ? '' : String(value)
  return { text: none ? '–' : number(raw), raw, good: status.good, note: status.good ? '' : status.text }
}

export function decoded(kind: Kind, document: Model): Stored {
  const mapping = pairs(document.mapping)
  const columns = mapping.map(([name, unit]) => ({ label: nameLabel(name), unit: unit ?? '' }))
  const items: Model[] = document.items ?? []
  return { columns, rows: items.map(ROWS[kind]) }
}

const ROWS: Record<Kind, (item: Model) => Stored['rows'][number]> = {
  profile: (item) => ({ time: item.timestamp, cells: [cell(item.value, profileStatus(item.status))] }),
  previous: (item) => ({
    time: item.time,
    cells: item.values.map(([status, value]: [number, Model]) => cell(value, rowStatus(status))),
  }),
  demand: (item) => ({
    time: item.time,
    cells: item.values.map(([status, value, when, level]: [number, Model, string, number]) => {
      const one = cell(value, rowStatus(status))
      return one.raw ? { ...one, note: [one.note, t('rows.at', { time: civil(when), level })].filter(Boolean).join(' · ') } : one
    }),
  }),
}

/** Head and rows for a file. */
export function table({ columns, rows }: Stored): string[][] {
  return [
    [t('rows.time'), ...columns.flatMap(({ label, unit }) => [`${label}${unit ? ` [${unit}]` : ''}`, t('rows.status')])],
    ...rows.map((row) => [row.time, ...row.cells.flatMap((one) => [one.raw, one.note || t('rows.good')])]),
  ]
}
