/**
 * What of the instrumented text is run: see `text/instrument.ts`.
 *
 * @module
 */

/** As many anchors as there may be. */
const MOST = 2 ** 16

const hits = new Uint8Array(MOST)

/** The anchor of that number was reached. */
export function hit(anchor: number): void {
  hits[anchor] = 1
}

/** The anchors, of so many, that were reached since the last time: a bit each, in base 64. */
export function takeHits(anchors: number): string {
  const bits = new Uint8Array(Math.ceil(anchors / 8))
  for (let i = 0; i < anchors; i++) if (hits[i]) bits[i >> 3] |= 1 << (i & 7)
  hits.fill(0)
  return Buffer.from(bits).toString('base64')
}

/** Reads what {@link takeHits} says. */
export class Hits {
  private readonly bits: Uint8Array

  constructor(text: string) {
    this.bits = Buffer.from(text, 'base64')
  }

  /** True if the anchor of that number was reached. */
  has(anchor: number): boolean {
    return ((this.bits[anchor >> 3] >> (anchor & 7)) & 1) === 1
  }
}
