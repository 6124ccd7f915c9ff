// The keys of an OCMF payload: which there are, and how they may deviate. No deviation stops the parser. Specification, 1.2.
import data from './data.json'
import { Num, Obj, textOf, type Json } from './json'
import { finding, limit, type Finding, type SignedRecord } from './records'

const { levels, flags: FLAGS, types } = data.ocmf as { levels: string[]; flags: Record<string, string[]>; types: string[] }
/** Format versions as 100 * major + minor; the newest rules hold for a missing or unknown one. */
const VERSIONS: Record<string, number> = Object.fromEntries(data.ocmf.versions.map((text) => [text, Number(text[0]) * 100 + Number(text[2])]))
const NEWEST = 104

const SHAPES: Record<string, RegExp> = {
  ISO14443: /^(?:[0-9A-Fa-f]{2}){4}(?:(?:[0-9A-Fa-f]{2}){3})?$/,
  ISO15693: /^[0-9A-Fa-f]{16}$/,
  EMAID: /^[^\n]{14,15}$/u,
  EVCCID: /^[^\n]{1,6}$/u,
  ISO7812: /^[0-9]{8,19}$/,
  PHONE_NUMBER: /^\+[0-9 ]+$/,
}
const PAGE = /^[TF](?:0|[1-9][0-9]{0,19})$/
const TEXTS = ['GI', 'GS', 'GV', 'MV', 'MM', 'MS', 'MF', 'ID', 'CI', 'TT', 'CF']
const KEYS = new Set('FV GI GS GV PG MV MM MS MF IS IL IF IT ID TT CF LC CT CI RD'.split(' '))
const READING_KEYS = new Set('TM TX RV RI RU RT CL EF EI ST'.split(' '))
const LOSS_KEYS = new Set(['LN', 'LI', 'LR', 'LU'])

/** Whether the key belongs to the manufacturer: shown, never interpreted. */
export const vendor = (key: string): boolean => /^[U-Z]/.test(key)

/** Whether a path leads to a key of the payload or of a reading, which, repeated, is ambiguous. */
export function isChecked(path: string[]): boolean {
  const [one, , three] = path
  if (path.length === 1) return KEYS.has(one!) || one === 'VI' || one === 'VV'
  if (path.length === 2) return one === 'LC' && LOSS_KEYS.has(path[1]!)
  return path.length === 3 && one === 'RD' && READING_KEYS.has(three!)
}

export const length = (text: string): number => [...text].length

export function version(payload: Obj, findings: Finding[]): number {
  if (!payload.has('FV')) return NEWEST
  const stated = payload.get('FV')!
  const text = textOf(stated)
  const known = text !== null && Object.hasOwn(VERSIONS, text) ? VERSIONS[text]! : null
  if (known !== null) {
    if (typeof stated !== 'string') findings.push(finding('F-FV', 'warning', 'the format version is a number, not a text', '/FV'))
    return known
  }
  const major = (text ?? '').split('.')[0]!
  const severity = major === '0' || major === '1' ? 'warning' : 'error'
  findings.push(finding('F-FV', severity, 'unknown format version, read with the newest rules', '/FV'))
  return NEWEST
}

function wrongFlags(value: Json): string | null {
  if (!Array.isArray(value)) return 'no list'
  const groups = new Set<string>()
  for (const flag of value) {
    const group = typeof flag === 'string' ? Object.keys(FLAGS).find((name) => flag.startsWith(name)) : undefined
    if (!group || !FLAGS[group]!.includes((flag as string).slice(group.length))) return 'holds a flag that OCMF does not define'
    if (groups.has(group)) return 'holds two flags of one group'
    groups.add(group)
  }
  return null
}

function wrongLoss(value: Json): string | null {
  if (!(value instanceof Obj)) return 'no object'
  for (const [key, item] of value.fields) {
    if (key === 'LN' || key === 'LU' ? typeof item !== 'string' : LOSS_KEYS.has(key) && !(item instanceof Num)) return `${key} is of the wrong type`
  }
  if (!value.has('LR') || !['mOhm', 'uOhm'].includes(value.get('LU') as string)) return 'lacks the resistance LR or its unit LU (mOhm, uOhm)'
  const name = value.get('LN')
  return typeof name === 'string' && length(name) > 20 ? 'LN is longer than 20 characters' : null
}

/** A finding for every key that deviates. */
export function checkFields(payload: Obj, form: number, findings: Finding[]): void {
  findings.push(...layout(payload, form), ...choices(payload, form < 4))
  const get = (key: string): Json | undefined => payload.get(key)
  const entries = get('RD')
  if (payload.has('RD') && !(Array.isArray(entries) && entries.length))
    findings.push(finding('F-RD', 'error', 'no list of readings, or an empty one', '/RD'))
  for (const [key, longest] of [['TT', 250], ['CF', 25]] as const) {
    const text = textOf(get(key))
    if (text !== null && length(text) > longest) findings.push(finding('F-LENGTH', 'warning', `longer than ${longest} characters`, `/${key}`))
  }
  const loss = payload.has('LC') ? wrongLoss(get('LC')!) : null
  if (loss) findings.push(finding('F-LC', 'warning', loss, '/LC'))
  if (!truthy(get('MS')) && !truthy(get('GS'))) findings.push(finding('F-MS', 'warning', 'neither meter nor gateway serial is stated', '/MS'))
  identificationShape(payload, findings)
}

const truthy = (value: Json | undefined): boolean =>
  value instanceof Obj ? value.fields.size > 0 : Array.isArray(value) ? value.length > 0 : value instanceof Num || Boolean(value)

function layout(payload: Obj, form: number): Finding[] {
  const found: Finding[] = []
  for (const key of payload.fields.keys())
    if (!KEYS.has(key) && !vendor(key) && !(key === 'SA' && form === 4))
      found.push(finding('F-KEY-UNKNOWN', 'info', 'OCMF does not define this key', `/${[...key].slice(0, 64).join('')}`))
  if (!payload.has('RD')) found.push(finding('F-RD', 'error', 'the readings are missing', '/RD'))
  if (!payload.has('PG')) found.push(finding('F-PG', 'warning', 'the page number is missing', '/PG'))
  for (const key of TEXTS) if (payload.has(key) && typeof payload.get(key) !== 'string') found.push(finding('F-TYPE', 'warning', 'no text', `/${key}`))
  limit(found)
  return found
}

function choices(payload: Obj, early: boolean): Finding[] {
  const found: Finding[] = []
  const [assigned, level, flags, kind, point] = ['IS', 'IL', 'IF', 'IT', 'CT'].map((key) => payload.get(key) ?? null) as [Json, Json, Json, Json, Json]
  const LEVEL = 'not an assignment level of OCMF'
  if (assigned !== null && typeof assigned !== 'boolean') {
    if (!early) found.push(finding('F-IS', 'warning', 'not true or false', '/IS'))
    else if (typeof assigned !== 'string' || !levels.includes(assigned)) found.push(finding('F-IL', 'warning', LEVEL, '/IS'))
  }
  if (level !== null && (typeof level !== 'string' || (level && !levels.includes(level)))) found.push(finding('F-IL', 'warning', LEVEL, '/IL'))
  const wrong = flags === null ? null : wrongFlags(flags)
  if (wrong) found.push(finding('F-IF', 'warning', wrong, '/IF'))
  if (kind !== null && (typeof kind !== 'string' || (kind && !types.includes(kind))))
    found.push(finding('F-IT', 'warning', 'not an identification type of OCMF', '/IT'))
  if (point !== null && point !== 'EVSEID' && point !== 'CBIDC') found.push(finding('F-CT', 'warning', 'not EVSEID or CBIDC', '/CT'))
  return found
}

function identificationShape(payload: Obj, findings: Finding[]): void {
  const identification = payload.get('ID')
  const kind = payload.get('IT')
  if (typeof identification !== 'string' || typeof kind !== 'string' || !identification) return
  const shape = Object.hasOwn(SHAPES, kind) ? SHAPES[kind] : undefined
  if (shape && !shape.test(identification)) findings.push(finding('F-ID-SHAPE', 'info', `not the shape of an identification by ${kind}`, '/ID'))
  else if (length(identification) > 40) findings.push(finding('F-ID-SHAPE', 'info', 'longer than 40 characters', '/ID'))
}

/** The record's identity, user and page; a malformed page adds `F-PG`. */
export function fill(record: SignedRecord, payload: Obj): void {
  const get = (key: string): string | null => textOf(payload.get(key))
  const serial = get('MS')
  const gateway = get('GS')
  record.gatewaySerial = gateway
  record.meterSerial = serial
  record.gatewayModel = get('GI')
  record.meterModel = get('MM')
  record.firmware = [get('GV'), get('MF'), get('CF')]
  record.identification = get('ID')
  record.evse = get('CI')
  record.tariff = get('TT')
  record.identityTexts = [...new Set([gateway, serial].filter((text): text is string => Boolean(text)))]
  const assigned = payload.get('IS')
  if (typeof assigned === 'boolean') {
    record.assigned = assigned
    record.assignmentLevel = get('IL')
  } else {
    record.assignmentLevel = get('IL') || textOf(assigned)
    if (record.assignmentLevel !== null) record.assigned = record.assignmentLevel !== 'NONE'
  }
  if (!payload.has('PG')) return
  const page = payload.get('PG')
  record.pageText = get('PG')
  if (typeof page === 'string' && PAGE.test(page)) {
    record.pageLetter = page[0]!
    record.page = BigInt(page.slice(1))
  } else record.findings.push(finding('F-PG', 'warning', 'not T or F and a number without leading zeros', '/PG'))
}
