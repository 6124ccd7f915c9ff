// The little of DER (X.690) that keys need: single-byte tags, definite lengths in their shortest form.
import { joined } from './bytes'

export function element(tag: number, ...contents: Uint8Array[]): Uint8Array {
  const content = joined(...contents)
  const size = content.length
  const head = size < 0x80 ? [tag, size] : size < 0x100 ? [tag, 0x81, size] : [tag, 0x82, size >> 8, size & 0xff]
  return joined(Uint8Array.from(head), content)
}

export interface Element {
  tag: number
  content: Uint8Array
}

/** The elements that follow each other in `data`; `null` unless they fill it exactly. */
export function elements(data: Uint8Array): Element[] | null {
  const found: Element[] = []
  let at = 0
  while (at < data.length) {
    if (at + 2 > data.length) return null
    const tag = data[at]!
    let size = data[at + 1]!
    at += 2
    if (size & 0x80) {
      const count = size & 0x7f
      if (count < 1 || count > 4 || at + count > data.length || data[at] === 0) return null
      size = data.subarray(at, at + count).reduce((sum, byte) => sum * 256 + byte, 0)
      at += count
      if (size < 0x80) return null
    }
    if (at + size > data.length) return null
    found.push({ tag, content: data.subarray(at, at + size) })
    at += size
  }
  return found
}

/** The elements of the one SEQUENCE that `data` is. */
export function sequence(data: Uint8Array): Element[] | null {
  const outer = data[0] === 0x30 ? elements(data) : null
  return outer?.length === 1 ? elements(outer[0]!.content) : null
}
