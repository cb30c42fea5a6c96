/**
 * Fences: what a device's job signals when it has ended, and others wait for. A callback may wait for the fences of jobs that use the
 * pages. So nothing that is done between the moment at which a fence can be waited for and its signal may wait for a callback: take
 * a lock that the callback holds, or allocate memory that reclaim has to free.
 *
 * @see Documentation/driver-api/dma-buf.rst, drivers/dma-buf/dma-fence.c
 * @module
 */
import { type Layout, procedure, READ_ONCE, type Running, step, WaitQueue } from '../world/index.js'

/** A fence, of the driver's state or of an object of a pool. @kernel struct dma_fence */
export interface DmaFence {
  /** `DMA_FENCE_FLAG_SIGNALED_BIT`: it never goes back, until the object that it is part of is freed. */
  signaled: boolean
  /** Who waits for it. @kernel dma_fence.cb_list */
  readonly waiters: WaitQueue
}

/** Declares a fence that has not signalled: of an object of a pool, each time that this is allocated. @kernel dma_fence_init */
export function declareFence(layout: Layout, name: string): DmaFence {
  return layout.scope(name, (l) => ({
    signaled: l.flag('signaled'),
    waiters: new WaitQueue(l, 'waiters'),
  }))
}

/**
 * The job has ended: whoever waits goes on. It does not sleep.
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
