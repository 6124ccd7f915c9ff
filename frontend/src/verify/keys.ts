// Public keys in every form they are handed around in. The alphabet of a key text never decides: each encoding is tried in
// turn, and the first that yields a key's structure wins. Specification, 0.3.
import { ENCODINGS, fromBase64, fromHex, hex, isAscii, latin1, same, toInteger } from './bytes'
import { CURVES, byOid, holds, pointSpki, type Curve, type PointKey } from './curves'
import { element, elements, sequence } from './der'
import { finding, type Finding, type KeyText } from './records'

export interface EdwardsKey {
  kind: 'edwards'
  name: 'Ed25519' | 'Ed448'
  raw: Uint8Array
}
export type Key = PointKey | EdwardsKey
type Wanted = Curve | 'Ed25519' | 'Ed448' | null

const EC_PUBLIC_KEY = '2a8648ce3d0201'
const EDWARDS = { Ed25519: { oid: '2b6570', size: 32 }, Ed448: { oid: '2b6571', size: 57 } } as const

export const spki = (key: Key): Uint8Array =>
  key.kind === 'point'
    ? pointSpki(key)
    : element(0x30, element(0x30, element(6, fromHex(EDWARDS[key.name].oid)!)), element(3, Uint8Array.of(0), key.raw))

export const equal = (one: Key | null, two: Key | null): boolean =>
  one?.kind === 'point' && two?.kind === 'point'
    ? one.curve === two.curve && one.x === two.x && one.y === two.y
    : one?.kind === 'edwards' && two?.kind === 'edwards'
      ? one.name === two.name && same(one.raw, two.raw)
      : one === two

class KeyRefused extends Error {
  constructor(
    readonly reason: string,
    message: string,
  ) {
    super(message)
  }
}

/** A key, or why there is none. */
export interface DecodedKey {
  key: Key | null
  findings: Finding[]
  reason: string | null
}

function power(base: bigint, exponent: bigint, prime: bigint): bigint {
  let result = 1n
  let value = base % prime
  for (let rest = exponent; rest; rest >>= 1n) {
    if (rest & 1n) result = (result * value) % prime
    value = (value * value) % prime
  }
  return result
}

/** A square root modulo a prime (Tonelli and Shanks). */
function root(square: bigint, prime: bigint): bigint | null {
  const value = ((square % prime) + prime) % prime
  if (power(value, (prime - 1n) / 2n, prime) !== 1n) return value === 0n ? 0n : null
  if (prime % 4n === 3n) return power(value, (prime + 1n) / 4n, prime)
  let odd = prime - 1n
  let twos = 0n
  while (odd % 2n === 0n) {
    odd /= 2n
    twos += 1n
  }
  let witness = 2n
  while (power(witness, (prime - 1n) / 2n, prime) === 1n) witness += 1n
  let steps = twos
  let c = power(witness, odd, prime)
  let t = power(value, odd, prime)
  let found = power(value, (odd + 1n) / 2n, prime)
  while (t !== 1n) {
    let least = 0n
    for (let one = t; one !== 1n; one = (one * one) % prime) least += 1n
    const step = power(c, 1n << (steps - least - 1n), prime)
    steps = least
    c = (step * step) % prime
    t = (t * c) % prime
    found = (found * step) % prime
  }
  return found
}

function on(curve: Curve, x: bigint, y: bigint): PointKey {
  if (!holds(curve, x, y)) throw new KeyRefused('V-KEY-POINT', `the point is not on ${curve.name}`)
  return { kind: 'point', curve, x, y }
}

/** The key of an uncompressed or compressed point (SEC 1, 2.3.4), `null` if the form is neither. */
function point(curve: Curve, data: Uint8Array): PointKey | null {
  const size = curve.fieldBytes
  const form = data[0]
  if (form === 4 && data.length === 2 * size + 1) return on(curve, toInteger(data.subarray(1, 1 + size)), toInteger(data.subarray(1 + size)))
  if ((form === 2 || form === 3) && data.length === size + 1) {
    const x = toInteger(data.subarray(1))
    const y = x < curve.p ? root(x * x * x + curve.a * x + curve.b, curve.p) : null
    if (y === null) throw new KeyRefused('V-KEY-POINT', `no point of ${curve.name} has this X`)
    return on(curve, x, y % 2n === BigInt(form % 2) ? y : curve.p - y)
  }
  if (data.length === 1 && form === 0) throw new KeyRefused('V-KEY-POINT', 'the point is infinity')
  return null
}

/** The key of a point on a curve, `null` for whatever is none. */
export function pointOn(curve: Curve, data: Uint8Array): PointKey | null {
  try {
    return point(curve, data)
  } catch (problem) {
    if (problem instanceof KeyRefused) return null
    throw problem
  }
}

/** A key without a curve of its own: a point, X and Y side by side, or the bytes of an Edwards key. */
function bare(curve: Wanted, data: Uint8Array): Key | null {
  if (curve === null) return null
  if (typeof curve === 'string') return data.length === EDWARDS[curve].size ? { kind: 'edwards', name: curve, raw: data } : null
  const found = point(curve, data)
  const size = curve.fieldBytes
  if (found) return found
  if (data.length === 2 * size) return on(curve, toInteger(data.subarray(0, size)), toInteger(data.subarray(size)))
  const form = data[0]!
  if (form === 2 || form === 3 || form === 4)
    for (const other of CURVES)
      if (data.length === (form === 4 ? 2 * other.fieldBytes : other.fieldBytes) + 1)
        throw new KeyRefused('V-CURVE-MISMATCH', `a point of ${data.length} bytes does not belong to ${curve.name}`)
  return null
}

/** The key in SubjectPublicKeyInfo, `null` if the structure is another. */
function fromSpki(data: Uint8Array): Key | null {
  const outer = sequence(data)
  if (outer?.length !== 2 || outer[0]!.tag !== 0x30 || outer[1]!.tag !== 3) return null
  const algorithm = elements(outer[0]!.content)
  const bits = outer[1]!.content
  if (!algorithm?.length || algorithm[0]!.tag !== 6 || bits[0] !== 0) return null
  const oid = hex(algorithm[0]!.content)
  for (const name of ['Ed25519', 'Ed448'] as const)
    if (oid === EDWARDS[name].oid && algorithm.length === 1 && bits.length === EDWARDS[name].size + 1)
      return { kind: 'edwards', name, raw: bits.subarray(1) }
  if (oid !== EC_PUBLIC_KEY) throw new KeyRefused('V-KEY-ENCODING', 'the key is not one of an elliptic curve')
  if (algorithm.length !== 2 || algorithm[1]!.tag !== 6) throw new KeyRefused('V-KEY-ENCODING', 'the key does not name its curve')
  const curve = byOid(algorithm[1]!.content)
  if (!curve) throw new KeyRefused('V-KEY-ENCODING', "the key's curve is not one of signed meter values")
  const found = point(curve, bits.subarray(1))
  if (!found) throw new KeyRefused('V-KEY-POINT', `the key holds no point of ${curve.name}`)
  return found
}

/** SubjectPublicKeyInfo inside an X.509 certificate (RFC 5280, 4.1), `null` if the structure is another. */
function certified(data: Uint8Array): Uint8Array | null {
  const outer = sequence(data)
  if (outer?.length !== 3 || outer[0]!.tag !== 0x30 || outer[1]!.tag !== 0x30 || outer[2]!.tag !== 3) return null
  let fields = elements(outer[0]!.content)
  if (!fields?.length) return null
  if (fields[0]!.tag === 0xa0) fields = fields.slice(1)
  if (fields.length < 6 || fields.slice(0, 6).some((one, at) => one.tag !== [2, 0x30, 0x30, 0x30, 0x30, 0x30][at])) return null
  return element(0x30, fields[5]!.content)
}

const CERTIFICATE = finding('F-KEY-CERT', 'info', 'the key was taken from a certificate, its chain is not checked')

/** The key that the bytes are, by their structure. */
function structure(data: Uint8Array, curve: Wanted): DecodedKey | null {
  const found = fromSpki(data)
  if (found) return { key: found, findings: [], reason: null }
  const inner = certified(data)
  const inside = inner && fromSpki(inner)
  if (inside) return { key: inside, findings: [CERTIFICATE], reason: null }
  const key = bare(curve, data)
  return key && { key, findings: [], reason: null }
}

/** The hexadecimal text inside an OCA wrapper, `null` if there is no wrapper. */
function unwrapped(text: string): string | null {
  const match = /^oca:(base16|base64):asn1:([^]*)$/i.exec(text)
  if (!match) return null
  const [, encoding = '', key = ''] = match
  if (encoding.toLowerCase() === 'base64') {
    const data = fromBase64(key)
    if (!data) throw new KeyRefused('V-KEY-ENCODING', 'the OCA wrapper holds no Base64')
    return hex(data)
  }
  return (/^0x/i.test(key) ? key.slice(2) : key).replace(/[^0-9A-Fa-f]+/g, '')
}

function read(given: string, stated: string | null, curve: Wanted, wrapped = false): DecodedKey | null {
  const inner = unwrapped(given)
  const text = inner ?? given
  const declared = inner === null ? stated : 'hex'
  const known = declared !== null && Object.hasOwn(ENCODINGS, declared)
  const names = Object.keys(ENCODINGS)
  if (known) names.unshift(...names.splice(names.indexOf(declared), 1))
  let refused: KeyRefused | null = null
  for (const name of names) {
    const data = ENCODINGS[name]!(text)
    if (!data?.length) continue
    let found: DecodedKey | null = null
    try {
      found = structure(data, curve)
      const plain = latin1(data)
      // OCPP: a wrapper or hexadecimal text once more in Base64
      if (!found && !wrapped && isAscii(plain)) found = read(clean(plain), null, curve, true)
    } catch (problem) {
      if (!(problem instanceof KeyRefused)) throw problem
      refused ??= problem
      continue
    }
    if (!found) continue
    if (known && name !== declared) {
      const note = finding('F-KEY-ENC', 'info', `the key is written in ${name}, not in ${declared}`)
      return { ...found, findings: [...found.findings, note] }
    }
    return found
  }
  if (refused) throw refused
  return text.startsWith('AC') && !wrapped ? read(text.slice(2), 'hex', curve, true) : null
}

/** Without PEM armour and ASCII white space. */
const clean = (text: string): string => text.replace(/-----[A-Z0-9 ]{0,64}-----/g, '').replace(/[ \t\r\n\v\f]/g, '')

const LONGEST = 64 * 1024
const kept = new Map<string, DecodedKey>()

/** The public key in a text. `curve` is that of the algorithm, to which a bare point is tied. Never throws. */
export function resolve({ text, encoding }: Pick<KeyText, 'text' | 'encoding'>, curve: Wanted): DecodedKey {
  const name = curve === null ? '' : typeof curve === 'string' ? curve : curve.name
  const at = `${name}\0${encoding}\0${text}`
  let found = text.length <= 2048 ? kept.get(at) : undefined
  if (!found) {
    found = decode(text, encoding?.toLowerCase() ?? null, curve)
    if (kept.size > 2000) kept.clear()
    if (text.length <= 2048) kept.set(at, found)
  }
  return found
}

function decode(text: string, declared: string | null, curve: Wanted): DecodedKey {
  let reason = 'V-KEY-ENCODING'
  try {
    const found = text.length > LONGEST ? null : read(clean(text), declared || null, curve)
    if (found) return found
  } catch (problem) {
    if (!(problem instanceof KeyRefused)) throw problem
    reason = problem.reason
  }
  return { key: null, findings: [], reason }
}

/** Whether a document is a public key rather than a record. */
export const looksLikeKey = (text: string): boolean =>
  text.length <= LONGEST && [null, ...CURVES].some((curve) => resolve({ text, encoding: null }, curve).key !== null)
