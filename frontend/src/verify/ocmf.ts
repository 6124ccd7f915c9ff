// OCMF: `OCMF|<payload>|<signature>`. The signed bytes are exactly those between the two section pipes; a scanner that knows
// JSON finds the pipes, nothing is ever serialised again. Specification, chapter 1.
import { BY_KEY, DEFAULT, named } from './algorithms'
import { fromBase64, fromHex, fromUtf8, stripped, utf8, whole, windows1252 } from './bytes'
import { singleByte } from './charsets'
import { first, formFindings, JsonProblem, Obj, pathText, repeatedKeys, scan, skipSpace, type Scanned } from './json'
import { LIMITS } from './limits'
import * as fields from './ocmf-fields'
import { read } from './ocmf-readings'
import {
  carrier as surroundings, finding, judged, limit, MOST_FINDINGS, newRecord, stopped, unit,
  type Algorithm, type Alternative, type Carrier, type Finding, type SignedRecord, type Unit,
} from './records'

const HEADER = /OCMF[ \t\r\n]*\|/y
const ANY_HEADER = /OCMF[ \t\r\n]*\|/g
const NEXT = /(?<![A-Za-z0-9])OCMF[ \t\r\n]*\|/g
const SHOWN = 64 * 1024

const TRIM = finding('F-PAYLOAD-TRIM', 'warning', 'white space around the payload was added after signing', 'payload')
const XML_ENCODING = finding('F-XML-ENCODING', 'info', 'the signed bytes are those of the XML file, not their UTF-8 form', 'payload')

class Stop extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly where = '',
  ) {
    super(message)
  }
}

/** Text with the way back to its bytes. `broken`: the bytes are no UTF-8, one character stands for each. */
interface Text {
  text: string
  data: Uint8Array
  broken: boolean
  findings: Finding[]
}
const cut = (text: Text, start: number, end: number): Uint8Array =>
  text.broken ? text.data.subarray(start, end) : utf8(text.text.slice(start, end))

interface Sections {
  start: number
  end: number
  payloadStart: number
  payloadEnd: number
  payload: Scanned
  signature: Scanned
  key: string | null
  findings: Finding[]
}

const at = (pattern: RegExp, text: string, start: number): RegExpExecArray | null => {
  pattern.lastIndex = start
  return pattern.exec(text)
}

/** Every record of a document, one behind the other; at least one unit. */
export function parse(data: Uint8Array, carrier: Carrier): Unit[] {
  const units: Unit[] = []
  for (const one of records(decoded(data), carrier)) {
    one.record.index = units.length
    units.push(one)
    if (units.length > LIMITS.units) {
      units[units.length - 1] = stopped('OCMF', 'F-SIZE', `more than ${LIMITS.units} records in one document: split it`, carrier)
      break
    }
  }
  return units
}

function decoded(given: Uint8Array): Text {
  const marked = given[0] === 0xef && given[1] === 0xbb && given[2] === 0xbf
  const data = marked ? given.subarray(3) : given
  const findings = marked ? [finding('F-BOM', 'info', 'a byte order mark stands before the record', '@0')] : []
  const text = fromUtf8(data)
  return { text: text ?? windows1252(data), data, broken: text === null, findings }
}

/**
 * One record of a document that is no UTF-8, decoded by itself: a byte elsewhere must not change what it shows.
 * Neither must one beside the payload, whose bytes alone are signed: they are decoded by themselves, too.
 */
function alone(text: Text, start: number, end: number, first = start, last = start): Text {
  const data = text.data.subarray(start, end)
  const own = fromUtf8(data)
  if (own !== null) return { text: own, data, broken: false, findings: text.findings }
  const note = finding('F-UTF8', 'error', 'not valid UTF-8, shown as Windows-1252', `@${start}`)
  const findings = [...text.findings, note]
  const shown = text.text.slice(start, end)
  const payload = fromUtf8(text.data.subarray(first, last))
  if (payload === null) return { text: shown, data, broken: true, findings }
  return { text: shown.slice(0, first - start) + payload + shown.slice(last - start), data, broken: false, findings }
}

function* records(text: Text, carrier: Carrier): Generator<Unit> {
  const characters = text.text
  let position = skipSpace(characters, 0)
  if (characters.length > LIMITS.document) {
    yield stopped('OCMF', 'F-SIZE', `more than ${LIMITS.document} bytes in one document`, carrier)
    return
  }
  for (;;) {
    const start = position
    let own = text
    let found: Unit
    try {
      let sections = split(characters, start)
      position = sections.end
      if (text.broken) {
        own = alone(text, start, position, sections.payloadStart, sections.payloadEnd)
        sections = split(own.text, 0)
      }
      found = unitOf(own, sections, carrier)
      if (found.record.findings.length > MOST_FINDINGS) limit(found.record.findings)
    } catch (stop) {
      if (!(stop instanceof Stop)) throw stop
      if (position === start)
        position = at(NEXT, characters, characters.startsWith('OCMF', start) ? start + 1 : start)?.index ?? characters.length
      own = text.broken ? alone(text, start, position) : text
      const shown = text.broken ? own.text.slice(0, SHOWN) : characters.slice(start, Math.min(position, start + SHOWN))
      found = stopped('OCMF', stop.code, stop.message, carrier, { where: stop.where, text: whole(shown) })
    }
    found.record.findings.unshift(...own.findings)
    yield found
    position = skipSpace(characters, position)
    if (position >= characters.length) return
  }
}

/** The sections of the record at `start`. Throws `Stop`. */
function split(text: string, start: number): Sections {
  const findings: Finding[] = []
  const header = at(HEADER, text, start)
  if (!header) throw new Stop('F-JSON', 'the record does not begin with OCMF and a pipe')
  const payloadStart = start + header[0].length
  if (header[0].length > 5) findings.push(finding('F-HEADER-WS', 'warning', 'white space between OCMF and the pipe', `@${start}`))
  const payload = object(text, payloadStart, 'payload')
  const payloadEnd = skipSpace(text, payload.end)
  if (text[payloadEnd] !== '|') throw new Stop('F-JSON', 'no pipe follows the payload', `@${payloadEnd}`)
  if (text.slice(payloadStart, payloadEnd).includes('|'))
    findings.push(finding('F-PIPE', 'error', 'a pipe stands inside a text of the payload', 'payload'))
  const signature = object(text, payloadEnd + 1, 'signature')
  let end = skipSpace(text, signature.end)
  let key: string | null = null
  if (end < text.length && !at(HEADER, text, end)) {
    if (text[end] !== '|') throw new Stop('F-JSON', 'text after the signature', `@${end}`)
    const keyStart = end + 1
    end = at(ANY_HEADER, text, end)?.index ?? text.length
    key = text.slice(keyStart, end)
    if (key.includes('|')) throw new Stop('F-JSON', 'more than four sections', `@${keyStart}`)
    findings.push(finding('F-SECTION4', 'info', 'a fourth section was read as the public key', `@${keyStart}`))
  }
  if (end - start > LIMITS.record) throw new Stop('F-SIZE', `a record of ${end - start} bytes, at most ${LIMITS.record} are read`)
  return { start, end, payloadStart, payloadEnd, payload, signature, key, findings }
}

function object(text: string, start: number, name: string): Scanned {
  const from = skipSpace(text, start)
  if (text[from] !== '{') throw new Stop('F-JSON', `the ${name} is no JSON object`, `@${from}`)
  try {
    return scan(text, from)
  } catch (problem) {
    if (!(problem instanceof JsonProblem)) throw problem
    throw new Stop(problem.code, `the ${name}: ${problem.message}`, `@${problem.offset}`)
  }
}

function unitOf(text: Text, sections: Sections, carrier: Carrier): Unit {
  const payload = sections.payload.value as Obj
  const section = sections.signature.value as Obj
  const findings = [...carrier.findings, ...sections.findings, ...formFindings(sections.payload), ...formFindings(sections.signature, 'signature/')]
  const version = fields.version(payload, findings)
  const record = recordOf(text, sections, carrier, version, findings)
  const algorithm = algorithmOf(payload, section, version, findings)
  const signature = signatureOf(section)
  const embedded = sections.key !== null && sections.key.replace(/[ \t\r\n]/g, '') ? [{ text: sections.key, source: 'embedded' as const, encoding: null }] : []
  const keys = [...carrier.keys, ...embedded]
  if (algorithm) return unit(record, { signature, algorithm, keys, raw: true, alternatives: alternatives(text, sections, carrier) })
  record.signature = judged('unsupported', 'V-ALG')
  return unit(record, { signature, keys })
}

function recordOf(text: Text, sections: Sections, carrier: Carrier, version: number, findings: Finding[]): SignedRecord {
  const payload = sections.payload.value as Obj
  const record = newRecord('OCMF', carrier, {
    text: text.text.slice(sections.start, sections.end),
    signed: cut(text, sections.payloadStart, sections.payloadEnd),
    findings,
  })
  fields.checkFields(payload, version, findings)
  fields.fill(record, payload)
  const entries = payload.get('RD')
  if (Array.isArray(entries)) {
    if (entries.length > LIMITS.readings) throw new Stop('F-SIZE', `${entries.length} readings, at most ${LIMITS.readings} are read`, '/RD')
    record.readings = read(entries, version, record.pageLetter === 'F', findings)
  }
  if (sections.payload.repeated) {
    const checked = [...repeatedKeys(payload)].filter(fields.isChecked)
    record.ambiguous = first(checked, MOST_FINDINGS).map(pathText)
  }
  return record
}

/** The algorithm that SA names, or the default of the format version; `null` if it is not supported. */
function algorithmOf(payload: Obj, section: Obj, version: number, findings: Finding[]): Algorithm | null {
  const name = section.get('SA') ?? (version === 4 ? payload.get('SA') : null) ?? null // a draft of 0.4 placed SA in the payload
  if (name === null) return version < 4 ? BY_KEY : DEFAULT
  if (typeof name !== 'string') return null
  const found = named(name)
  findings.push(...found.findings)
  return found.algorithm
}

function signatureOf(section: Obj): Uint8Array {
  const encoding = section.has('SE') ? section.get('SE') : 'hex'
  if (encoding !== 'hex' && encoding !== 'base64') throw new Stop('F-SE', 'SE is neither hex nor base64', 'signature/SE')
  const text = section.get('SD')
  if (typeof text !== 'string' || !text) throw new Stop('F-SD', 'the signature SD is missing or empty', 'signature/SD')
  const signature = encoding === 'hex' ? fromHex(text) : fromBase64(text)
  if (!signature) throw new Stop('F-SD', `the signature SD is not ${encoding}`, 'signature/SD')
  if (!signature.length) throw new Stop('F-SD', `the signature SD holds no byte in ${encoding}`, 'signature/SD')
  return signature
}

/** What else may have been signed: the payload without white space around it, or the bytes of the XML file. */
function alternatives(text: Text, sections: Sections, carrier: Carrier): Alternative[] {
  const { payloadStart, payloadEnd } = sections
  const found: Alternative[] = []
  const outer = text.text.slice(payloadStart, payloadEnd)
  const inner = stripped(outer, ' \t\r\n')
  if (inner.length < outer.length) {
    const from = payloadStart + outer.indexOf(inner)
    found.push({ signed: cut(text, from, from + inner.length), finding: TRIM, record: null })
  }
  const encode = carrier.textEncoding !== null && !text.broken ? singleByte(carrier.textEncoding)?.encode : undefined
  const whole = text.text.slice(sections.start, sections.end)
  const raw = encode && /[^\0-\x7f]/.test(whole) ? encode(whole) : null
  if (raw) {
    const plain = surroundings({ ...carrier, textEncoding: null, keys: [] })
    const [other, ...more] = parse(raw, plain)
    if (other?.algorithm && !more.length) found.push({ signed: other.record.signed, finding: XML_ENCODING, record: other.record })
  }
  return found
}
