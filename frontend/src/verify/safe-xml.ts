// The S.A.F.E. XML container: `values` with `value`, `signedData` and `publicKey`. Specification, 2.1 and 1.1.
import { ENCODINGS, isAscii, packed, strip, utf8 } from './bytes'
import { singleByte } from './charsets'
import { LIMITS } from './limits'
import { carrier as surroundings, finding, stopped, type Carrier, type Enclosed, type Finding, type Item, type KeyText } from './records'
import { Element, parse, rootName, XmlProblem } from './xml'

const CONTAINER = 'SAFE-XML'
const ROOTS = ['values', 'value', 'signedData', 'encodedData']
const TOKENS: Record<string, string> = {
  OCMF: 'OCMF', ALFEN: 'ALFEN', EDL_40_P: 'EDL_40_P', SML_EDL40_P: 'EDL_40_P', ISA_EDL_40_P: 'ISA_EDL_40_P',
  EDL_40_SIG: 'EDL_40_SIG', EDL_40_MENNEKES: 'EDL_40_MENNEKES', PCDF: 'PCDF',
}
const MOST_KEYS = 16
const SHARED = finding('F-KEY-SHARED', 'info', 'the key stands beside another value of the same transaction', 'publicKey')
const MANY_KEYS = finding('F-SIZE', 'warning', `more than ${MOST_KEYS} keys, of which the first count`, 'publicKey')
const NAMESPACE = finding('F-XML-NAMESPACE', 'info', 'the container lies in a namespace', '/values')
const FRAGMENT = finding('F-XML-FRAGMENT', 'warning', 'the container has no root element', '/')

/** Every signed text of the container, in file order; at least one item. */
export function read(data: Uint8Array, carrier: Carrier): Item[] {
  const name = rootName(data)
  const fragment = name !== null && name !== 'values' && ROOTS.includes(name)
  let document
  try {
    document = parse(data, fragment ? 'values' : null)
  } catch (problem) {
    if (!(problem instanceof XmlProblem)) throw problem
    return [failed(problem.code, problem.message, carrier, problem.where)]
  }
  const { root, encoding, namespaced } = document
  if (root.name !== 'values') return [failed('F-XML', `the root element is '${root.name.slice(0, 64)}', not 'values'`, carrier, `line ${root.line}`)]
  const notes = [...carrier.findings]
  if (namespaced) notes.push(NAMESPACE)
  if (fragment) notes.push(FRAGMENT)
  const values = valuesOf(root).map((element, position) => new Value(element, position))
  if (!values.length) return [failed('F-EMPTY', 'the container holds no value', carrier, '/values')]
  const shared = new Map<string, KeyText[]>()
  for (const { keys, transaction } of values) if (keys.length && transaction !== null && !shared.has(transaction)) shared.set(transaction, keys)
  const single = encoding !== null && singleByte(encoding) ? encoding : null
  const items: Item[] = []
  for (const value of values) {
    for (const item of itemsOf(value, carrier, notes, shared, single)) items.push(item)
    if (items.length > LIMITS.units) {
      items.splice(LIMITS.units)
      items.push(failed('F-SIZE', `more than ${LIMITS.units} values`, carrier))
      break
    }
  }
  return items
}

function failed(code: string, message: string, { source, findings }: Carrier, where = ''): Item {
  return stopped('unknown', code, message, surroundings({ container: CONTAINER, source, findings }), { where })
}

/** The `value` elements; signed data that stands directly below the root counts as a value of its own. */
function valuesOf(root: Element): Element[] {
  return root.children
    .filter(({ name }) => ROOTS.includes(name) && name !== 'values')
    .map((child) => {
      if (child.name === 'value') return child
      const value = new Element('value', new Map(), child.line)
      value.children.push(child)
      return value
    })
}

class Value {
  readonly where: string
  readonly signed: Element[]
  readonly sealed: Element[]
  readonly keys: KeyText[]
  readonly notes: Finding[]
  readonly transaction: string | null
  readonly context: string | null

  constructor(element: Element, position: number) {
    this.where = `/values/value[${position + 1}]`
    this.signed = element.all('signedData')
    this.sealed = element.all('encodedData')
    const stated = new Map<string, KeyText>()
    for (const key of element.all('publicKey')) {
      const encoding = key.attributes.get('encoding') ?? null
      if (key.text) stated.set(JSON.stringify([key.text, encoding]), { text: key.text, source: 'container', encoding })
    }
    this.keys = [...stated.values()].slice(0, MOST_KEYS)
    this.notes = stated.size > MOST_KEYS ? [MANY_KEYS] : []
    const holders = [element, ...this.signed, ...this.sealed]
    this.transaction = attribute(holders, 'transactionId')
    this.context = attribute(holders, 'context')
  }
}

/** The attribute of the first element that has it, trimmed; `null` if it is missing or blank. */
function attribute(holders: Element[], name: string): string | null {
  for (const { attributes } of holders) {
    const text = strip(attributes.get(name) ?? '')
    if (text) return text
  }
  return null
}

function itemsOf(value: Value, carrier: Carrier, common: Finding[], shared: Map<string, KeyText[]>, encoding: string | null): Item[] {
  const { transaction, context } = value
  let { keys } = value
  const findings = [...common, ...value.notes]
  const borrowed = transaction === null ? undefined : shared.get(transaction)
  if (!keys.length && borrowed) {
    keys = borrowed
    findings.push(SHARED)
  }
  const { source } = carrier
  const items: Item[] = []
  for (const element of [...value.signed, ...value.sealed]) {
    const label = element.attributes.get('format') ?? null
    const stated = element.attributes.get('encoding') ?? null
    const inside = surroundings({ container: CONTAINER, source, keys, label, encoding: stated, transaction, context, findings })
    const { text } = element
    const token = label !== null && Object.hasOwn(TOKENS, label.toUpperCase()) ? TOKENS[label.toUpperCase()]! : 'unknown'
    const where = `${value.where}/${element.name}`
    if (!text) items.push(stopped(token, 'F-EMPTY', 'the signed data are empty', inside, { where }))
    else if (element.name === 'encodedData') items.push(sealed(inside, text, where))
    else items.push(enclosed(text, stated, inside, encoding))
  }
  if (!items.length) {
    const inside = surroundings({ container: CONTAINER, source, transaction, context, findings })
    items.push(stopped('unknown', 'F-EMPTY', 'the value holds no signed data', inside, { where: value.where }))
  }
  return items
}

const sealed = (inside: Carrier, text: string, where: string): Item =>
  stopped('OCMF-SEALED', 'F-FORMAT', 'a sealed record: it is recognised, but opening it is not supported', inside, {
    where,
    text: text.slice(0, 1024),
    verdict: 'unsupported',
    reason: 'V-SEALED',
    severity: 'info',
  })

/** The text as bytes, and what it means in the stated encoding; which of them is the record, its content decides. */
function enclosed(text: string, stated: string | null, inside: Carrier, encoding: string | null): Enclosed {
  const name = (stated ?? '').toLowerCase()
  const decoded = Object.hasOwn(ENCODINGS, name) ? ENCODINGS[name]!(packed(text)) : null
  const carrier = encoding !== null && !isAscii(text) ? { ...inside, textEncoding: encoding } : inside
  return { content: utf8(text), carrier, decoded }
}
