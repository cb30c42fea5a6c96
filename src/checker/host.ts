/**
 * The checker's interface to its host. It imports nothing from Node.js, so that the engine also
 * runs in a browser; other environments supply their own host.
 *
 * @module
 */

/** The environment of a check. */
export interface Host {
  /** Milliseconds since a fixed point; never decreases. */
  now(): number
  /** Yields to the event loop: timers, interrupts, messages. */
  pause(): Promise<void>
  /** Bytes of memory of the machine; `undefined` if unknown. */
  readonly memoryBytes: number | undefined
}

/**
 * A host that uses only what browsers and Node.js share. It does not know the memory of the
 * machine.
 */
export const portableHost: Host = {
  now: () => performance.now(),
  pause: () =>
    // Browsers do not delay a message, unlike a timer; a promise would not let events in.
    new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel()
      // The types of Node.js omit this property, although it exists; those of browsers have it.
      const receiver: { onmessage?: ((event: never) => unknown) | null } & typeof port1 = port1
      receiver.onmessage = () => {
        port1.close()
        resolve()
      }
      port2.postMessage(undefined)
    }),
  memoryBytes: undefined,
}
