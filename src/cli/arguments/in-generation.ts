/**
 * The scenarios in another generation of the mirroring API than today's.
 *
 * @module
 */
import type { Driver } from '../../driver/index.js'
import type { Generation } from '../../generations/generation.js'
import type { Project } from '../project.js'
import { findNamed, type Kind } from './usage.js'

/** Generations, by the release that one can think of them by. */
export function generationKind({ generations }: Project): Kind<Generation> {
  return {
    noun: 'generation',
    all: generations,
    nameOf: ({ name }) => name,
    list: 'hmm-spec list generations',
  }
}

/**
 * A project whose scenarios are in the generation called `name`, as far as that has what they take, with `driver` in
 * them or else the generation's own.
 *
 * @throws UsageError if there is none
 */
export function withGeneration(project: Project, name: string | undefined, driver?: Driver): Project {
  if (name === undefined) return project
  const generation = findNamed(generationKind(project), name)
  const scenarios = project.scenariosIn(generation, driver === undefined ? {} : { driver })
  return { ...project, scenarios, generation: generation.name }
}
