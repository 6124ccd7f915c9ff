// Meter, General settings: transformer ratio, tariff, resettable registers, conversion factors, clock.
import { meterPath } from '../lib/api'
import { differences, same, type Model, type Resource } from '../lib/drafts.svelte'
import type { Field } from '../lib/fields'
import { meterOf } from '../lib/site.svelte'
import { hours, months, named, occurrences, tariffs, weekdays } from './options'

const write = (serial: string, path: string, body: unknown) => ({ method: 'POST' as const, path: meterPath(serial, path), body })
const only = (source: Model, names: string[]): Model => Object.fromEntries(names.filter((name) => name in source).map((name) => [name, source[name]]))

const RATIO = ['ctnum', 'ctdenum', 'vtnum', 'vtdenum']
export const ratio: Resource = {
  id: 'ratio',
  number: 48,
  path: (serial) => meterPath(serial, 'info'),
  read: (document) => only(document.ratio ?? {}, RATIO),
  requests: (_, edited, serial) => [write(serial, 'transformersettings', { serial, ...edited })],
  fields: RATIO.map((name): Field => ({ name, kind: 'int', min: 1, max: 999999, when: (row) => name in row })),
}

const INPUTS = ['input1', 'input2', 'input3', 'input4']
const inputs = (edited: Model, count: number): number[] => INPUTS.slice(0, count).map((name) => edited[name])
export const tariff: Resource = {
  id: 'tariff',
  number: 82,
  path: (serial) => meterPath(serial, 'tariff'),
  // With another source the active tariff changes by itself: then it is shown, not edited.
  read: (document) => ({
    source: document.source,
    tariff: document.source === 1 ? document.tariff : '',
    ...Object.fromEntries(INPUTS.map((name, index) => [name, document.inputconfig?.[index] ?? index + 1])),
  }),
  requests: (base, edited, serial) => {
    const body: Model = {}
    if (base.source !== edited.source || edited.source === 2) body.source = edited.source
    if (edited.source === 1 && edited.tariff !== '' && edited.tariff !== base.tariff) body.tariff = edited.tariff
    if (edited.source === 2) body.inputconfig = inputs(edited, 4)
    return [write(serial, 'tariff', body)]
  },
  fields: [
    {
      name: 'source',
      kind: 'choice',
      options: ({ serial, model }) => {
        const has = meterOf(serial)?.resources ?? []
        const possible = [has.includes(84) ? 0 : -1, 1, has.includes(67) ? 2 : -1].filter((source) => source >= 0)
        return named('source', [...new Set([...possible, model.source])])
      },
    },
    { name: 'tariff', kind: 'choice', options: tariffs, optional: true, when: (row) => row.source === 1 },
    ...INPUTS.map((name): Field => ({ name, kind: 'choice', options: tariffs, when: (row) => row.source === 2 })),
  ],
}

const REGISTERS = ['activeimport', 'activeexport', 'reactiveimport', 'reactiveexport']
export const resettable: Resource = {
  id: 'resettable',
  number: 57,
  path: (serial) => meterPath(serial, 'energy/resettable'),
  read: (document) => Object.fromEntries(REGISTERS.filter((name) => name in document.resettableenergy).map((name) => [name, false])),
  requests: (_, edited, serial) => [
    write(serial, 'energy/resettable', { resettableenergy: Object.fromEntries(Object.entries(edited).filter(([, wanted]) => wanted)) }),
  ],
  question: () => 'question.resettable',
  fields: REGISTERS.map((name): Field => ({ name, kind: 'yes', when: (row) => name in row })),
  orders: REGISTERS,
}

const FACTORS: [string, number][] = [
  ['co2', 9.999],
  ['currency', 999999],
]
export const factors: Resource = {
  id: 'factors',
  number: 45,
  path: (serial) => meterPath(serial, 'energy/conversionfactor'),
  read: ({ conversionfactor }) => Object.fromEntries(Object.entries<Model>(conversionfactor).map(([name, value]) => [name, value[0] ?? ''])),
  requests: (base, edited, serial) => {
    const changed = differences(base, edited)
    return [write(serial, 'energy/conversionfactor', { conversionfactor: Object.fromEntries(changed.map((name) => [name, Number(edited[name])])) })]
  },
  fields: FACTORS.map(([name, below]): Field => ({ name, kind: 'decimal', min: 0, below, places: 3, when: (row) => name in row })),
}

const RULE = ['month', 'day', 'week', 'hour']
const flat = (end: string, rule: Model): Model => Object.fromEntries(RULE.map((name) => [`${end}${name}`, rule?.[name] ?? '']))
const ruleOf = (end: string, edited: Model): Model => Object.fromEntries(RULE.map((name) => [name, edited[`${end}${name}`]]))
const options = { month: months, day: weekdays, week: occurrences, hour: hours }
export const clock: Resource = {
  id: 'clock',
  number: 42,
  path: (serial) => meterPath(serial, 'datetime'),
  read: (document) => ({ datetime: '', dstenable: document.dstenable ?? false, ...flat('start', document.dststart), ...flat('end', document.dstend) }),
  // A new rule for summer time takes a time along: then it is the meter's own, just read.
  requests: (base, edited, serial, document) => {
    const body: Model = { datetime: edited.datetime || document.datetime }
    const rule = (model: Model) => ({ ...model, datetime: '' })
    if (!same(rule(base), rule(edited))) {
      body.dstenable = edited.dstenable
      if (edited.dstenable) Object.assign(body, { dststart: ruleOf('start', edited), dstend: ruleOf('end', edited) })
    }
    return [write(serial, 'datetime', body)]
  },
  fields: [
    { name: 'datetime', kind: 'datetime', optional: true },
    { name: 'dstenable', kind: 'yes' },
    ...(['start', 'end'] as const).flatMap((end) =>
      RULE.map((name): Field => ({ name: `${end}${name}`, kind: 'choice', options: options[name as keyof typeof options], when: (row) => row.dstenable })),
    ),
  ],
  orders: ['datetime'],
}
