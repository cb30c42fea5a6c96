/**
 * The scenarios on another kernel than the reference.
 *
 * @module
 */
import { onKernel } from '../../generations/profiles.js'
import type { Project } from '../project.js'
import { findNamed } from './usage.js'

/**
 * A project whose scenarios run on the kernel called `name`.
 *
 * @throws UsageError if there is none
 */
export function withKernel(project: Project, name: string | undefined): Project {
  if (name === undefined) return project
  const profile = findNamed(
    { noun: 'kernel', all: project.kernels, nameOf: (kernel) => kernel.name, list: 'hmm-spec list kernels' },
    name,
  )
  if (profile.overrides.length === 0) return project
  return {
    ...project,
    scenarios: project.scenarios.map((scenario) => onKernel(scenario, profile)),
    kernel: profile.name,
  }
}
