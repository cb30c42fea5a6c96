/**
 * Profiles: what a peer is held against. The specification of an operation leaves some things to the driver; a profile
 * says who decides them.
 *
 * @module
 */
import { SpecificationError, Violation } from '../../world/index.js'
import type { Operation } from '../operations.js'
import { type Answer, Oracle } from '../oracle.js'
import { CLEAN_PROFILE, type KernelVersion, profileOfDriver, RECORDED_KERNELS } from '../result.js'
import type { AnswerSet, ComparedField } from './answers.js'
import { cleanAnswers } from './clean.js'

/** What a peer is held against. */
export interface Profile {
  readonly name: string
  readonly summary: string
  /** True if it is the kernel's own test driver, whose answers are those of the oracle. */
  readonly isDriver: boolean
  /** The fields of answers that are compared. */
  readonly fields: readonly ComparedField[]
  /**
   * What is allowed to each operation of a sequence; `undefined` if the profile has nothing to say of it.
   */
  readonly answersTo: (operations: readonly Operation[]) => readonly AnswerSet[] | undefined
}

const CLEAN_FIELDS = ['rc', 'err', 'sig', 'code', 'val', 'vals', 'cpages', 'prot', 'ptes'] as const
const ALL_FIELDS = [...CLEAN_FIELDS, 'faults'] as const

function testDriverOf(kernel: KernelVersion): Profile {
  return {
    name: profileOfDriver(kernel),
    summary: `Linux ${kernel} with its own test driver, lib/test_hmm.c, habits included`,
    isDriver: true,
    fields: ALL_FIELDS,
    answersTo: (operations) => answersOf(operations, kernel)?.map((answer) => [answer]),
  }
}

/** What the oracle answers, or `undefined` if it catches itself breaking a claim: then nothing is known. */
function answersOf(operations: readonly Operation[], kernel: KernelVersion): Answer[] | undefined {
  const oracle = new Oracle(operations, { kernel })
  try {
    return operations.map((operation) => oracle.perform(operation))
  } catch (error) {
    if (error instanceof Violation) return undefined
    throw error
  }
}

/** Every profile. */
export const profiles: readonly Profile[] = [
  {
    name: CLEAN_PROFILE,
    summary:
      'What any driver must answer, on any of these releases. It may drop entries of its mirror at any time, and ' +
      'how often it faults is its own affair',
    isDriver: false,
    fields: CLEAN_FIELDS,
    answersTo: (operations) => cleanAnswers(operations, RECORDED_KERNELS, CLEAN_FIELDS),
  },
  ...RECORDED_KERNELS.map(testDriverOf),
]

/**
 * The profile called `name`.
 *
 * @throws SpecificationError `scenario` if there is none
 */
export function profileNamed(name: string): Profile {
  const found = profiles.find((profile) => profile.name === name)
  if (found !== undefined) return found
  const known = profiles.map((profile) => profile.name).join(', ')
  throw new SpecificationError('scenario', `there is no profile ${name}; there are ${known}`)
}

/** The release whose oracle answers by a profile. */
export function releaseOf({ name }: Profile): KernelVersion {
  return RECORDED_KERNELS.find((release) => name === profileOfDriver(release)) ?? RECORDED_KERNELS[0]
}
