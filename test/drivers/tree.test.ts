/** The drivers of the tree hold in every scenario that any driver can be put into. */
import { describe } from 'vitest'
import { amdgpuUserptrDriver, rxeDriver } from '../../src/driver/tree/index.js'
import { holdsEverywhere } from './parts.js'

describe('rxe', () => holdsEverywhere(rxeDriver))
describe('amdgpu-userptr', () => holdsEverywhere(amdgpuUserptrDriver))
