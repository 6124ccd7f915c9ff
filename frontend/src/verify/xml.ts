// XML of untrusted origin: well-formed or refused, no document types, no entities but the five of XML, limited depth, names
// without namespaces. Small and strict instead of the browser's parser, so that every browser reads the same.
import { fromUtf8, isAscii, latin1, strip } from './bytes'
import { singleByte } from './charsets'
import { LIMITS } from './limits'

export class XmlProblem extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly where = '',
  ) {
    super(message)
  }
}

/** Local name, attributes by local name, own text (without that of its children), children. */
export class Element {
  children: Element[] = []
  pieces: string[] = []
  constructor(
    readonly name: string,
    readonly attributes: Map<string, string>,
    readonly line: number,
  ) {}
  /** Own text, trimmed of ASCII white space. */
  get text(): string {
    return strip(this.pieces.join(''))
  }
  all(name: string): Element[] {
    return this.children.filter((child) => child.name === name)
  }
}

export interface Document {
  root: Element
  encoding: string | null
  namespaced: boolean
}

// Names as of the fourth edition of XML 1.0, which most parsers hold to; the tables of rare scripts are taken as a whole.
const START =
  ':A-Z_a-z\\u00C0-\\u00D6\\u00D8-\\u00F6\\u00F8-\\u02FF\\u0370-\\u037D\\u037F-\\u1FFF\\u2126\\u212A\\u212B\\u212E\\u2180-\\u2182\\u3007\\u3021-\\u3029\\u3041-\\u3094\\u30A1-\\u30FA\\u3105-\\u312C\\u4E00-\\u9FA5\\uAC00-\\uD7A3'
const NAME = new RegExp(`[${START}][${START}\\-.0-9\\u00B7\\u0300-\\u036F]*`, 'y')
const SPACE = /[ \t\r\n]*/y
// oxlint-disable-next-line no-control-regex
const ILLEGAL = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/
const DECLARATION =
  /^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"[\w.-]*"|'[\w.-]*')(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:"([A-Za-z][\w.-]*)"|'([A-Za-z][\w.-]*)'))?(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\r\n]*\?>/
const DOCTYPE = new RegExp(
  `<!DOCTYPE[ \\t\\r\\n]+${NAME.source}[ \\t\\r\\n]*(?:(?:SYSTEM|PUBLIC[ \\t\\r\\n]+(?:"[^"]*"|'[^']*'))[ \\t\\r\\n]+(?:"[^"]*"|'[^']*')[ \\t\\r\\n]*)?[[>]`,
  'y',
)
const ENTITIES: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }
const local = (name: string): string => name.slice(name.lastIndexOf(':') + 1)

const ROOT = /<(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)/y
const BEFORE_ROOT = /[ \t\r\n\v\f]+|<\?[^]*?\?>|<!--[^]*?-->/y

/** Local name of the first element, without parsing; `null` if the bytes do not begin like XML. */
export function rootName(data: Uint8Array): string | null {
  const text = latin1(data)
  let at = text.startsWith('\xef\xbb\xbf') ? 3 : 0
  const skip = (): void => {
    for (;;) {
      BEFORE_ROOT.lastIndex = at
      const match = BEFORE_ROOT.exec(text)
      if (!match) return
      at += match[0].length
    }
  }
  skip()
  if (text.startsWith('<!DOCTYPE', at)) {
    const first = text.indexOf('>', at)
    const inside = text.slice(at, first < 0 ? -1 : first).includes('[')
    at = text.indexOf('>', inside ? text.indexOf(']', at) : at) + 1
    if (at) skip()
  }
  ROOT.lastIndex = at
  return ROOT.exec(text)?.[1] ?? null
}

/** The characters of the file in its declared encoding. */
function decoded(data: Uint8Array): { text: string; encoding: string | null } {
  const head = DECLARATION.exec(latin1(data.subarray(0, 1024)))
  const encoding = head?.[1] ?? head?.[2] ?? null
  const name = encoding?.toLowerCase() ?? 'utf-8'
  let text: string | null
  if (name === 'utf-8') text = fromUtf8(data)
  else if (name === 'us-ascii') {
    text = latin1(data)
    if (!isAscii(text)) text = null
  } else {
    const charset = singleByte(name)
    if (!charset) throw new XmlProblem('F-XML', 'the declared encoding cannot be read')
    text = charset.decode(data)
  }
  if (text === null) refuse(data)
  return { text, encoding }
}

/** A byte that the encoding does not have is the end of reading; what stands before it may be the reason to refuse. */
function refuse(data: Uint8Array): never {
  const before = new TextDecoder().decode(data).split('\ufffd', 1)[0]!
  try {
    new Reader(before).document()
  } catch (problem) {
    if (!(problem instanceof XmlProblem) || problem.code !== 'F-XML') throw problem
  }
  throw new XmlProblem('F-XML', 'not well-formed XML: a byte that its encoding does not have')
}

/** Reads a whole file. `wrap` puts a root of that name around a fragment that has none (or several). Throws `XmlProblem`. */
export function parse(data: Uint8Array, wrap: string | null = null): Document {
  if (data.length > LIMITS.document)
    throw new XmlProblem('F-SIZE', `${data.length} bytes are more than the ${LIMITS.document} of one document`)
  const [one, two] = data
  if ((one === 0xff && two === 0xfe) || (one === 0xfe && two === 0xff) || data.subarray(0, 4).includes(0))
    throw new XmlProblem('F-XML', 'UTF-16 is not read: convert the file to UTF-8')
  const { text: found, encoding } = decoded(data)
  let text = found
  if (wrap) {
    const start = /^[ \t\r\n\v\f]*<\?xml[^]*?\?>/.exec(text)?.[0].length ?? 0
    text = `${strip(text.slice(0, start))}<${wrap}>${text.slice(start)}</${wrap}>`
  }
  const reader = new Reader(text)
  reader.document()
  return { root: reader.root!, encoding, namespaced: reader.namespaced }
}

class Reader {
  root: Element | null = null
  namespaced = false
  private at = 0
  private line = 1
  private counted = 0
  private elements = 0
  private readonly open: [string, Element][] = []

  constructor(private readonly text: string) {}

  private get where(): string {
    for (; this.counted < this.at; this.counted++) if (this.text[this.counted] === '\n') this.line++
    return `line ${this.line}`
  }

  private fail(message: string): never {
    throw new XmlProblem('F-XML', `not well-formed XML: ${message}`, this.where)
  }

  private take(pattern: RegExp): string | null {
    pattern.lastIndex = this.at
    const match = pattern.exec(this.text)
    if (match) this.at += match[0].length
    return match && match[0]
  }

  private until(end: string, message: string): string {
    const found = this.text.indexOf(end, this.at)
    if (found < 0) this.fail(message)
    const inside = this.text.slice(this.at, found)
    if (ILLEGAL.test(inside)) this.fail('invalid token')
    this.at = found + end.length
    return inside
  }

  document(): void {
    const head = DECLARATION.exec(this.text)
    if (head) this.at = head[0].length
    while (this.at < this.text.length) {
      const next = this.text.indexOf('<', this.at)
      const end = next < 0 ? this.text.length : next
      if (end > this.at) this.characters(this.text.slice(this.at, end))
      this.at = end
      if (next >= 0) this.markup()
    }
    if (this.open.length) this.fail('no element end')
    if (!this.root) this.fail('no element found')
  }

  private characters(raw: string): void {
    const top = this.open.at(-1)
    if (!top) {
      if (/[^ \t\r\n]/.test(raw)) this.fail('text outside the root element')
      return
    }
    if (raw.includes(']]>')) this.fail('invalid token')
    top[1].pieces.push(this.replaced(raw.replace(/\r\n?/g, '\n')))
  }

  /** References replaced, characters checked. */
  private replaced(raw: string): string {
    if (ILLEGAL.test(raw)) this.fail('invalid token')
    return raw.replace(/&([^;]*)(;?)/g, (_, name: string, end: string) => {
      if (!end) this.fail('invalid token')
      const number = /^#(?:([0-9]+)|x([0-9A-Fa-f]+))$/.exec(name)
      if (!number) {
        if (!Object.hasOwn(ENTITIES, name)) this.fail('undefined entity')
        return ENTITIES[name]!
      }
      const code = number[1] ? Number(number[1]) : parseInt(number[2]!, 16)
      const legal = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)
      const one = legal ? String.fromCodePoint(code) : ''
      if (!legal || ILLEGAL.test(one)) this.fail('reference to invalid character number')
      return one
    })
  }

  private markup(): void {
    const { text } = this
    if (text.startsWith('<!--', this.at)) {
      this.at += 4
      const comment = this.until('-->', 'unclosed token')
      if (comment.includes('--') || comment.endsWith('-')) this.fail('invalid token')
    } else if (text.startsWith('<?', this.at)) {
      this.at += 2
      const name = this.take(NAME)
      if (!name || name.toLowerCase() === 'xml') this.fail('XML or text declaration not at start of entity')
      if (!text.startsWith('?>', this.at) && !/[ \t\r\n]/.test(text[this.at] ?? '')) this.fail('invalid token')
      this.until('?>', 'unclosed token')
    } else if (text.startsWith('<![CDATA[', this.at) && this.open.length) {
      this.at += 9
      this.open.at(-1)![1].pieces.push(this.until(']]>', 'unclosed CDATA section').replace(/\r\n?/g, '\n'))
    } else if (text.startsWith('<!', this.at)) {
      DOCTYPE.lastIndex = this.at
      if (!this.root && DOCTYPE.test(text)) throw new XmlProblem('F-XML-DTD', 'a DOCTYPE is refused', this.where)
      this.fail('invalid token')
    } else if (text.startsWith('</', this.at)) this.close()
    else this.start()
  }

  private close(): void {
    this.at += 2
    const name = this.take(NAME)
    this.take(SPACE)
    if (!name || this.text[this.at] !== '>') this.fail('invalid token')
    if (this.open.pop()?.[0] !== name) this.fail('mismatched tag')
    this.at++
  }

  private start(): void {
    this.at++
    const name = this.take(NAME)
    if (!name) this.fail('invalid token')
    if (this.root && !this.open.length) this.fail('junk after document element')
    const attributes = new Map<string, string>()
    let end = false
    for (;;) {
      const space = this.take(SPACE)
      if (this.text.startsWith('/>', this.at)) {
        end = true
        this.at += 2
        break
      }
      if (this.text[this.at] === '>') {
        this.at++
        break
      }
      const key = space ? this.take(NAME) : null
      if (!key) this.fail(this.at >= this.text.length ? 'unclosed token' : 'invalid token')
      this.attribute(key, attributes)
    }
    this.enter(name, attributes, end)
  }

  private attribute(key: string, attributes: Map<string, string>): void {
    this.take(SPACE)
    if (this.text[this.at] !== '=') this.fail('invalid token')
    this.at++
    this.take(SPACE)
    const quote = this.text[this.at]
    if (quote !== '"' && quote !== "'") this.fail('invalid token')
    this.at++
    const raw = this.until(quote, 'unclosed token')
    if (raw.includes('<')) this.fail('invalid token')
    if (attributes.has(key)) this.fail('duplicate attribute')
    attributes.set(key, this.replaced(raw.replace(/\r\n?|[\t\n]/g, ' ')))
  }

  private enter(name: string, attributes: Map<string, string>, end: boolean): void {
    if (this.open.length >= LIMITS.xmlDepth)
      throw new XmlProblem('F-XML-DEPTH', `XML nested deeper than ${LIMITS.xmlDepth} levels`, this.where)
    if (++this.elements > LIMITS.xmlElements)
      throw new XmlProblem('F-SIZE', `more than ${LIMITS.xmlElements} elements in one document`, this.where)
    const plain = new Map<string, string>()
    for (const [key, value] of attributes) if (!key.startsWith('xmlns')) plain.set(local(key), value)
    const element = new Element(local(name), plain, Number(this.where.slice(5)))
    const top = this.open.at(-1)
    if (top) top[1].children.push(element)
    else {
      this.root = element
      this.namespaced = name.includes(':') || attributes.has('xmlns')
    }
    if (!end) this.open.push([name, element])
  }
}
