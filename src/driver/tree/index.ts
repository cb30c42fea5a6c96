/**
 * Drivers of the kernel tree. Each has a page under docs/drivers.
 *
 * @module
 */
export * from './amdgpu-userptr.js'
export * from './amdkfd/index.js'
export * from './mlx5.js'
export * from './nouveau/index.js'
export * from './rxe.js'
export * from './umem-odp.js'
export * from './xe/index.js'
