// The curves of signed meter values. P-256, P-384 and P-521 go through WebCrypto where it has them, the others (and all of
// them where there is no WebCrypto) through @noble/curves. Parameters are those of the Python verifier (data.json).
import { ecdsa, weierstrass, type ECDSA, type WeierstrassPointCons } from '@noble/curves/abstract/weierstrass.js'
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js'
import { fromHex, fromInteger, hex, joined } from './bytes'
import data from './data.json'
import { element } from './der'

export interface Curve {
  name: string
  oid: Uint8Array
  names: string[]
  p: bigint
  a: bigint
  b: bigint
  gx: bigint
  gy: bigint
  order: bigint
  fieldBytes: number
  orderBytes: number
  integerBytes: number
}

const bits = (value: bigint): number => value.toString(2).length

export const CURVES: Curve[] = data.curves.map((row) => {
  const [p, a, b, gx, gy, order] = [row.p, row.a, row.b, row.gx, row.gy, row.order].map((text) => BigInt(`0x${text}`)) as [
    bigint, bigint, bigint, bigint, bigint, bigint,
  ]
  const size = bits(order)
  return {
    name: row.name,
    oid: fromHex(row.oid)!,
    names: [row.name, ...row.aliases].map((name) => name.toLowerCase()),
    p, a, b, gx, gy, order,
    fieldBytes: Math.ceil(bits(p) / 8),
    orderBytes: Math.ceil(size / 8),
    integerBytes: Math.floor(size / 8) + 1,
  }
})

export const byName = (name: string): Curve | null => CURVES.find((curve) => curve.names.includes(name.toLowerCase())) ?? null
export const byOid = (oid: Uint8Array): Curve | null => CURVES.find((curve) => hex(curve.oid) === hex(oid)) ?? null

/** Whether the affine point lies on the curve. */
export const holds = ({ p, a, b }: Curve, x: bigint, y: bigint): boolean =>
  x >= 0n && x < p && y >= 0n && y < p && (y * y - (x * x * x + a * x + b)) % p === 0n

export interface PointKey {
  kind: 'point'
  curve: Curve
  x: bigint
  y: bigint
}

export const pointBytes = ({ curve, x, y }: PointKey): Uint8Array =>
  joined(Uint8Array.of(4), fromInteger(x, curve.fieldBytes), fromInteger(y, curve.fieldBytes))

const EC_PUBLIC_KEY = fromHex('06072a8648ce3d0201')!
/** SubjectPublicKeyInfo with named curve and uncompressed point (RFC 5480), DER. */
export const pointSpki = (key: PointKey): Uint8Array =>
  element(0x30, element(0x30, EC_PUBLIC_KEY, element(6, key.curve.oid)), element(3, Uint8Array.of(0), pointBytes(key)))

const HASHES = { sha256, sha384, sha512 }
export type HashName = keyof typeof HASHES
export const digest = (name: string, message: Uint8Array): Uint8Array => HASHES[name as HashName](message)

const points = new Map<string, WeierstrassPointCons<bigint>>()
/** The group of a curve in the library. */
export function group(curve: Curve): WeierstrassPointCons<bigint> {
  let found = points.get(curve.name)
  if (!found) {
    const { p, order: n, a, b, gx: Gx, gy: Gy } = curve
    found = weierstrass({ p, n, h: 1n, a, b, Gx, Gy })
    points.set(curve.name, found)
  }
  return found
}

const verifiers = new Map<string, ECDSA>()
function library(curve: Curve): ECDSA {
  let found = verifiers.get(curve.name)
  if (!found) {
    found = ecdsa(group(curve), sha256)
    verifiers.set(curve.name, found)
  }
  return found
}

const BROWSER: Record<string, string> = { secp256r1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }
const SPELLED: Record<string, string> = { sha256: 'SHA-256', sha384: 'SHA-384', sha512: 'SHA-512' }
const handles = new Map<string, Promise<CryptoKey | null>>()

function browserKey(key: PointKey): Promise<CryptoKey | null> {
  const name = BROWSER[key.curve.name]
  const subtle = globalThis.crypto?.subtle
  if (!name || !subtle) return Promise.resolve(null)
  const raw = pointBytes(key)
  const kept = hex(raw)
  let found = handles.get(kept)
  if (!found) {
    const algorithm = { name: 'ECDSA', namedCurve: name }
    found = subtle.importKey('raw', raw as BufferSource, algorithm, false, ['verify']).catch(() => null)
    if (handles.size > 1000) handles.clear()
    handles.set(kept, found)
  }
  return found
}

/** Whether (r, s), both inside 1..order-1, is a signature of the message. */
export async function verifies(key: PointKey, hash: string, message: Uint8Array, r: bigint, s: bigint): Promise<boolean> {
  const size = key.curve.orderBytes
  const signature = joined(fromInteger(r, size), fromInteger(s, size))
  const handle = await browserKey(key)
  if (handle) {
    const algorithm = { name: 'ECDSA', hash: SPELLED[hash]! }
    return crypto.subtle.verify(algorithm, handle, signature as BufferSource, message as BufferSource)
  }
  return library(key.curve).verify(signature, digest(hash, message), pointBytes(key), { prehash: false, lowS: false })
}
