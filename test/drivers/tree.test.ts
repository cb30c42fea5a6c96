/**
 * The drivers of the tree hold in every scenario that any driver can be put into: in a sample of them here, in all of them by
 * `hmm-spec check --driver tree --bounds smoke`, or with HMM_SPEC_WHOLE=1.
 */
import { describe } from 'vitest'
import { donePartly } from '../../spec/drivers/scenarios/tree.js'
import {
  amdgpuUserptrDriver,
  amdkfdSvmDriver,
  nouveauSvmDriver,
  rxeDriver,
  xeSvmDriver,
} from '../../src/driver/tree/index.js'
import { holdsEverywhere, sampleFor } from './parts.js'

describe('rxe', () => holdsEverywhere(rxeDriver, sampleFor(rxeDriver)))
describe('amdgpu-userptr', () => holdsEverywhere(amdgpuUserptrDriver, sampleFor(amdgpuUserptrDriver)))

describe.each([...donePartly].map(([driver, names]) => [driver.name, driver, names] as const))(
  '%s',
  (_, driver, names) => holdsEverywhere(driver, names),
)

describe('xe-svm', () => holdsEverywhere(xeSvmDriver, sampleFor(xeSvmDriver)))

describe('amdkfd-svm', () => holdsEverywhere(amdkfdSvmDriver, sampleFor(amdkfdSvmDriver)))

describe('nouveau-svm', () => holdsEverywhere(nouveauSvmDriver, sampleFor(nouveauSvmDriver)))
