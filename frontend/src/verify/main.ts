import '../app.css'
import './verify.css'
import { mount } from 'svelte'
import { byName, verifies } from './curves'
import { decode } from './encoding'
import { resolve } from './keys'
import { asDict, examine, type Options } from './report'
import Verify from './Verify.svelte'

/** For other programs and for tests. */
const wattproof = {
  /** The report on one document, as `wattproof verify --json` prints it. */
  examine: async (content: Uint8Array | string, options?: Options): Promise<object> => asDict(await examine(content, options)),

  /** Whether a signature in any accepted encoding is one of the message; key as text, hash such as `sha256`. */
  async verifies(curve: string, key: string, hash: string, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
    const found = resolve({ text: key, encoding: 'hex' }, byName(curve)).key
    const parts = found?.kind === 'point' ? decode(found.curve, signature, true) : null
    if (found?.kind !== 'point' || !parts || typeof parts === 'string') return false
    return verifies(found, hash, message, parts.r, parts.s)
  },
}

declare global {
  interface Window {
    wattproof: typeof wattproof
  }
}

window.wattproof = wattproof
const anchor = document.querySelector('footer') ?? undefined // of the finished file: the licences
mount(Verify, { target: document.body, anchor })
