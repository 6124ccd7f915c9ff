// Meter: inputs and outputs, pulse outputs, alarms.
import { meterPath } from '../lib/api'
import { differences, type Model, type Resource } from '../lib/drafts.svelte'
import { ioFunctions, outputs, ports, pulseEnergies, quantities } from './options'
import { meterOf } from '../lib/site.svelte'
import { t } from '../lib/words.svelte'

const post = (serial: string, path: string, body: unknown) => ({ method: 'POST' as const, path: meterPath(serial, path), body })
const changedRows = (base: Model, edited: Model, list: string): Model[] =>
  differences(base, edited).map((path) => edited[list][Number(path.split('.')[1])])

// Names as #64 spells them, `communiation_out` included; the place is the code of #67.
const FUNCTIONS = ['input', 'communiation_out', 'alarm_out', 'pulse_out', 'tariff_out', 'always_on', 'always_off']
export const functionCode = (name: string | number): number =>
  typeof name === 'number' ? name : FUNCTIONS.indexOf(name === 'communication_out' ? 'communiation_out' : name)
export const lines: Resource = {
  id: 'lines',
  number: 67,
  path: (serial) => meterPath(serial, 'io/configuration'),
  read: (document) => ({ lines: document.ioconfig.map((name: string | number) => ({ function: functionCode(name) })) }),
  requests: (base, edited, serial) => [
    post(serial, 'io/configuration', {
      ioconfig: edited.lines.map((row: Model, index: number) => (row.function === base.lines[index]?.function ? 255 : row.function)),
    }),
  ],
  list: { name: 'lines', max: 4, fixed: true, fields: [{ name: 'function', kind: 'choice', options: ioFunctions }] },
}

const ENERGIES = ['active_import', 'active_export', 'reactive_import', 'reactive_export', 'turned_off']
const energyCode = (value: string | number): number => {
  const code = typeof value === 'number' ? value : ENERGIES.indexOf(value)
  return code < 0 ? 255 : code
}
export const pulses: Resource = {
  id: 'pulses',
  number: 68,
  path: (serial) => meterPath(serial, 'io/pulse'),
  read: (document) => {
    // Ports that start at 0 come from an original (GD-11); ours tell by `id`.
    const zero = document.pulse.some((row: Model) => row.port === 0) ? 1 : 0
    return {
      outputs: document.pulse.map((row: Model, index: number) => ({
        id: row.id ?? index + 1,
        port: row.port === 255 ? 255 : row.port + zero,
        length: row.length,
        frequency: row.frequency,
        energytype: energyCode(row.energytype),
      })),
    }
  },
  requests: (base, edited, serial) => [post(serial, 'io/pulse', { pulse: changedRows(base, edited, 'outputs') })],
  list: {
    name: 'outputs',
    max: 4,
    fixed: true,
    fields: [
      { name: 'port', kind: 'choice', options: () => [{ value: 255, label: t('value.off') }, ...ports()] },
      { name: 'length', kind: 'int', min: 10, max: 990, unit: 'ms' },
      { name: 'frequency', kind: 'int', min: 0, max: 999999 },
      { name: 'energytype', kind: 'choice', options: pulseEnergies },
    ],
  },
}

const active = (row: Model): boolean => row.quantity !== 0
const alarmQuantities = quantities('ac', (model) => (model?.alarms ?? []).map((row: Model) => row.quantity))
const THRESHOLDS = ['onthreshold', 'offthreshold']
export const alarms: Resource = {
  id: 'alarms',
  number: 53,
  path: (serial) => meterPath(serial, 'alarms/configuration'),
  read: (document) => ({
    alarms: document.alarmconfig.map((row: Model) => ({
      id: row.id,
      quantity: row.quantity ?? 0,
      onthreshold: String(row.onthreshold ?? 0),
      ondelay: row.ondelay ?? 0,
      offthreshold: String(row.offthreshold ?? 0),
      offdelay: row.offdelay ?? 0,
      log: !!row.log,
      output: row.output >= 0 && row.output <= 4 ? row.output : 0,
    })),
  }),
  requests: (base, edited, serial) => [
    post(serial, 'alarms/configuration', {
      alarmconfig: changedRows(base, edited, 'alarms').map((row) =>
        active(row) ? { ...row, ...Object.fromEntries(THRESHOLDS.map((name) => [name, Number(row[name])])) } : { id: row.id },
      ),
    }),
  ],
  list: {
    name: 'alarms',
    max: 25,
    fixed: true,
    fields: [
      { name: 'quantity', kind: 'choice', options: (context) => [{ value: 0, label: t('value.unused') }, ...alarmQuantities(context)] },
      { name: 'onthreshold', kind: 'decimal', places: 6, when: active },
      { name: 'ondelay', kind: 'int', min: 0, max: 2 ** 31 - 1, unit: 's', when: active },
      { name: 'offthreshold', kind: 'decimal', places: 6, when: active },
      { name: 'offdelay', kind: 'int', min: 0, max: 2 ** 31 - 1, unit: 's', when: active },
      { name: 'log', kind: 'yes', when: active },
      // A meter without outputs of its own takes 0 only.
      { name: 'output', kind: 'choice', options: outputs, when: (row, { serial }) => active(row) && !!meterOf(serial)?.resources.includes(67) },
    ],
  },
}
