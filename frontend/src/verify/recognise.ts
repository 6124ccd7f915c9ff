// What a document is, by its content: the order of tests of the specification, 0.5. Formats that this page does not read are
// recognised and named; nothing is ever guessed.
import { ENCODINGS, fromLatin1, fromUtf8, isAscii, latin1, strip, stripped, trim, windows1252 } from './bytes'
import * as chargeit from './chargeit'
import { JsonProblem, load, Obj, repeatedFindings, repeatedKeys, textOf, type Json } from './json'
import { looksLikeKey } from './keys'
import { LIMITS } from './limits'
import { parse as parseOcmf } from './ocmf'
import { finding, isUnit, stopped, type Carrier, type Item, type Unit } from './records'
import * as safe from './safe-xml'
import { rootName } from './xml'

const BOM = '\xef\xbb\xbf'
const BOM_NOTE = finding('F-BOM', 'info', 'a byte order mark stands before the text', '@0')
const MAX_NESTING = 3
const TOO_DEEP: Record<string, string> = { XML: 'F-XML-DEPTH', JSON: 'F-JSON-DEPTH' }
const LABELS: Record<string, string> = {
  ocmf: 'OCMF', alfen: 'ALFEN', edl_40_p: 'EDL_40_P', sml_edl40_p: 'EDL_40_P', isa_edl_40_p: 'ISA_EDL_40_P',
  edl_40_sig: 'EDL_40_SIG', edl_40_mennekes: 'EDL_40_MENNEKES', pcdf: 'PCDF',
}

/** One row of the table. `body` is the content as one character a byte. */
interface Row {
  name: string
  test: (body: string) => boolean
  read: (body: string, carrier: Carrier) => Item[]
}

const known =
  (format: string, container: string | null, name: string) =>
  (_: string, carrier: Carrier): Item[] => [unsupported(carrier, format, container, name)]

function unsupported(carrier: Carrier, format: string, container: string | null, name: string): Item {
  const inside = container !== null && carrier.container === 'none' ? { ...carrier, container } : carrier
  return chargeit.elsewhere(format, name, inside)
}

/** Every signed unit of a document, in file order; at least one, which says what is wrong if nothing can be read. */
export function read(data: Uint8Array, carrier: Carrier, nested = 0): Unit[] {
  const units: Unit[] = []
  for (const item of items(data, carrier, nested)) {
    if (isUnit(item)) units.push(item)
    else {
      const content = item.decoded !== null && meansSomething(latin1(item.decoded)) ? item.decoded : item.content
      for (const unit of read(content, item.carrier, nested + 1)) units.push(labelled(unit, item.carrier))
    }
  }
  return units
}

function items(data: Uint8Array, given: Carrier, nested: number): Item[] {
  let carrier = given
  if (data.length > LIMITS.document)
    return [stopped('unknown', 'F-SIZE', `more than the ${LIMITS.document} bytes that one document may have`, carrier)]
  let text = latin1(data)
  if (text.startsWith('OCMF|')) return parseOcmf(data, carrier)
  if (text.startsWith(BOM)) {
    text = text.slice(3)
    carrier = { ...carrier, findings: [...carrier.findings, BOM_NOTE] }
  }
  const wrapper = WRAPPERS.find((row) => row.test(text))
  if (wrapper) return wrapper.read(text, carrier)
  const body = strip(text)
  if (!body) return [stopped('unknown', 'F-EMPTY', 'there is nothing in it', carrier)]
  const row = ROWS.find((one) => one.test(body))
  if (row) {
    const code = TOO_DEEP[row.name]
    if (nested > MAX_NESTING && code) return [stopped('unknown', code, `a container inside more than ${MAX_NESTING} others`, carrier)]
    return row.read(body, carrier)
  }
  const inner = nested <= MAX_NESTING ? decoded(body) : null
  return [inner ? { content: inner, carrier, decoded: null } : unknown(body, carrier)]
}

function unknown(body: string, carrier: Carrier): Unit {
  let message = 'nothing in it is a format of signed meter values'
  if (body.startsWith('\xff\xfe') || body.startsWith('\xfe\xff') || body[1] === '\0') message = 'UTF-16 text is not read: save the file as UTF-8'
  else if (looksLikeKey(body)) message = 'this is a public key, not a record: give it as the public key of a record'
  const start = new TextDecoder().decode(fromLatin1(body.slice(0, 200)))
  return stopped('unknown', 'F-FORMAT', message, carrier, { text: start })
}

/** The content of hexadecimal, Base64 or Base32 text, if that is recognised. */
function decoded(body: string): Uint8Array | null {
  if (!/^[A-Za-z0-9+/=_\-\s]+$/.test(body) || !isAscii(body)) return null
  const text = body.replace(/\s+/g, '')
  for (const decode of Object.values(ENCODINGS)) {
    const data = decode(text)
    if (data && meansSomething(latin1(data))) return data
  }
  return null
}

/** Whether decoded text is recognised: not as CSV, which chance may look like. */
function meansSomething(text: string): boolean {
  const body = strip(text.startsWith(BOM) ? text.slice(3) : text)
  return body !== '' && [...WRAPPERS, ...ROWS].some((row) => row.name !== 'CSV' && row.test(body))
}

// -- JSON documents

const has =
  (...names: string[]) =>
  (_: string, value: Json): boolean =>
    value instanceof Obj && names.every((name) => value.has(name))

const JSON_KINDS: [(body: string, value: Json) => boolean, string, string, string][] = [
  [
    (_, value) => value instanceof Obj && (textOf(value.get('@context')) ?? JSON.stringify(value.get('@context')) ?? '').includes('CTR+json'),
    'unknown', 'Chargy-CTR', 'a Chargy charge transparency record',
  ],
  [has('ocmfBegin', 'ocmfEnd'), 'OCMF', 'PTB', 'a PTB container'],
  [has('signed_values'), 'unknown', 'OCPI', 'OCPI signed data'],
  [has('signed_data'), 'unknown', 'OCPI', 'OCPI signed data'],
  [(body) => body.includes('"signedMeterData"'), 'unknown', 'OCPP-2.0.1', 'an OCPP 2.0.1 message'],
  [(body) => /"(?:SignedData|signedMeterValue)"/.test(body), 'unknown', 'OCPP-1.6', 'an OCPP 1.6 message'],
  [has('outlet', 'session_id'), 'ChargePoint', 'CHARGEPOINT', 'a ChargePoint record'],
]

function readJson(body: string, given: Carrier): Item[] {
  const data = fromLatin1(body)
  const text = fromUtf8(data)
  const notes = text === null ? [finding('F-UTF8', 'error', 'not valid UTF-8, shown as Windows-1252', '@0')] : []
  let found
  try {
    found = load(text ?? windows1252(data))
  } catch (problem) {
    if (!(problem instanceof JsonProblem)) throw problem
    if (problem.code === 'F-JSON' && isJsonLines(body)) return [unsupported(given, 'unknown', 'JSONL', 'a JSON-lines stream')]
    return [stopped('unknown', problem.code, problem.message, given, { where: `@${problem.offset}` })]
  }
  const { value, findings } = found
  const carrier = { ...given, findings: [...given.findings, ...notes, ...findings] }
  if (chargeit.detect(value)) return chargeit.read(value, carrier)
  const inside = { ...carrier, findings: [...carrier.findings, ...repeatedFindings(repeatedKeys(value))] }
  for (const [test, format, container, name] of JSON_KINDS) if (test(body, value)) return [unsupported(inside, format, container, name)]
  return [stopped('unknown', 'F-FORMAT', 'JSON, but no container of signed meter values', inside)]
}

/** The first line alone is a whole JSON value, and another line follows. */
function isJsonLines(body: string): boolean {
  const end = body.indexOf('\n')
  if (end < 0 || !strip(body.slice(end + 1))) return false
  const line = fromLatin1(body.slice(0, end))
  try {
    load(fromUtf8(line) ?? windows1252(line))
    return true
  } catch (problem) {
    if (problem instanceof JsonProblem) return false
    throw problem
  }
}

// -- XML documents

const XML_KINDS: Record<string, [string, string, string]> = {
  signedMeterValue: ['EDL_40_SIG', 'EDL-XML', 'an EDL_40_SIG signed meter value'],
  signedMeterValues: ['EDL_40_SIG', 'EDL-XML', 'a list of EDL_40_SIG signed meter values'],
  Billing: ['EDL_40_MENNEKES', 'MENNEKES-XML', 'a Mennekes billing file'],
  ChargingProcess: ['EDL_40_MENNEKES', 'MENNEKES-XML', 'a Mennekes charging process'],
}

function readXml(body: string, carrier: Carrier): Item[] {
  const data = fromLatin1(body)
  const name = rootName(data) ?? ''
  return Object.hasOwn(XML_KINDS, name) ? [unsupported(carrier, ...XML_KINDS[name]!)] : safe.read(data, carrier)
}

// -- what is known, but not read here

const COLUMNS = new Set(
  'signeddata signedmetervalue signedmeterdata record ocmf payload publickey key transactionid sessionid context nature encoding'.split(' '),
)

function isCsv(body: string): boolean {
  const end = body.indexOf('\n')
  const line = (end < 0 ? body : body.slice(0, end)).slice(0, 65536)
  const counts = [',', ';', '\t'].map((one) => line.split(one).length)
  const delimiter = [',', ';', '\t'][counts.indexOf(Math.max(...counts))]!
  const cells = line.split(delimiter).map((cell) => stripped(cell, ' "\'\r'))
  if (cells.length < 2 && (end < 0 || !strip(body.slice(end + 1)))) return false
  return cells.some((cell) => COLUMNS.has(cell.toLowerCase().replace(/[ \-_]/g, '')) || /^(?:OCMF[ \t\r\n\v\f]*\||AP;|\x02?128\.8\.0\()/.test(cell))
}

const WRAPPERS: Row[] = [
  { name: 'gzip', test: (d) => d.startsWith('\x1f\x8b'), read: known('unknown', 'GZIP', 'a gzip file') },
  { name: 'zip', test: (d) => d.startsWith('PK\x03\x04'), read: known('unknown', 'ZIP', 'a zip archive') },
  { name: 'tar', test: (d) => d.startsWith('ustar', 257), read: known('unknown', 'TAR', 'a tar archive') },
  { name: 'parquet', test: (d) => d.startsWith('PAR1') && d.endsWith('PAR1'), read: known('unknown', 'PARQUET', 'a Parquet file') },
  { name: 'pdf', test: (d) => d.slice(0, 1024).includes('%PDF-'), read: known('unknown', 'PDF', 'a PDF file') },
  {
    name: 'image',
    test: (d) => /^(?:\x89PNG\r\n\x1a\n|\xff\xd8\xff|II\*\0|MM\0\*|RIFF[^]{4}WEBP)/.test(d),
    read: known('unknown', 'QR', 'an image'),
  },
]

const ROWS: Row[] = [
  { name: 'OCMF', test: (d) => /^OCMF[ \t\r\n\v\f]*\|/.test(d), read: (body, carrier) => parseOcmf(fromLatin1(body), carrier) },
  { name: 'ALFEN', test: (d) => /^"?AP;/.test(d), read: known('ALFEN', null, 'an ALFEN record') },
  { name: 'PCDF', test: (d) => /^"?(?:\x02|\\u0002)?128\.8\.0\(/.test(d), read: known('PCDF', null, 'a PCDF record') },
  {
    name: 'SML',
    test: (d) => d.startsWith('\x1b\x1b\x1b\x1b\x01\x01\x01\x01'),
    read(body, carrier) {
      const isa = /\x81\x80\x81\x62[^]\xff/.test(body) && body.includes('\x01\x00\x01\x08\x00\x80')
      const format = isa ? 'ISA_EDL_40_P' : 'EDL_40_P'
      return [unsupported(carrier, format, null, `an SML telegram (${format})`)]
    },
  },
  { name: 'XML', test: (d) => d.startsWith('<'), read: readXml },
  { name: 'JSON', test: (d) => /^[[{]/.test(d), read: readJson },
  { name: 'JSON texts', test: (d) => d.startsWith('"') && isJsonLines(d), read: known('unknown', 'JSONL', 'a JSON-lines stream') },
  { name: 'CSV', test: isCsv, read: known('unknown', 'CSV', 'a CSV stream') },
  {
    name: 'OCMF, misspelt',
    test: (d) => /^[A-Za-z]{1,16}[ \t\r\n\v\f]*\|[ \t\r\n\v\f]*\{/.test(d),
    read: (body, carrier) => parseOcmf(fromLatin1(body), carrier),
  },
]

/** Content wins over the label of the container; a contradiction is a finding. */
function labelled(unit: Unit, { label }: Carrier): Unit {
  if (label === null) return unit
  const meant = LABELS[trim(label).toLowerCase()]
  const { format, findings } = unit.record
  if (format !== 'unknown' && format !== meant)
    findings.push(finding('F-FORMAT-LABEL', 'warning', `labelled '${label.slice(0, 40)}', but it is ${format}`))
  return unit
}
