/**
 * The drivers of the tree hold in every scenario that any driver can be put into: in a sample of them here, in all of them by
 * `hmm-spec check --driver tree --bounds smoke`, or with HMM_SPEC_WHOLE=1.
 */
import { describe } from 'vitest'
import {
  amdgpuUserptrDriver,
  amdkfdSvmDriver,
  mlx5Driver,
  nouveauSvmDriver,
  rxeDriver,
  xeSvmDriver,
} from '../../src/driver/tree/index.js'
import { holdsEverywhere, sampleFor } from './parts.js'

describe('rxe', () => holdsEverywhere(rxeDriver, sampleFor(rxeDriver)))
describe('amdgpu-userptr', () => holdsEverywhere(amdgpuUserptrDriver, sampleFor(amdgpuUserptrDriver)))

/** mlx5 has a worker for each device, and faults of many steps: these are done in seconds. */
const QUICK_FOR_MLX5 = [
  'munmap',
  'mprotect',
  'exit',
  'swap',
  'swap-and-close',
  'unmap-and-close',
  'mmap-over',
  'oom-reaper',
  'fork-and-write',
  'overlapping-invalidations',
]

describe('mlx5', () => holdsEverywhere(mlx5Driver, QUICK_FOR_MLX5))

describe('xe-svm', () => holdsEverywhere(xeSvmDriver, sampleFor(xeSvmDriver)))

describe('amdkfd-svm', () => holdsEverywhere(amdkfdSvmDriver, sampleFor(amdkfdSvmDriver)))

describe('nouveau-svm', () => holdsEverywhere(nouveauSvmDriver, sampleFor(nouveauSvmDriver)))
