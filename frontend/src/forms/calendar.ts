// Meter, Tariff: day, week, season and special day profiles (#83 to #90).
import { meterPath } from '../lib/api'
import { differences, type Model, type Resource } from '../lib/drafts.svelte'
import type { Context, Field } from '../lib/fields'
import { t } from '../lib/words.svelte'
import { dayProfiles, months, named, numbered, weekdays } from './options'

const post = (serial: string, path: string, body: unknown) => ({ method: 'POST' as const, path: meterPath(serial, path), body })
const changedRows = (base: Model, edited: Model, list: string): Model[] =>
  differences(base, edited)
    .map((path) => edited[list][Number(path.split('.')[1])])
    .filter(Boolean)

const byTime = (left: Model, right: Model): number => left.time.localeCompare(right.time)
export const days: Resource = {
  id: 'days',
  number: 84,
  path: (serial) => meterPath(serial, 'tariff/dayprofiles'),
  read: (document) => ({
    profiles: document.dayprofiles.map((row: Model) => ({
      profile: row.profile,
      actions: row.actions.map(([action, time]: [number, string]) => ({ action, time })),
    })),
  }),
  requests: (base, edited, serial) =>
    changedRows(base, edited, 'profiles').map((row) =>
      post(serial, 'tariff/dayprofiles', { actions: row.actions.map((one: Model) => [one.action, one.time]), profile: row.profile }),
    ),
  check: (model) => {
    for (const row of model.profiles) {
      if (!row.actions.length) return t('problem.no-switch-point', { n: row.profile })
      const times = row.actions.map((one: Model) => `${one.time} ${one.action}`)
      if (row.actions.some((one: Model) => !/^([01]\d|2[0-3]):[0-5]\d$/.test(one.time))) return t('problem.form')
      if (new Set(times).size < times.length) return t('problem.twice')
    }
    return null
  },
}
export { byTime }

export const WEEK = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
/** Ids of the day profiles that this page knows, for weeks and special days: the draft of the first tab. */
export const known: { days: (context: Context) => number[]; weeks: (context: Context) => string[] } = {
  days: () => [],
  weeks: () => [],
}
const knownDay = (value: number, _: Model, context: Context): string | null =>
  known.days(context).includes(value) ? null : t('problem.unknown-day', { n: value })
export const weeks: Resource = {
  id: 'weeks',
  number: 86,
  path: (serial) => meterPath(serial, 'tariff/weekprofiles'),
  read: (document) => ({
    weeks: document.weekprofiles.map((row: Model) => ({
      profile: row.profile,
      ...Object.fromEntries(WEEK.map((name, index) => [name, row.dayid[index]])),
    })),
  }),
  requests: (_, edited, serial) => [
    post(serial, 'tariff/weekprofiles', {
      weekprofiles: edited.weeks.map((row: Model) => ({ dayid: WEEK.map((name) => row[name]), profile: row.profile })),
    }),
  ],
  list: {
    name: 'weeks',
    max: 4,
    fields: [
      { name: 'profile', label: 'field.name', kind: 'text', length: 29 },
      ...WEEK.map((name): Field => ({ name, kind: 'choice', options: dayProfiles, check: knownDay })),
    ],
    blank: (rows, context) => {
      const day = known.days(context)[0] ?? 1
      return { profile: `Week${rows.length + 1}`, ...Object.fromEntries(WEEK.map((name) => [name, day])) }
    },
  },
  check: (model) => (new Set(model.weeks.map((row: Model) => row.profile)).size === model.weeks.length ? null : t('problem.twice')),
}

const dates = () => [
  ...numbered(1, 31),
  { value: 253, label: t('time.last-but-one-day') },
  { value: 254, label: t('time.last-day') },
]
const anyOf = <T>(options: T[]) => [{ value: 255, label: t('value.any') }, ...options]
export const seasons: Resource = {
  id: 'seasons',
  number: 88,
  path: (serial) => meterPath(serial, 'tariff/seasonprofiles'),
  read: (document) => ({
    seasons: document.seasonprofiles.map((row: Model) => ({ profile: row.profile, month: row.month, day: row.day, weekprofile: row.weekprofile })),
  }),
  requests: (_, edited, serial) => [post(serial, 'tariff/seasonprofiles', { seasonprofiles: edited.seasons })],
  list: {
    name: 'seasons',
    max: 4,
    fields: [
      { name: 'profile', label: 'field.name', kind: 'text', length: 29 },
      { name: 'day', label: 'field.from-day', kind: 'choice', options: () => anyOf(dates()) },
      { name: 'month', label: 'field.from-month', kind: 'choice', options: () => anyOf(months()) },
      {
        name: 'weekprofile',
        kind: 'choice',
        options: (context) => [...new Set([...known.weeks(context), ...context.model.seasons.map((row: Model) => row.weekprofile)])].map((value) => ({ value, label: value })),
        check: (value, _, context) => (known.weeks(context).includes(value) ? null : t('problem.unknown-week', { name: value })),
      },
    ],
    blank: (rows, context) => ({ profile: `Season${rows.length + 1}`, day: 1, month: 1, weekprofile: known.weeks(context)[0] ?? '' }),
  },
}

export const specials: Resource = {
  id: 'specials',
  number: 90,
  path: (serial) => meterPath(serial, 'tariff/specialdayprofiles'),
  read: (document) => ({
    days: document.specialdayprofiles.map((row: Model) => ({
      profile: row.profile,
      ...row.date,
      dayprofile: row.dayprofile ?? row.dayprofileid,
    })),
  }),
  requests: (base, edited, serial) => [
    post(serial, 'tariff/specialdayprofiles', {
      specialdayprofiles: changedRows(base, edited, 'days').map((row) => ({
        date: { day: row.day, month: row.month, week: row.week, year: row.year },
        dayprofile: row.dayprofile,
        profile: row.profile,
      })),
    }),
  ],
  list: {
    name: 'days',
    max: 50,
    fields: [
      { name: 'day', kind: 'choice', options: () => anyOf(dates()) },
      { name: 'month', kind: 'choice', options: () => anyOf([...months(), ...named('month', [253, 254])]) },
      { name: 'week', label: 'field.weekday', kind: 'choice', options: () => anyOf(weekdays()) },
      { name: 'year', kind: 'choice', options: () => [{ value: 65535, label: t('value.any') }, ...numbered(2020, 2060)] },
      { name: 'dayprofile', kind: 'choice', options: dayProfiles, check: knownDay },
    ],
    blank: (rows, context) => {
      const profile = Array.from({ length: 50 }, (_, index) => index + 1).find((id) => !rows.some((row) => row.profile === id))
      return profile === undefined ? null : { profile, day: 1, month: 1, week: 255, year: 65535, dayprofile: known.days(context)[0] ?? 1 }
    },
  },
}
