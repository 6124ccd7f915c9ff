// How much of hostile input is read at all. Specification, 0.4.
export const LIMITS = {
  document: 32 * 1024 * 1024,
  record: 1024 * 1024,
  units: 100_000,
  readings: 10_000,
  xmlDepth: 64,
  xmlElements: 500_000,
}
