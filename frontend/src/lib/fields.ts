// What a field may hold. One row describes one member; forms and lists are drawn from rows.
import { isDecimal } from './decimal'
import { t, type Word } from './words.svelte'
import type { Model } from './drafts.svelte'

export interface Option {
  value: string | number
  label: string
}
/** What options may depend on: the meter, and the whole draft. */
export interface Context {
  serial: string
  model: Model
}
export interface Field {
  name: string
  /** Key of its label; default `field.NAME`. */
  label?: Word
  kind: 'int' | 'decimal' | 'text' | 'choice' | 'yes' | 'time' | 'datetime' | 'ip'
  min?: number
  max?: number
  /** A decimal must be below this. */
  below?: number
  places?: number
  /** Characters of a text. */
  length?: number
  pattern?: RegExp
  unit?: string
  options?: (context: Context) => Option[]
  /** Shown only if. */
  when?: (row: Model, context: Context) => boolean
  /** A problem that this row has beyond its kind. */
  check?: (value: Model, row: Model, context: Context) => string | null
  optional?: boolean
}

const IP = /^(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}$/
const DATETIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/

/** What is wrong with a value, or null. */
export function problem(field: Field, row: Model, context: Context): string | null {
  if (field.when && !field.when(row, context)) return null
  const value = row?.[field.name]
  if (value === '' || value === null || value === undefined) return field.optional || field.kind === 'yes' ? null : t('problem.missing')
  return KINDS[field.kind](field, value, context) ?? field.check?.(value, row, context) ?? null
}

const KINDS: Record<Field['kind'], (field: Field, value: Model, context: Context) => string | null> = {
  int: (field, value) => {
    const { min = 0, max = Number.MAX_SAFE_INTEGER } = field
    return Number.isInteger(value) && value >= min && value <= max ? null : t('problem.range', { min, max })
  },
  decimal: (field, value) => {
    const text = String(value)
    const places = text.split('.')[1]?.length ?? 0
    if (!isDecimal(text) || places > (field.places ?? 3)) return t('problem.decimal', { places: field.places ?? 3 })
    if (Number(text) < (field.min ?? -Infinity)) return t('problem.at-least', { min: field.min ?? 0 })
    return field.below !== undefined && Number(text) >= field.below ? t('problem.below', { limit: field.below }) : null
  },
  text: (field, value) => {
    if (field.length !== undefined && [...String(value)].length > field.length) return t('problem.length', { length: field.length })
    return field.pattern && !field.pattern.test(String(value)) ? t('problem.form') : null
  },
  choice: (field, value, context) =>
    field.options?.(context).some((option) => option.value === value) === false ? t('problem.choice') : null,
  yes: () => null,
  time: (_, value) => (/^([01]\d|2[0-3]):[0-5]\d$/.test(String(value)) ? null : t('problem.form')),
  datetime: (_, value) => (DATETIME.test(String(value)) ? null : t('problem.form')),
  ip: (_, value) => (IP.test(String(value)) ? null : t('problem.ip')),
}

/** How a value of a field reads in a table. */
export function shown(field: Field, row: Model, context: Context): string {
  if (field.when && !field.when(row, context)) return ''
  const value = row?.[field.name]
  if (value === '' || value === null || value === undefined) return '–'
  if (field.kind === 'yes') return t(value ? 'value.yes' : 'value.no')
  const option = field.options?.(context).find((one) => one.value === value)
  return option?.label ?? (field.unit ? `${value} ${field.unit}` : String(value))
}
