/**
 * What all documents of a review say in the same words.
 *
 * @module
 */
import { counted, figure } from '../report/form/figures.js'
import { claimLabel } from '../report/sequence/sequence.js'
import type { ProcedureChange } from './change.js'
import { mutantSaid, mutantsByTurn, mutantsJudged, TURNS } from './mutants.js'
import { inRows } from './releases.js'
import type { BrokenClause, Review, Selected } from './review.js'

/** The verdict in a word. */
export const VERDICTS: Readonly<Record<Review['verdict'], string>> = {
  holds: 'HOLDS',
  broken: 'BROKEN',
  incomplete: 'INCOMPLETE',
  error: 'NOT CHECKED',
}

/** What is reviewed, as a title. */
export function titleOf({ change }: Review): string {
  const names = [...new Set(change.procedures.map(({ name }) => name))]
  if (names.length === 0)
    return change.files.length === 0
      ? 'no procedure changed'
      : `${counted(change.files.length, 'file')} changed`
  const shown = names.slice(0, 2).join(', ')
  return names.length > 2 ? `${shown} and ${counted(names.length - 2, 'other procedure')}` : shown
}

/** The verdict in a sentence. */
export function verdictOfReview(review: Review): string {
  const { broken, failures, stopped, notRun, selected, bounds } = review
  const at = `at ${bounds} bounds`
  if (failures.length > 0)
    return `${counted(failures.length, 'scenario')} of ${selected.of} could not be checked ${at}.`
  const unfinished = stopped.length + notRun.length
  if (broken.length > 0) {
    const count = brokenScenarios(review)
    return (
      `${counted(broken.length, 'clause')} broken, in ${figure(count)} of ${counted(selected.of, 'scenario')}; ` +
      `${figure(selected.of - count - unfinished)} still ${selected.of - count - unfinished === 1 ? 'holds' : 'hold'} ${at}.`
    )
  }
  if (unfinished > 0)
    return `${counted(unfinished, 'scenario')} of ${selected.of} not checked to the end ${at}.`
  if (selected.scenarios.length === 0)
    return review.change.procedures.length === 0
      ? `Nothing that a scenario runs is changed, of ${counted(selected.of, 'scenario')}.`
      : `No scenario of ${figure(selected.of)} enters what is changed ${at}: its effect is not judged.`
  return `${selected.of === 1 ? 'The one scenario holds' : `All ${counted(selected.of, 'scenario')} hold`} ${at}.`
}

/** What the shortest run of all shows; undefined if nothing is broken. */
export function breachOf({ broken }: Review): string | undefined {
  const [shortest] = broken
  if (shortest === undefined) return undefined
  const { scenarios, trace } = shortest
  const after = trace.steps.length === 0 ? '' : `, after ${lengthOf(shortest)}`
  return `In ${scenarios[0].scenario}${after}: ${claimLabel(trace)}`
}

/** How many scenarios break something. */
export function brokenScenarios({ broken }: Review): number {
  return broken.reduce((sum, { scenarios }) => sum + scenarios.length, 0)
}

/** What was run, and why not the rest. */
export function selectionOf({ by, scenarios, of }: Selected): string {
  if (by === 'all')
    return `Text outside of procedures is changed, so that all ${counted(of, 'scenario')} were run.`
  if (scenarios.length === 0) return 'No scenario was run after the change.'
  const rest = of - scenarios.length
  if (rest === 0)
    return `${of === 1 ? 'The one scenario enters' : `All ${counted(of, 'scenario')} enter`} what is changed.`
  const ran = `${counted(scenarios.length, 'scenario')} of ${figure(of)} ${scenarios.length === 1 ? 'enters' : 'enter'} what is changed, and ${scenarios.length === 1 ? 'was' : 'were'} run`
  return `${ran}; the other ${figure(rest)} ${rest === 1 ? 'does not, and holds' : 'never do, and hold'} as before.`
}

/** What is said of scenarios that never enter what is changed, where there are no others. */
export function unreached(count: number): string {
  return `${counted(count, 'scenario')} that ${count === 1 ? 'does not enter what is changed, and holds' : 'do not enter what is changed, and hold'} as before.`
}

/** What is changed, from what to what. */
export function subjectOf({ subject: { kind, base, head } }: Review): string {
  switch (kind) {
    case 'range':
      return `Commit ${head} compared with ${base}.`
    case 'override':
      return `${head} replaces texts of ${base}.`
    case 'driver':
      return `The driver in ${head} takes the place of the one in ${base}.`
  }
}

/** What happened to a procedure. */
export function howOf({ how, step, release }: ProcedureChange): string {
  const where = release === undefined ? '' : `, the text of ${release}`
  return `${how === 'step' ? `step “${step}” replaced` : how}${where}`
}

/** `16 steps` of the shortest run, or what there is in place of one. */
export function lengthOf({ trace }: BrokenClause): string {
  if (trace.steps.length === 0) return 'no run shows it'
  return `${counted(trace.steps.length, 'step')}${trace.shortest ? '' : ' (not the shortest)'}`
}

/** The clause and its title. */
export function clauseOf({ clause, requirement }: BrokenClause): string {
  return requirement === undefined || requirement.title === clause
    ? clause
    : `${clause}: ${requirement.title}`
}

/** Rows of the table of releases. */
export function releaseRows({ releases }: Review): { versions: string; text: string }[] {
  return inRows(releases).map(({ versions, shares, own, absent }) => ({
    versions,
    text: [
      ...(shares.length > 0 ? [`changed: ${shares.join(', ')}`] : []),
      ...(own.length > 0 ? [`a text of its own, not changed: ${own.join(', ')}`] : []),
      ...(absent.length > 0 ? [`has no ${absent.join(', ')}`] : []),
    ].join('; '),
  }))
}

/** What coverage that changed comes to, a line for each kind. */
export function coverageLines({ coverage }: Review): { what: string; names: readonly string[] }[] {
  const { steps, transitions, claims } = coverage
  return [
    { what: 'steps no longer taken', names: steps.lost },
    { what: 'steps taken now', names: steps.gained },
    { what: 'transitions of statecharts no longer taken', names: transitions.lost },
    { what: 'transitions of statecharts taken now', names: transitions.gained },
    { what: 'claims no longer asked', names: claims.lost },
    { what: 'claims asked now', names: claims.gained },
  ].filter(({ names }) => names.length > 0)
}

/** A text that begins a sentence. */
export function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}

/** What a verdict rests on. */
export function assumptionsOf({ bounds, notModelled, run }: Review): string[] {
  return [
    `Every interleaving of the threads of each scenario was explored, at ${bounds} bounds: a few pages, a few threads. ` +
      'Larger configurations were not.',
    'Claims are asked in every state; a clause that no scenario asks is not judged. Of a scenario that breaks several ' +
      'clauses, the one with the shortest run is told.',
    `The kernel is that of ${run.linux === undefined ? 'the newest release that is known' : `Linux ${run.linux}`}; other releases were not run.`,
    ...notModelled.map((what) => `Not modelled: ${what}.`),
  ]
}

/** What is to be said of mutants of the changed text: what became of them, known bugs of it, and commands that go on. */
export interface MutantsSaid {
  /** What was judged; absent if nothing was. */
  readonly judged?: string
  /** Mutants that changed, by how. */
  readonly lists: readonly { readonly what: string; readonly mutants: readonly string[] }[]
  readonly known: string
  readonly bugs: readonly string[]
  readonly commands: readonly string[]
}

/** Undefined if nothing is changed. */
export function mutantsSaid(review: Review): MutantsSaid | undefined {
  const { change, relatedDefects, subject, command, mutants } = review
  if (change.procedures.length + change.files.length === 0) return undefined
  const names = relatedDefects.map(({ name }) => name)
  const isOpen = mutants === undefined
  // The commits of a range can be checked out; a file is not there when the bugs are put in.
  const withIt = subject.kind === 'range' ? 'with the change made, whether' : 'without the change, how'
  const they = names.length === 1 ? 'it is' : 'they are'
  return {
    ...(mutants && {
      judged:
        'reason' in mutants ? `The mutants could not be judged: ${mutants.reason}` : mutantsJudged(mutants),
    }),
    lists:
      mutants === undefined || 'reason' in mutants
        ? []
        : mutantsByTurn(mutants).map(({ turn, mutants }) => ({
            what: TURNS[turn],
            mutants: mutants.map(mutantSaid),
          })),
    known:
      names.length === 0
        ? `No known bug is in the changed procedures.${isOpen ? ' To judge every mutant of the text that differs:' : ''}`
        : `${counted(names.length, 'known bug')} in the changed procedures. To see, ${withIt} ${they} ${subject.kind === 'range' ? 'still ' : ''}caught` +
          `${isOpen ? '; and to judge every mutant of the text that differs' : ''}:`,
    bugs: relatedDefects.map(({ name, title, requirement }) => `${name}, caught by ${requirement}: ${title}`),
    commands: [
      ...(names.length === 0 ? [] : [`hmm-spec defects ${names.join(' ')}`]),
      ...(isOpen ? [`${command} --mutants 10m`] : []),
    ],
  }
}
