// Segment, Gateway settings: clock, names, network, buses (#5 to #8, #10, #12).
import { type Model, type Resource } from '../lib/drafts.svelte'
import type { Field } from '../lib/fields'
import { t } from '../lib/words.svelte'

const only = (source: Model, names: string[]): Model => Object.fromEntries(names.map((name) => [name, source?.[name] ?? '']))
const post = (path: string, body: unknown) => [{ method: 'POST' as const, path, body }]

export const gatewayClock: Resource = {
  id: 'gateway-clock',
  number: 12,
  path: () => '/gateway/datetime',
  read: () => ({ datetime: '' }),
  requests: (_, edited) => post('/gateway/datetime', { datetime: edited.datetime }),
  fields: [{ name: 'datetime', kind: 'datetime', optional: true }],
  orders: ['datetime'],
}

export const gatewayName: Resource = {
  id: 'gateway-name',
  number: 10,
  path: () => '/gateway',
  read: (document) => only(document, ['serial', 'alias', 'location']),
  requests: (_, edited) => post('/gateway', edited),
  fields: [
    { name: 'alias', kind: 'text', length: 20 },
    { name: 'location', kind: 'text', length: 50 },
  ],
}

const ADDRESS = ['dhcp', 'dns', 'ip', 'subnet', 'gateway', 'pdns', 'sdns']
const bits = (text: string): number => text.split('.').reduce((whole, part) => whole * 256 + Number(part), 0)
/** A mask whose ones come first, and a gateway inside the subnet or 0.0.0.0 (8.1). */
function network(model: Model): string | null {
  if (model.dhcp) return null
  const mask = bits(model.subnet)
  if (!/^1*0*$/.test(mask.toString(2).padStart(32, '0'))) return t('problem.mask')
  const host = 2 ** 32 - mask
  const outside = Math.floor(bits(model.ip) / host) !== Math.floor(bits(model.gateway) / host)
  return model.gateway !== '0.0.0.0' && mask > 0 && outside ? t('problem.gateway') : null
}
export const ip: Resource = {
  id: 'ip',
  number: 5,
  path: () => '/configuration',
  read: (document) => only(document.ip, ADDRESS),
  // A fixed address with automatic DNS does not exist.
  requests: (_, edited) => post('/configuration/ip', { ...edited, dns: edited.dhcp && edited.dns }),
  question: () => 'question.ip',
  fields: [
    { name: 'dhcp', kind: 'yes' },
    ...['ip', 'subnet', 'gateway'].map((name): Field => ({ name, label: `field.net-${name}` as Field['label'], kind: 'ip', when: (row) => !row.dhcp })),
    { name: 'dns', kind: 'yes', when: (row) => row.dhcp },
    ...['pdns', 'sdns'].map((name): Field => ({ name, kind: 'ip', when: (row) => !(row.dhcp && row.dns) })),
  ],
  check: network,
}

export const BAUD = [1200, 2400, 9600, 19200, 38400, 57600, 115200, 125000, 230400, 460800, 500000]
export const eqbus: Resource = {
  id: 'eqbus',
  number: 6,
  path: () => '/configuration',
  read: (document) => only(document.eqbus, ['baudrate', 'interoctettimeout']),
  requests: (_, edited) => post('/configuration/eqbus', edited),
  fields: [
    { name: 'baudrate', kind: 'choice', options: () => BAUD.map((value) => ({ value, label: `${value}` })), unit: 'bit/s' },
    { name: 'interoctettimeout', kind: 'int', min: 20, max: 6000, unit: 'ms' },
  ],
}

// The seven times with their ranges (#7, #8); what was never set reads 0.
const TIMES: [string, number, number][] = [
  ['ack', 200, 2000],
  ['delay_after_telegram', 50, 60000],
  ['delay_before_requd2', 50, 1000],
  ['get_request', 0, 25000],
  ['meter_contact', 10, 25000],
  ['response_timeout', 300, 15000],
  ['response_timeout_base', 100, 10000],
]
const mbus = (id: string, number: number, path: string): Resource => ({
  id,
  number,
  path: () => '/configuration',
  read: (document) => only(document[id] ?? document[id.replace('-', '_')], TIMES.map(([name]) => name)),
  requests: (_, edited) => post(path, edited),
  fields: TIMES.map(([name, min, max]): Field => ({ name, kind: 'int', min, max, unit: 'ms' })),
})
export const mbusWired = mbus('mbus-wired', 7, '/configuration/mbus/wired')
export const mbusIr = mbus('mbus-ir', 8, '/configuration/mbus/ir')
