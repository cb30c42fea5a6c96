/**
 * The drivers of the tree hold in every scenario that any driver can be put into: xe in those that are explored within a quarter of a
 * minute, in the others by `hmm-spec check --driver xe-svm`.
 */
import { describe } from 'vitest'
import { scenariosFor } from '../../spec/index.js'
import { amdgpuUserptrDriver, rxeDriver, xeSvmDriver } from '../../src/driver/tree/index.js'
import { holdsEverywhere } from './parts.js'

describe('rxe', () => holdsEverywhere(rxeDriver))
describe('amdgpu-userptr', () => holdsEverywhere(amdgpuUserptrDriver))

const LONG = ['shared-file', 'huge-page-faults', 'huge-page-and-fork', 'large-folio']
const names = scenariosFor(xeSvmDriver).map(({ name }) => name.split(' ')[0])

describe('xe-svm', () =>
  holdsEverywhere(
    xeSvmDriver,
    names.filter((name) => !LONG.includes(name)),
  ))
