/**
 * What the checker needs of the machine that it runs on. It imports nothing of Node.js, so that the same engine runs in
 * a browser; who runs it elsewhere gives a host of their own.
 *
 * @module
 */

/** The surroundings of a check. */
export interface Host {
  /** Milliseconds since some beginning; never goes back. */
  now(): number
  /** Lets others run: a timer, an interrupt, a message that came meanwhile. */
  pause(): Promise<void>
  /** Bytes of memory that the machine has; `undefined` if that cannot be known. */
  readonly memoryBytes: number | undefined
}

/** A host of what every browser and Node.js have. It knows nothing of the machine's memory. */
export const portableHost: Host = {
  now: () => performance.now(),
  pause: () =>
    // Unlike a timer, a message is not delayed by browsers, and unlike a promise it lets events in.
    new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel()
      // The types of Node.js leave this out, though it is there; those of browsers have it.
      const receiver: { onmessage?: ((event: never) => unknown) | null } & typeof port1 = port1
      receiver.onmessage = () => {
        port1.close()
        resolve()
      }
      port2.postMessage(undefined)
    }),
  memoryBytes: undefined,
}
