/**
 * GPU SVM of the DRM core, and xe on top of it.
 *
 * @module
 */
export * from './drm-gpusvm.js'
export * from './drm-gpusvm-claims.js'
export * from './drm-pagemap.js'
export * from './xe-svm.js'
export * from './xe-vm.js'
