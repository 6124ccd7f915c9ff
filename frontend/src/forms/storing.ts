// Meter: what is stored at intervals. Changing what is stored erases what was stored.
import { meterPath } from '../lib/api'
import { same, type Model, type Resource } from '../lib/drafts.svelte'
import { t } from '../lib/words.svelte'
import { DEMAND_INTERVALS, durations, INTERVALS, named, numbered, periods, quantities, weekdays } from './options'

const post = (serial: string, path: string, body: unknown) => ({ method: 'POST' as const, path: meterPath(serial, path), body })
const rows = (name: string) => (model: Model): number[] => (model?.[name] ?? []).map((row: Model) => row.quantity)
const first = (options: { value: string | number }[], taken: Model[] = []): string | number =>
  (options.find((option) => !taken.includes(option.value)) ?? options[0])?.value ?? ''

const PERIOD = [
  { name: 'period', kind: 'choice' as const, options: periods },
  { name: 'weekday', kind: 'choice' as const, options: weekdays, when: (row: Model) => row.period === 'weekly' },
]

const previousQuantities = quantities('pv', rows('channels'))
export const previous: Resource = {
  id: 'previous',
  number: 71,
  path: (serial) => meterPath(serial, 'previousvalues/configuration'),
  read: (document) => ({
    period: document.interval,
    weekday: document.weekday ?? 1,
    channels: (document.pvconfig ?? []).map((quantity: number) => ({ quantity })),
  }),
  requests: (_, edited, serial) => [
    post(serial, 'previousvalues/configuration', {
      interval: edited.period,
      ...(edited.period === 'weekly' ? { weekday: edited.weekday } : {}),
      pvconfig: edited.channels.map((row: Model) => row.quantity),
    }),
  ],
  question: () => 'question.previous',
  fields: PERIOD,
  list: {
    name: 'channels',
    max: 23,
    fields: [{ name: 'quantity', kind: 'choice', options: previousQuantities }],
    blank: (taken, context) => ({ quantity: first(previousQuantities(context), taken.map((row) => row.quantity)) }),
  },
  check: (model) => {
    const chosen = rows('channels')(model)
    return new Set(chosen).size === chosen.length ? null : t('problem.twice')
  },
}

const profileQuantities = quantities('lp', rows('channels'))
const used = (row: Model): boolean => row.interval > 0
/** Items over all channels. */
export const profileItems = (model: Model): number =>
  model.channels.reduce((total: number, row: Model) => total + (used(row) && Number.isInteger(row.items) ? row.items : 0), 0)
export const profile: Resource = {
  id: 'profile',
  number: 75,
  path: (serial) => meterPath(serial, 'loadprofiles/configuration'),
  read: (document) => ({
    channels: Array.from({ length: 8 }, (_, index) => {
      const [interval = 0, quantity = 0, items = 0] = document.lpconfig?.[index] ?? []
      return { interval, quantity, items }
    }),
  }),
  requests: (_, edited, serial) => {
    const last = edited.channels.map(used).lastIndexOf(true)
    const lpconfig = edited.channels.slice(0, last + 1).map((row: Model) => (used(row) ? [row.interval, row.quantity, row.items] : [0, 0, 0]))
    return [post(serial, 'loadprofiles/configuration', { lpconfig })]
  },
  question: () => 'question.profile',
  list: {
    name: 'channels',
    max: 8,
    fixed: true,
    fields: [
      { name: 'interval', kind: 'choice', options: () => [{ value: 0, label: t('value.unused') }, ...durations(INTERVALS)] },
      { name: 'quantity', kind: 'choice', options: profileQuantities, when: used },
      { name: 'items', kind: 'int', min: 1, max: 40000, when: used },
    ],
  },
  check: (model) => (profileItems(model) <= 40000 ? null : t('problem.items')),
}

const demandQuantities = quantities('dm', rows('channels'))
/** Only sub-intervals that divide the interval (G-453). */
export const subIntervals = (interval: number): number[] => DEMAND_INTERVALS.filter((sub) => sub <= interval && interval % sub === 0)
export const demand: Resource = {
  id: 'demand',
  number: 79,
  path: (serial) => meterPath(serial, 'demand/configuration'),
  read: (document) => ({
    interval: document.interval?.[0] ?? 900,
    subinterval: document.interval?.[1] ?? 60,
    period: document.period ?? 'daily',
    weekday: document.weekday ?? 1,
    channels: (document.dmc ?? []).map(([quantity, code]: [number, number]) => ({
      quantity,
      extreme: code & 4 ? 'max' : 'min',
      level: code & 3,
      block: code & 8 ? 2 : 1,
    })),
  }),
  requests: (_, edited, serial) => [
    post(serial, 'demand/configuration', {
      dmc: edited.channels.map((row: Model) => [row.quantity, row.level + (row.extreme === 'max' ? 4 : 0) + (row.block === 2 ? 8 : 0)]),
      interval: [edited.interval, edited.subinterval],
      period: edited.period,
      ...(edited.period === 'weekly' ? { weekday: edited.weekday } : {}),
    }),
  ],
  question: () => 'question.demand',
  fields: [
    { name: 'interval', kind: 'choice', options: () => durations(DEMAND_INTERVALS) },
    { name: 'subinterval', kind: 'choice', options: ({ model }) => durations(subIntervals(model.interval)) },
    ...PERIOD,
  ],
  list: {
    name: 'channels',
    max: 50,
    fields: [
      { name: 'quantity', kind: 'choice', options: demandQuantities },
      { name: 'extreme', kind: 'choice', options: () => named('extreme', ['min', 'max']) },
      { name: 'level', kind: 'choice', options: () => numbered(1, 3) },
      { name: 'block', kind: 'choice', options: () => named('block', [1, 2]) },
    ],
    blank: (_, context) => ({ quantity: first(demandQuantities(context)), extreme: 'max', level: 1, block: 1 }),
  },
  check: (model) => {
    const seen = model.channels.map((row: Model) => JSON.stringify(row))
    return seen.every((one: string, index: number) => !seen.slice(index + 1).some((two: string) => same(one, two))) ? null : t('problem.twice')
  },
}
