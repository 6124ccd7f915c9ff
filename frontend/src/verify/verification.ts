// The signature verdict of a unit: which key decides, what is hashed, and which hints may be given. Specification, 0.1.
import { ed25519 } from '@noble/curves/ed25519.js'
import { ed448 } from '@noble/curves/ed448.js'
import { fromLatin1, fromUtf8, latin1, same } from './bytes'
import { verifies, type PointKey } from './curves'
import { decode, withoutTrailing, type Decoded } from './encoding'
import { equal, resolve, spki, type DecodedKey, type EdwardsKey, type Key } from './keys'
import { finding, judged, type Alternative, type KeyText, type SignedRecord, type Unit } from './records'
import { testKey } from './testkeys'

type Wanted = Parameters<typeof resolve>[1]

const DEVIATIONS = {
  'DER-INT': finding('F-SIG-DER-INT', 'error', 'an INTEGER of the signature lacks its sign byte or has one too many', 'signature'),
  RAW: finding('F-SIG-RAW', 'error', 'the signature is r and s side by side instead of DER', 'signature'),
}

/** Judges the signature of a unit; gives its record, another one if the input had to be read in another way to verify. */
export async function verify(unit: Unit, trusted: KeyText | null): Promise<SignedRecord> {
  const { algorithm, record } = unit
  record.signatureBytes = unit.signature
  if (!algorithm) return record
  record.hash = algorithm.hash
  const found = trusted ? [trusted, ...unit.keys] : unit.keys
  const deciding = found[0]
  if (!deciding) {
    record.signature = { ...judged('no-key', 'V-NO-KEY'), algorithm: algorithm.name }
    return record
  }
  const curve: Wanted = algorithm.method === 'ECDSA' ? algorithm.curve : algorithm.method
  const decoded = resolve(deciding, curve)
  const { key } = decoded
  record.findings.push(...decoded.findings)
  if (!key) {
    record.signature = { ...judged('key-error', decoded.reason), algorithm: algorithm.name, keySource: deciding.source }
    for (const other of found.slice(1))
      if (await would(unit, resolve(other, curve).key)) {
        record.signature.hints.push('would_verify_with_other_key')
        break
      }
    return record
  }
  const named = algorithm.name ?? (key.kind === 'point' ? `ECDSA-${key.curve.name}-${algorithm.hash.toUpperCase()}` : null)
  record.signature = { ...judged('valid'), algorithm: named, publicKey: spki(key), keySource: deciding.source }
  if (key.kind === 'point' && (curve === null || key.curve === curve)) await judge(unit, key)
  else await judgeUnusual(unit, key, curve)
  if (found.length > 1) await compare(unit, key, found.slice(1), curve)
  return unit.record
}

const hashOf = (unit: Unit): string => unit.algorithm?.hash ?? 'sha256'
const holds = (unit: Unit, key: PointKey, parts: Decoded, signed: Uint8Array, hash = hashOf(unit)): Promise<boolean> =>
  verifies(key, hash, signed, parts.r, parts.s)

async function judge(unit: Unit, key: PointKey): Promise<void> {
  const { signature } = unit.record
  const parts = decode(key.curve, unit.signature, unit.raw)
  if (typeof parts === 'string') {
    signature.verdict = 'invalid'
    signature.reason = parts
    const shorter = withoutTrailing(key.curve, unit.signature)
    if (shorter && (await holds(unit, key, shorter, unit.record.signed))) signature.hints.push('would_verify_without_trailing_bytes')
    return
  }
  if (parts.form !== 'DER') unit.record.findings.push(DEVIATIONS[parts.form])
  if (await holds(unit, key, parts, unit.record.signed)) return
  for (const other of unit.alternatives)
    if (await holds(unit, key, parts, other.signed)) {
      adopt(unit, other)
      return
    }
  signature.verdict = 'invalid'
  signature.reason = 'V-MISMATCH'
  signature.hints.push(...(await hints(unit, key, parts)))
}

/** Another reading of the input verified: its bytes are the signed ones, its content is shown. */
function adopt(unit: Unit, { signed, finding: note, record }: Alternative): void {
  if (record) {
    record.signature = unit.record.signature
    record.signatureBytes = unit.record.signatureBytes
    record.hash = unit.record.hash
    const known = new Set(record.findings.map((one) => JSON.stringify(one)))
    record.findings.push(...unit.record.findings.filter((one) => !known.has(JSON.stringify(one))))
    unit.record = record
  }
  unit.record.signed = signed
  unit.record.findings.push(note)
}

/** What would have verified; none of it changes the verdict. */
async function hints(unit: Unit, key: PointKey, parts: Decoded): Promise<string[]> {
  const { signed } = unit.record
  const found = []
  if (hashOf(unit) !== 'sha256' && (await holds(unit, key, parts, signed, 'sha256'))) found.push('would_verify_as_sha256')
  const bytes = latin1(signed)
  const ends = fromLatin1(bytes.replaceAll('\r\n', '\n').replaceAll('\n', '\r\n'))
  if (bytes.includes('\n') && (await holds(unit, key, parts, ends))) found.push('would_verify_with_crlf')
  const text = /[^\0-\x7f]/.test(bytes) ? fromUtf8(signed) : null
  if (text && !/[^\0-\xff]/.test(text) && (await holds(unit, key, parts, fromLatin1(text)))) found.push('would_verify_as_latin1')
  return found
}

function edwards(key: EdwardsKey, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return key.name === 'Ed25519' ? ed25519.verify(signature, message, key.raw, { zip215: false }) : ed448.verify(signature, message, key.raw)
  } catch {
    return false
  }
}

/** EdDSA, or a key whose curve is not the one that the algorithm names. */
async function judgeUnusual(unit: Unit, key: Key, curve: Wanted): Promise<void> {
  const { signature } = unit.record
  if (key.kind === 'edwards' && key.name === curve) {
    if (edwards(key, unit.record.signed, unit.signature)) return
    const other = unit.alternatives.find((one) => edwards(key, one.signed, unit.signature))
    if (other) {
      adopt(unit, other)
      return
    }
    signature.verdict = 'invalid'
    signature.reason = unit.signature.length === (key.name === 'Ed25519' ? 64 : 114) ? 'V-MISMATCH' : 'V-SIG-ENCODING'
    return
  }
  signature.verdict = 'key-error'
  signature.reason = 'V-CURVE-MISMATCH'
  if (key.kind === 'point' && curve !== null && typeof curve !== 'string' && (await would(unit, key)))
    signature.hints.push('would_verify_with_key_curve')
}

/** Whether the signature verifies with another key than the deciding one, whatever the algorithm says of curves. */
async function would(unit: Unit, key: Key | null): Promise<boolean> {
  if (!key) return false
  if (key.kind === 'edwards') return edwards(key, unit.record.signed, unit.signature)
  if (unit.algorithm?.hash === 'none') return false // EdDSA hashes by itself
  const parts = decode(key.curve, unit.signature, unit.raw)
  if (typeof parts === 'string') return false
  for (const data of [unit.record.signed, ...unit.alternatives.map((one) => one.signed)]) if (await holds(unit, key, parts, data)) return true
  return false
}

/** Other keys beside the deciding one: a warning if it verifies, a conflict if it does not (0.1). */
async function compare(unit: Unit, key: Key, others: KeyText[], curve: Wanted): Promise<void> {
  const { signature } = unit.record
  const differing: [KeyText, DecodedKey][] = []
  for (const other of others) {
    const decoded = resolve(other, curve)
    if (!equal(decoded.key, key)) differing.push([other, decoded])
  }
  if (!differing.length) return
  if (signature.verdict === 'valid') {
    const names = [...new Set(differing.map(([text]) => text.source))].sort().join(' and ')
    unit.record.findings.push(finding('F-KEY-DIFFERS', 'warning', `the ${names} key is another one than the key that verifies`, 'key'))
    return
  }
  let fits = false
  for (const [, decoded] of differing) fits ||= await would(unit, decoded.key)
  const usable = differing.some(([, decoded]) => decoded.key !== null)
  if ((signature.reason === 'V-MISMATCH' && usable) || (signature.reason === 'V-CURVE-MISMATCH' && fits)) {
    signature.verdict = 'key-error'
    signature.reason = 'V-KEY-CONFLICT'
  }
  if (fits) signature.hints.push('would_verify_with_other_key')
}

/** Whether the record is valid and its key is the published test key of an identity that it holds. */
export function isTestKey({ signature, identityTexts }: SignedRecord): boolean {
  const { publicKey, algorithm } = signature
  if (signature.verdict !== 'valid' || !publicKey || !algorithm) return false
  const name = algorithm.split('-')[1]!
  return identityTexts.some((identity) => {
    const key = testKey(name, identity)
    return key !== null && same(key, publicKey)
  })
}
