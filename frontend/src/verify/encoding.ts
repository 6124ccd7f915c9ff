// From the bytes of a signature to its two integers: DER, DER-INT (an INTEGER without its sign byte or with a superfluous
// one) and RAW. Every refusal has a reason; no library decides about encodings. Specification, 0.2.
import { toInteger } from './bytes'
import type { Curve } from './curves'

export type Form = 'DER' | 'DER-INT' | 'RAW'
export interface Decoded {
  r: bigint
  s: bigint
  form: Form
}
export type Refusal = 'V-SIG-ENCODING' | 'V-SIG-RANGE'

/** Contents of the two INTEGERs and the end of the SEQUENCE, lengths in their shortest form. */
function frame(data: Uint8Array): [Uint8Array, Uint8Array, number] | null {
  if (data.length < 8 || data[0] !== 0x30) return null
  let size = data[1]!
  let at = 2
  if (size === 0x81) {
    size = data[2]!
    at = 3
    if (size < 0x80) return null
  } else if (size > 0x7f) return null
  const end = at + size
  if (end > data.length || size < 6 || data[at] !== 2) return null
  const first = at + 2 + data[at + 1]!
  if (data[at + 1]! > 0x7f || first + 2 > end || data[first] !== 2) return null
  const second = first + 2 + data[first + 1]!
  if (data[first + 1]! > 0x7f || second !== end) return null
  return [data.subarray(at + 2, first), data.subarray(first + 2, second), end]
}

const canonical = (content: Uint8Array): boolean =>
  content.length > 0 && content[0]! < 0x80 && (content[0]! > 0 || content.length === 1 || content[1]! > 0x7f)

const ranged = (curve: Curve, r: bigint, s: bigint, form: Form): Decoded | Refusal =>
  r > 0n && r < curve.order && s > 0n && s < curve.order ? { r, s, form } : 'V-SIG-RANGE'

/** r and s, tried as DER, DER-INT, then RAW where the length is that of two numbers. */
export function decode(curve: Curve, data: Uint8Array, raw: boolean): Decoded | Refusal {
  const framed = frame(data)
  if (framed && framed[2] === data.length) {
    const [one, two] = framed
    if (canonical(one) && canonical(two)) return ranged(curve, toInteger(one), toInteger(two), 'DER')
    const most = curve.integerBytes
    if (one.length && one.length <= most && two.length && two.length <= most)
      return ranged(curve, toInteger(one), toInteger(two), 'DER-INT')
  }
  const size = curve.orderBytes
  if (raw && data.length === 2 * size) return ranged(curve, toInteger(data.subarray(0, size)), toInteger(data.subarray(size)), 'RAW')
  return 'V-SIG-ENCODING'
}

/** The signature that stands before trailing bytes. */
export function withoutTrailing(curve: Curve, data: Uint8Array): Decoded | null {
  const framed = frame(data)
  if (!framed || framed[2] >= data.length) return null
  const found = decode(curve, data.subarray(0, framed[2]), false)
  return typeof found === 'string' ? null : found
}
