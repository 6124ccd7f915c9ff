// Encodings of one byte a character that an XML file may declare, in both directions.
import { latin1 } from './bytes'

export interface Charset {
  /** `null`: a byte that the encoding does not have. */
  decode: (data: Uint8Array) => string | null
  encode: (text: string) => Uint8Array | null
}

const LATIN1 = /^(?:iso[-_]?8859[-_]?1|latin[-_]?1|l1|cp819|ibm819|8859|iso8859)$/
/** Names that Python and browsers share. */
const OTHERS = /^(?:iso[-_]?8859[-_]?(\d{1,2})|(?:windows[-_]?|cp)(125[0-8])|koi8[-_]?[ru])$/
const kept = new Map<string, Charset | null>()

function table(name: string): (string | null)[] | null {
  if (LATIN1.test(name)) return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte))
  const match = OTHERS.exec(name)
  if (!match) return null
  const label = match[1] ? `iso-8859-${match[1]}` : match[2] ? `windows-${match[2]}` : name.replace(/^koi8[-_]?/, 'koi8-')
  let decoder: TextDecoder
  try {
    decoder = new TextDecoder(label, { fatal: true })
  } catch {
    return null
  }
  return Array.from({ length: 256 }, (_, byte) => {
    if (byte < 0x80 || (match[1] && byte < 0xa0)) return String.fromCharCode(byte)
    try {
      const one = decoder.decode(Uint8Array.of(byte))
      return one >= '\x80' && one < '\xa0' ? null : one
    } catch {
      return null
    }
  })
}

/** The encoding of that name, `null` if it is none of one byte a character, or not known here. */
export function singleByte(given: string): Charset | null {
  const name = given.toLowerCase()
  let found = kept.get(name)
  if (found === undefined) {
    found = made(name)
    if (kept.size < 100) kept.set(name, found)
  }
  return found
}

function made(name: string): Charset | null {
  const characters = table(name)
  if (!characters) return null
  const back = new Map<string, number>()
  for (const [byte, one] of characters.entries()) if (one !== null && !back.has(one)) back.set(one, byte)
  return {
    decode(data) {
      if (LATIN1.test(name)) return latin1(data)
      let text = ''
      for (const byte of data) {
        const one = characters[byte]
        if (one === null || one === undefined) return null
        text += one
      }
      return text
    },
    encode(text) {
      const bytes = []
      for (const one of text) {
        const byte = back.get(one)
        if (byte === undefined) return null
        bytes.push(byte)
      }
      return Uint8Array.from(bytes)
    },
  }
}
