// Published test keys: anyone can compute them, so no record signed with one passes as real. Specification, 0.8.
import { ed25519 } from '@noble/curves/ed25519.js'
import { ed448 } from '@noble/curves/ed448.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { joined, strip, toInteger, utf8 } from './bytes'
import { CURVES, group } from './curves'
import { spki } from './keys'

const ROOT = sha256(utf8('wattproof published test root 1'))
const SALT = utf8('wattproof test key v1')

function derived(name: string, identity: string, length: number): Uint8Array {
  return hkdf(sha256, ROOT, SALT, joined(utf8(name), Uint8Array.of(0), utf8(strip(identity))), length)
}

const kept = new Map<string, Uint8Array | null>()

/** The public test key of an identity (SubjectPublicKeyInfo); `name` is a curve, Ed25519 or Ed448. */
export function testKey(name: string, identity: string): Uint8Array | null {
  const at = `${name}\0${identity}`
  let found = kept.get(at)
  if (found === undefined) {
    found = computed(name, identity)
    if (kept.size > 1000) kept.clear()
    if (identity.length <= 256) kept.set(at, found)
  }
  return found
}

function computed(name: string, identity: string): Uint8Array | null {
  if (name === 'Ed25519') return spki({ kind: 'edwards', name, raw: ed25519.getPublicKey(derived(name, identity, 32)) })
  if (name === 'Ed448') return spki({ kind: 'edwards', name, raw: ed448.getPublicKey(derived(name, identity, 57)) })
  const curve = CURVES.find((one) => one.name === name)
  if (!curve) return null
  const scalar = (toInteger(derived(name, identity, curve.orderBytes + 16)) % (curve.order - 1n)) + 1n
  const { x, y } = group(curve).BASE.multiply(scalar).toAffine()
  return spki({ kind: 'point', curve, x, y })
}
