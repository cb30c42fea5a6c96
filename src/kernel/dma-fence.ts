/**
 * Fences: a job on a device signals its fence when it has ended. A notifier callback may wait for
 * the fences of jobs that use the pages. So a driver that has published a fence must not wait for a
 * callback before it signals the fence: it must not take a lock that the callback takes, nor
 * allocate memory that reclaim would have to free.
 *
 * @see Documentation/driver-api/dma-buf.rst, drivers/dma-buf/dma-fence.c
 * @module
 */
import { type Layout, procedure, READ_ONCE, type Running, step, WaitQueue } from '../world/index.js'

/** A fence: part of the driver's state, or of an object of a pool. @kernel struct dma_fence */
export interface DmaFence {
  /**
   * `DMA_FENCE_FLAG_SIGNALED_BIT`: never cleared, until the object that contains the fence is
   * freed.
   */
  signaled: boolean
  /** The threads that wait for the fence. @kernel dma_fence.cb_list */
  readonly waiters: WaitQueue
}

/**
 * Declares a fence that has not signalled. A fence of a pool object is unsignalled each time the
 * object is allocated.
 *
 * @kernel dma_fence_init
 */
export function declareFence(layout: Layout, name: string): DmaFence {
  return layout.scope(name, (l) => ({
    signaled: l.flag('signaled'),
    waiters: new WaitQueue(l, 'waiters'),
  }))
}

/**
 * The job has ended: wakes the waiters. It does not sleep.
 *
 * @kernel dma_fence_signal drivers/dma-buf/dma-fence.c
 * @see reference F.2, D39
 */
export const dma_fence_signal = procedure(function* dma_fence_signal(fence: DmaFence): Running<void> {
  yield* step('signal the fence', () => {
    fence.signaled = true
    return 0
  })
  yield* step('wake who waits', () => {
    fence.waiters.wakeAll()
    return 0
  })
})

/**
 * Sleeps until the fence has signalled.
 *
 * @kernel dma_fence_wait drivers/dma-buf/dma-fence.c
 * @see reference F.2, D39
 */
export const dma_fence_wait = procedure(function* dma_fence_wait(fence: DmaFence): Running<void> {
  yield* fence.waiters.wait(hasSignaled, fence)
})

function hasSignaled(fence: DmaFence): boolean {
  return READ_ONCE(fence).signaled
}
