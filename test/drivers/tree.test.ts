/**
 * The drivers of the tree hold in every scenario that any driver can be put into: xe and amdkfd in a sample of them here, in all of
 * them by `hmm-spec check --driver tree --bounds smoke` or with HMM_SPEC_WHOLE=1.
 */
import { describe } from 'vitest'
import { amdgpuUserptrDriver, amdkfdSvmDriver, rxeDriver, xeSvmDriver } from '../../src/driver/tree/index.js'
import { holdsEverywhere, sampleFor } from './parts.js'

describe('rxe', () => holdsEverywhere(rxeDriver))
describe('amdgpu-userptr', () => holdsEverywhere(amdgpuUserptrDriver))

describe('xe-svm', () => holdsEverywhere(xeSvmDriver, sampleFor(xeSvmDriver)))

describe('amdkfd-svm', () => holdsEverywhere(amdkfdSvmDriver, sampleFor(amdkfdSvmDriver)))
