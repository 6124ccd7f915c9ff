// Bytes and text: strict decoders, each the counterpart of one of Python's, so that both verifiers read the same.
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export const utf8 = (text: string): Uint8Array => encoder.encode(text)

/** UTF-8 text, `null` if the bytes are something else. */
export function fromUtf8(data: Uint8Array): string | null {
  try {
    return decoder.decode(data)
  } catch {
    return null
  }
}

/** One character a byte. */
export function latin1(data: Uint8Array): string {
  let text = ''
  for (let at = 0; at < data.length; at += 8192) text += String.fromCharCode(...data.subarray(at, at + 8192))
  return text
}

/** The bytes of text whose characters are all below U+0100. */
export function fromLatin1(text: string): Uint8Array {
  const data = new Uint8Array(text.length)
  for (let at = 0; at < data.length; at++) data[at] = text.charCodeAt(at)
  return data
}

const HIGH =
  '€\ufffd‚ƒ„…†‡ˆ‰Š‹Œ\ufffdŽ\ufffd\ufffd‘’“”•–—˜™š›œ\ufffdžŸ'
/** Windows-1252, one character a byte; bytes without a meaning become U+FFFD. */
export const windows1252 = (data: Uint8Array): string =>
  latin1(data).replace(/[\x80-\x9f]/g, (one) => HIGH[one.charCodeAt(0) - 0x80]!)

export const isAscii = (text: string): boolean => !/[^\0-\x7f]/.test(text)
/** Without these characters at both ends; linear, as an expression that ends in `$` is not. */
export function stripped(text: string, of: string): string {
  let [start, end] = [0, text.length]
  while (start < end && of.includes(text[start]!)) start++
  while (end > start && of.includes(text[end - 1]!)) end--
  return text.slice(start, end)
}
/** Without white space of ASCII at both ends. */
export const strip = (text: string): string => stripped(text, ' \t\r\n\v\f')
const SPACE = ' \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000'
const ANY = new RegExp(`[${SPACE}]+`, 'g')
/** Without Unicode white space at both ends. */
export const trim = (text: string): string => stripped(text, SPACE)
/** Without any Unicode white space. */
export const packed = (text: string): string => text.replace(ANY, '')
const unpadded = (text: string): string => {
  let end = text.length
  while (text[end - 1] === '=') end--
  return text.slice(0, end)
}

const HALF = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g
/** Half surrogate pairs as U+FFFD. */
export const whole = (text: string): string => text.replace(HALF, '\ufffd')

export const hex = (data: Uint8Array): string => Array.from(data, (one) => one.toString(16).padStart(2, '0')).join('')

/** Hexadecimal in either case, even length, nothing else. */
export function fromHex(text: string): Uint8Array | null {
  if (text.length % 2 || /[^0-9A-Fa-f]/.test(text)) return null
  const data = new Uint8Array(text.length / 2)
  for (let at = 0; at < data.length; at++) data[at] = parseInt(text.slice(2 * at, 2 * at + 2), 16)
  return data
}

/** Base64 of the standard alphabet, padding may be missing. */
export function fromBase64(text: string): Uint8Array | null {
  const body = unpadded(text)
  if (/[^A-Za-z0-9+/]/.test(body) || body.length % 4 === 1) return null
  return fromLatin1(atob(body))
}

/** Base64 of the URL alphabet, padding may be missing. */
export function fromBase64Url(text: string): Uint8Array | null {
  return /[+/]/.test(text) ? null : fromBase64(text.replaceAll('-', '+').replaceAll('_', '/'))
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
/** Base32 (RFC 4648) in either case, padding may be missing. */
export function fromBase32(text: string): Uint8Array | null {
  const body = unpadded(text)
  if (/[^A-Za-z2-7]/.test(body) || [1, 3, 6].includes(body.length % 8)) return null
  const data = new Uint8Array(Math.floor((body.length * 5) / 8))
  let bits = 0
  let value = 0
  let at = 0
  for (const one of body.toUpperCase()) {
    value = ((value << 5) | BASE32.indexOf(one)) & 0xfff
    bits += 5
    if (bits >= 8) {
      bits -= 8
      data[at++] = (value >> bits) & 0xff
    }
  }
  return data
}

export type Decode = (text: string) => Uint8Array | null
/** Text encodings in the order in which they are tried. */
export const ENCODINGS: Record<string, Decode> = { hex: fromHex, base64: fromBase64, base64url: fromBase64Url, base32: fromBase32 }

export const joined = (...parts: Uint8Array[]): Uint8Array => {
  const data = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    data.set(part, at)
    at += part.length
  }
  return data
}

export const same = (one: Uint8Array, two: Uint8Array): boolean =>
  one.length === two.length && one.every((byte, at) => byte === two[at])

export const toInteger = (data: Uint8Array): bigint => (data.length ? BigInt(`0x${hex(data)}`) : 0n)

/** Big-endian bytes of a number that fits. */
export const fromInteger = (value: bigint, size: number): Uint8Array => fromHex(value.toString(16).padStart(2 * size, '0'))!
