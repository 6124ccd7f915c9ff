// Repeated questions stop when nobody is there, so that an open page does not keep a session alive for ever (9.5).
let last = Date.now()
for (const kind of ['pointerdown', 'pointermove', 'keydown', 'wheel']) addEventListener(kind, () => (last = Date.now()), { passive: true })

const present = (): boolean => document.visibilityState === 'visible' && Date.now() - last < 10 * 60_000

/** Call now and every `ms` while somebody is there; returns what ends it. */
export function every(ms: number, call: () => void): () => void {
  call()
  const timer = setInterval(() => present() && call(), ms)
  return () => clearInterval(timer)
}
