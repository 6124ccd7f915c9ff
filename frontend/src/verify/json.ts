// JSON of untrusted origin: where a value ends, how deep it is, which keys it repeats, and numbers as written.
import { whole } from './bytes'
import { MOST_FINDINGS, type Finding } from './records'

/** A number as it was written. */
export class Num {
  constructor(readonly text: string) {}
}

/** An object. Of a key that occurs more than once the last value counts; `repeated` names such keys in order. */
export class Obj {
  readonly fields = new Map<string, Json>()
  repeated: string[] = []
  get(key: string): Json | undefined {
    return this.fields.get(key)
  }
  has(key: string): boolean {
    return this.fields.has(key)
  }
}

export type Json = null | boolean | string | Num | Json[] | Obj

export class JsonProblem extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly offset: number,
  ) {
    super(message)
  }
}

export interface Scanned {
  value: Json
  end: number
  controls: boolean
  repeated: boolean
}

export const DEPTH = 32
const LONGEST_PART = 64
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const ESCAPES: Record<string, string> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

export function skipSpace(text: string, start: number): number {
  let at = start
  while (at < text.length && ' \t\r\n'.includes(text[at]!)) at++
  return at
}

/** Raises `F-JSON-DEPTH` if the value at `start` nests too deeply; linear, before anything recursive runs. */
function checkDepth(text: string, start: number): void {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const one = text[at]
    if (one === '"') {
      for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === '\\') at++
    } else if (one === '{' || one === '[') {
      if (++depth > DEPTH) throw new JsonProblem('F-JSON-DEPTH', `JSON nested deeper than ${DEPTH} levels`, at)
    } else if ((one === '}' || one === ']') && --depth <= 0) return
  }
}

class Scanner {
  controls = false
  repeated = false
  constructor(
    readonly text: string,
    public at: number,
    readonly constants = false,
  ) {}

  fail(message: string, at = this.at): never {
    throw new JsonProblem('F-JSON', `no JSON: ${message}`, at)
  }

  value(): Json {
    const { text, at } = this
    const one = text[at]
    if (one === '"') return this.string()
    if (one === '{') return this.object()
    if (one === '[') return this.list()
    for (const [word, meaning] of [['null', null], ['true', true], ['false', false]] as const)
      if (text.startsWith(word, at)) {
        this.at += word.length
        return meaning
      }
    NUMBER.lastIndex = at
    const match = NUMBER.exec(text) ?? (this.constants ? /^(?:NaN|-?Infinity)/.exec(text.slice(at, at + 9)) : null)
    if (!match) this.fail('no value')
    this.at += match[0].length
    return new Num(match[0])
  }

  string(): string {
    const { text } = this
    const start = this.at
    let found = ''
    let from = ++this.at
    for (;;) {
      const one = text[this.at]
      if (one === undefined) this.fail('unterminated string', start)
      if (one === '"') {
        found += text.slice(from, this.at++)
        return found
      }
      if (one < ' ') this.controls = true
      if (one !== '\\') {
        this.at++
        continue
      }
      found += text.slice(from, this.at)
      const escape = text[this.at + 1]
      if (escape === 'u') {
        const digits = text.slice(this.at + 2, this.at + 6)
        if (!/^[0-9A-Fa-f]{4}$/.test(digits)) this.fail('invalid \\u escape')
        found += String.fromCharCode(parseInt(digits, 16))
        this.at += 6
      } else {
        const meaning = escape === undefined ? undefined : ESCAPES[escape]
        if (meaning === undefined) this.fail('invalid escape')
        found += meaning
        this.at += 2
      }
      from = this.at
    }
  }

  list(): Json[] {
    const found: Json[] = []
    this.at = skipSpace(this.text, this.at + 1)
    if (this.text[this.at] === ']') {
      this.at++
      return found
    }
    for (;;) {
      found.push(this.value())
      this.at = skipSpace(this.text, this.at)
      const one = this.text[this.at]
      if (one === ']') {
        this.at++
        return found
      }
      if (one !== ',') this.fail("expecting ',' or ']'")
      this.at = skipSpace(this.text, this.at + 1)
    }
  }

  object(): Obj {
    const found = new Obj()
    const repeated = new Set<string>()
    this.at = skipSpace(this.text, this.at + 1)
    if (this.text[this.at] === '}') {
      this.at++
      return found
    }
    for (;;) {
      if (this.text[this.at] !== '"') this.fail('expecting a key in double quotes')
      const key = this.string()
      this.at = skipSpace(this.text, this.at)
      if (this.text[this.at] !== ':') this.fail("expecting ':'")
      this.at = skipSpace(this.text, this.at + 1)
      if (found.fields.has(key)) repeated.add(key)
      found.fields.set(key, this.value())
      this.at = skipSpace(this.text, this.at)
      const one = this.text[this.at]
      if (one === '}') {
        this.at++
        found.repeated = [...repeated]
        this.repeated ||= repeated.size > 0
        return found
      }
      if (one !== ',') this.fail("expecting ',' or '}'")
      this.at = skipSpace(this.text, this.at + 1)
    }
  }
}

function wholeCharacters(value: Json): Json {
  if (typeof value === 'string') return whole(value)
  if (Array.isArray(value)) return value.map(wholeCharacters)
  if (value instanceof Obj) {
    const items = [...value.fields]
    value.fields.clear()
    for (const [key, item] of items) value.fields.set(whole(key), wholeCharacters(item))
  }
  return value
}

/** The JSON value that starts at `start` (no white space before it), with NaN and the infinities as numbers if `constants` are
 * asked for. Throws `JsonProblem`. */
export function scan(text: string, start = 0, constants = false): Scanned {
  checkDepth(text, start)
  const scanner = new Scanner(text, start, constants)
  let value = scanner.value()
  const escape = text.indexOf('\\u', start)
  if (escape >= 0 && escape < scanner.at) value = wholeCharacters(value)
  // A repetition inside a value that was itself replaced by a repeated key is gone, so ask what is left.
  const repeated = scanner.repeated && !repeatedKeys(value).next().done
  return { value, end: scanner.at, controls: scanner.controls, repeated }
}

/** The path of every key that occurs more than once. */
export function* repeatedKeys(value: Json, trail: string[] = []): Generator<string[]> {
  if (value instanceof Obj) {
    for (const key of value.repeated) yield [...trail, key]
    for (const [key, item] of value.fields) if (item instanceof Obj || Array.isArray(item)) yield* repeatedKeys(item, [...trail, key])
  } else if (Array.isArray(value)) {
    for (const [place, item] of value.entries()) if (item instanceof Obj || Array.isArray(item)) yield* repeatedKeys(item, [...trail, String(place)])
  }
}

/** At most that many of what a generator gives. */
export function first<T>(items: Iterable<T>, most: number): T[] {
  const found: T[] = []
  if (most > 0)
    for (const item of items) {
      found.push(item)
      if (found.length >= most) break
    }
  return found
}

export const pathText = (path: string[]): string =>
  path.map((part) => whole(part.length <= LONGEST_PART ? part : `${part.slice(0, LONGEST_PART)}...`)).join('/')

const control = (where: string): Finding => ({
  code: 'F-JSON-CTRL',
  severity: 'warning',
  message: 'a raw control character stands in a string',
  where,
})

/** A whole JSON document and the findings about its text. Throws `JsonProblem`. */
export function load(text: string): { value: Json; findings: Finding[] } {
  const scanned = scan(text, skipSpace(text, 0))
  const end = skipSpace(text, scanned.end)
  if (end !== text.length) throw new JsonProblem('F-JSON', 'text after the JSON value', end)
  return { value: scanned.value, findings: scanned.controls ? [control('/')] : [] }
}

/** `F-JSON-CTRL` and `F-JSON-DUPKEY` of a scanned value; `where` stands before each path. */
export function formFindings(scanned: Scanned, where = '/'): Finding[] {
  const found = scanned.controls ? [control(where)] : []
  return scanned.repeated ? [...found, ...repeatedFindings(repeatedKeys(scanned.value), where)] : found
}

export function repeatedFindings(paths: Iterable<string[]>, where = '/'): Finding[] {
  const found: Finding[] = []
  let further = 0
  for (const path of paths) {
    if (found.length >= MOST_FINDINGS) further++
    else {
      const text = pathText(path)
      const message = 'the key occurs more than once, the last value is shown'
      found.push({ code: `F-JSON-DUPKEY:${text}`, severity: 'error', message, where: where + text })
    }
  }
  if (further) {
    const message = `${further} more keys occur more than once, the last value of each is shown`
    found.push({ code: 'F-JSON-DUPKEY', severity: 'error', message, where })
  }
  return found
}

/** A value used as text: texts as they are, numbers as they were written, everything else as missing. */
export const textOf = (value: Json | undefined): string | null =>
  typeof value === 'string' ? value : value instanceof Num ? value.text : null
