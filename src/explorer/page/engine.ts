/**
 * The worker, as the page speaks to it.
 *
 * @module
 */
import type { Message, Request, Requests } from '../messages.js'
import type { Report } from '../session.js'

interface Waiting {
  readonly resolve: (answer: never) => void
  readonly reject: (error: Error) => void
  readonly report: Report | undefined
}

/** Asks the worker, and waits for its answers. */
export class Engine {
  private readonly worker: Worker
  private readonly waiting = new Map<number, Waiting>()
  private last = 0

  /** @param script - the worker's program */
  constructor(script: Blob) {
    const url = URL.createObjectURL(script)
    this.worker = new Worker(url)
    URL.revokeObjectURL(url)
    this.worker.onmessage = ({ data }: MessageEvent<Message>) => {
      const waits = this.waiting.get(data.id)
      if ('progress' in data) {
        waits?.report?.(data.progress)
        return
      }
      this.waiting.delete(data.id)
      if ('error' in data) waits?.reject(new Error(data.error))
      else waits?.resolve(data.answer as never)
    }
    this.worker.onerror = (event) => {
      const error = new Error(event.message || 'the worker cannot be started')
      for (const { reject } of this.waiting.values()) reject(error)
      this.waiting.clear()
    }
  }

  /** Asks for something; `report` is told of its progress. */
  ask<K extends keyof Requests>(
    name: K,
    asks: Requests[K]['asks'],
    report?: Report,
  ): Promise<Requests[K]['answer']> {
    const id = ++this.last
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject, report })
      this.worker.postMessage({ id, name, asks } as Request)
    })
  }
}
