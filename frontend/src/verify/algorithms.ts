// Names of signature algorithms as OCMF writes them: method, curve, hash. Specification, 0.2 and 1.11.
import { byName } from './curves'
import { finding, type Algorithm, type Finding } from './records'

const DEFINED = new Set(
  ['secp192k1', 'secp256k1', 'secp192r1', 'secp256r1', 'secp384r1', 'brainpool256r1', 'brainpool384r1'].map((name) => `ecdsa-${name}-sha256`),
)
const ALIAS = finding('F-SA-ALIAS', 'info', 'another spelling of a curve that OCMF defines', 'signature/SA')
const EXTENSION = finding('F-SA-EXTENSION', 'warning', 'OCMF does not define this algorithm', 'signature/SA')

export const DEFAULT: Algorithm = { name: 'ECDSA-secp256r1-SHA256', method: 'ECDSA', curve: byName('secp256r1'), hash: 'sha256' }
/** No name at all, in format versions that had no default: the key says the curve. */
export const BY_KEY: Algorithm = { name: null, method: 'ECDSA', curve: null, hash: 'sha256' }

export interface Named {
  algorithm: Algorithm | null
  findings: Finding[]
}

/** The algorithm of a name, case ignored; `null` if it is not supported. */
export function named(text: string): Named {
  const none: Named = { algorithm: null, findings: [] }
  if (text.length > 64) return none
  const name = text.toLowerCase()
  for (const method of ['Ed25519', 'Ed448'] as const)
    if (name === `eddsa-${method.toLowerCase()}`)
      return { algorithm: { name: `EdDSA-${method}`, method, curve: null, hash: 'none' }, findings: [EXTENSION] }
  if (name.startsWith('ml-dsa-')) return { algorithm: null, findings: [EXTENSION] }
  const match = /^ecdsa-([^]*)-(sha256|sha384|sha512)$/.exec(name)
  const curve = match && byName(match[1]!)
  if (!curve) return none
  const hash = match[2]!
  const algorithm: Algorithm = { name: `ECDSA-${curve.name}-${hash.toUpperCase()}`, method: 'ECDSA', curve, hash }
  if (DEFINED.has(name)) return { algorithm, findings: [] }
  const spelled = curve.names.some((alias) => DEFINED.has(`ecdsa-${alias}-${hash}`))
  return { algorithm, findings: [spelled ? ALIAS : EXTENSION] }
}
