/**
 * A recorded scenario as a Promela model, for SPIN. Each thread is a process, each of its locations a control state of that
 * process, each step one transition; claims are assertions.
 *
 * @module
 */
import { conditionOf, groupsOf, has, type Known, oneOf, UNMET } from './formula.js'
import { Names } from './names.js'
import { type Decided, Program } from './program.js'
import type { Answer, Effect, Outcome, RecordedClaim, Recording } from './recording.js'
import { isLeaf } from './tree.js'

/** A Promela model. */
export interface PromelaModel {
  readonly text: string
  /** What is wrong where `assert(wrong == n)` fails, by n. */
  readonly wrong: ReadonlyMap<number, Wrong>
  /** The progress claims, in their order; `spin -DPROGRESS` has their formulas in the model. */
  readonly progress: readonly { readonly name: string; readonly formula: string }[]
}

/** A claim that can be found broken. */
export interface Wrong {
  /** What it is about: SPIN reports a state when it leaves it, and a step at the state that it leaves by it. */
  readonly about: 'state' | 'step'
  readonly clause: string
  readonly name: string
}

/** What is wrong where a value comes up that exploring never met. */
export const NEVER_MET = 1

const WORDS = (
  'active assert atomic bit bool break byte chan c_code c_decl c_expr c_state c_track do d_proctype d_step D_proctype ' +
  'd_step_hex else empty enabled eval false fi for full get_priority goto hidden if in init inline int len local ltl mtype ' +
  'nempty never nfull notrace np_ od of pc_value pid printf printm priority proctype provided return run select set_priority ' +
  'short show skip STDIN timeout trace true typedef unless unsigned xr xs always eventually until weakuntil release next ' +
  'implies equivalent stronguntil U V W X wrong every_state'
).split(' ')

/** Prints `recording` as a Promela model. */
export function promelaOf(recording: Recording, title: string): PromelaModel {
  return new Printer(recording).print(title)
}

class Printer {
  private readonly program: Program
  private readonly wrong = new Map<number, Wrong>()
  private readonly numbers = new Map<string, number>()
  private readonly variables: readonly string[]
  private readonly threads: readonly string[]
  private readonly lines: string[] = []

  constructor(private readonly recording: Recording) {
    this.program = new Program(recording)
    const names = new Names(WORDS)
    const { looks, system } = recording
    const named = system.model.threads.map(({ name }) => name)
    this.variables = [
      ...looks.cells.map(({ name }) => names.give(name)),
      ...looks.questions.map(({ about, thread, procedure }) =>
        names.give(`${named[thread]} ${about} ${procedure?.procedureName ?? ''}`),
      ),
    ]
    this.threads = named.map((name) => names.give(name))
  }

  print(title: string): PromelaModel {
    const { recording, lines } = this
    this.declare()
    for (const thread of recording.threads.keys()) this.thread(thread)
    this.judge()
    const progress = this.progress()
    const claims = [...this.wrong].map(
      ([number, { clause, name }]) => `   wrong == ${number}: ${clause}, ${name}`,
    )
    const head = [
      `/* ${comment(title)}`,
      '   Written by hmm-spec export. One process for each thread, one control state for each of its locations, one transition',
      '   for each step; what a step does is the decision tree over the fields that it reads. A failed assertion names',
      '   the claim:',
      `   wrong == ${NEVER_MET}: a value that exploring never met`,
      ...claims.map(comment),
      '   spin -a -o2 MODEL; cc -DNOREDUCE -DSAFETY -DBFS -o pan pan.c; ./pan */',
      'int wrong = 0;',
    ]
    return { text: `${[...head, ...lines].join('\n')}\n`, wrong: this.wrong, progress }
  }

  private declare(): void {
    const { program, recording, variables } = this
    const { looks } = recording
    for (const [variable, name] of variables.entries()) {
      const most = Math.max(...program.domain(variable))
      const type = most <= 1 ? 'bit' : most <= 255 ? 'byte' : 'int'
      const about = variable < program.fields ? looks.cells[variable].name : this.aboutQuestion(variable)
      this.lines.push(`${type} ${name} = ${program.initialOf(variable)}; /* ${comment(about)} */`)
    }
  }

  /** The values of a question about a step are names. */
  private aboutQuestion(variable: number): string {
    const { looks, system } = this.recording
    const { about, thread, procedure } = looks.questions[variable - this.program.fields]
    const name = system.model.threads[thread].name
    if (about === 'finished') return `${name} has ended`
    if (about === 'inside') return `${name} is inside ${procedure?.procedureName}`
    const steps = [...this.program.domain(variable)].map((value) => `${value} ${looks.textOf(value)}`)
    return `the step that ${name} takes next: ${steps.join(', ')}`
  }

  private thread(thread: number): void {
    const { recording, lines } = this
    const { system, initial } = recording
    const first = initial[system.worldWords + thread]
    const locations = [...recording.threads[thread].keys()]
    lines.push('', `active proctype ${this.threads[thread]}() {`)
    for (const location of [first, ...locations.filter((location) => location !== first)])
      this.location(thread, location)
    // Only where an assertion has failed, and SPIN goes on all the same.
    lines.push('end_wrong:', '  false', '}')
  }

  private label(thread: number, location: number): string {
    const { control, model } = this.recording.system
    const mayEnd = control.stepAt(location) === undefined || model.threads[thread].daemon === true
    return `${mayEnd ? 'end_' : ''}at_${location}`
  }

  private location(thread: number, location: number): void {
    const { control } = this.recording.system
    const { lines } = this
    const at = `${control.procedureAt(location)}: ${control.stepAt(location)?.name ?? ''}`
    lines.push(`${this.label(thread, location)}: /* ${comment(at)} */`)
    const choices = this.recording.threads[thread].get(location) ?? []
    const ways = choices.flatMap((tree) => this.ways(thread, location, this.program.step(tree)))
    if (ways.length === 0) lines.push('  false;')
    else lines.push('  if', ...ways, '  fi;')
  }

  /** The ways on from a location by one choice: one for each location that it can lead to. */
  private ways(thread: number, location: number, tree: Decided<Outcome>): string[] {
    const ways: string[] = []
    const targets = new Set<number>()
    const clauses = new Set<string>()
    visit(tree, (leaf) => {
      if (leaf === UNMET) return
      if (leaf.kind === 'step') targets.add(leaf.to)
      if (leaf.kind === 'broken') clauses.add(leaf.clause)
    })
    const guard = (wanted: (leaf: Outcome | typeof UNMET) => boolean) =>
      conditionOf(tree, wanted, (variable) => this.variables[variable])
    for (const to of targets) {
      const leads = (leaf: Outcome | typeof UNMET) => leaf !== UNMET && leaf.kind === 'step' && leaf.to === to
      const { checks, lines } = this.body(tree, leads, new Map(), (effect, known) =>
        this.effect(thread, location, effect, known),
      )
      const body = [...printed(checks), ...lines]
      ways.push(
        `  :: d_step { ${guard(leads)} ->`,
        ...(body.length === 0 ? ['skip'] : body).map((line) => `       ${line}`),
        `     } goto ${this.label(thread, to)}`,
      )
    }
    for (const clause of clauses) {
      const breaks = (leaf: Outcome | typeof UNMET) =>
        leaf !== UNMET && leaf.kind === 'broken' && leaf.clause === clause
      ways.push(
        `  :: d_step { ${guard(breaks)} -> assert(wrong == ${this.number({ about: 'step', clause, name: 'the step itself' })}) } goto end_wrong`,
      )
    }
    const isUnmet = (leaf: Outcome | typeof UNMET) => leaf === UNMET || leaf.kind === 'error'
    if (has(tree, isUnmet))
      ways.push(`  :: d_step { ${guard(isUnmet)} -> assert(wrong == ${NEVER_MET}) } goto end_wrong`)
    return ways
  }

  /** What is done at the ends of `tree` that are wanted. */
  private body(
    tree: Decided<Outcome>,
    wanted: (leaf: Outcome | typeof UNMET) => boolean,
    known: Known,
    print: (effect: Effect, known: Known) => Body,
  ): Body {
    if (isLeaf(tree)) return print(tree.leaf as Effect, known)
    const { look } = tree
    // By text: ways that do the same are one.
    const bodies = new Map<string, { readonly values: number[]; readonly body: Body }>()
    for (const { values, branch } of groupsOf(tree.branches)) {
      if (!has(branch, wanted)) continue
      const further = values.length === 1 ? new Map([...known, [look, values[0]]]) : known
      const body = this.body(branch, wanted, further, print)
      const text = [...printed(body.checks), ...body.lines].join('\n')
      const same = bodies.get(text)
      if (same === undefined) bodies.set(text, { values: [...values], body })
      else same.values.push(...values)
    }
    const [first, ...others] = bodies.values()
    if (others.length === 0) return first.body
    // What is asked on every way is asked once, before.
    const shared = [...first.body.checks].filter(([when, number]) =>
      others.every(({ body }) => body.checks.get(when) === number),
    )
    const all = new Set(tree.branches.keys())
    const lines = [first, ...others].flatMap(({ values, body }) => {
      const rest = new Map([...body.checks].filter(([when]) => !shared.some(([known]) => known === when)))
      const inner = [...printed(rest), ...body.lines]
      return [
        `:: ${oneOf(this.variables[look], values, all)} ->`,
        ...(inner.length === 0 ? ['skip'] : inner).map((line) => `   ${line}`),
      ]
    })
    return { checks: new Map(shared), lines: ['if', ...lines, 'fi;'] }
  }

  private effect(thread: number, location: number, effect: Effect, known: Known): Body {
    const { program, recording, variables } = this
    const checks = new Map<string, number>()
    for (const claim of recording.stepClaims) {
      const tree = program.ofStep(claim, thread, location, effect, known)
      const broken = this.brokenBy(tree, claim, 'step')
      // Where nothing is known to break it, what was not met is left to the trees of steps: no step leads there.
      if (broken.length === 0) continue
      for (const { when, number } of broken) checks.set(when, number)
      const missing = this.condition(tree, (answer) => answer === UNMET)
      if (missing !== 'false') checks.set(missing, NEVER_MET)
    }
    const lines: string[] = []
    for (const [cell, value] of effect.stored)
      if (known.get(cell) !== value) lines.push(`${variables[cell]} = ${value};`)
    const from = program.standing(thread, location)
    for (const [variable, value] of program.standing(thread, effect.to))
      if (from.get(variable) !== value) lines.push(`${variables[variable]} = ${value};`)
    return { checks, lines }
  }

  /** A process that looks at every state. */
  private judge(): void {
    const { lines, program, recording } = this
    const ways = recording.invariants.flatMap((claim) => {
      const tree = claim.trees[0]
      if (tree === undefined) return []
      const decided = program.ofStates(tree)
      const broken = this.brokenBy(decided, claim, 'state')
      const missing = this.condition(decided, (answer) => answer === UNMET)
      if (missing !== 'false') broken.push({ when: missing, number: NEVER_MET })
      return broken.map(({ when, number }) => `  :: d_step { ${when} -> assert(wrong == ${number}) }`)
    })
    lines.push('', 'active proctype every_state() {', 'end_judging:')
    lines.push(...(ways.length === 0 ? ['  false'] : ['  do', ...ways, '  od']), '}')
  }

  private brokenBy(
    tree: Decided<Answer>,
    { name }: RecordedClaim,
    about: Wrong['about'],
  ): { when: string; number: number }[] {
    const clauses = new Set<string>()
    visit(tree, (answer) => {
      if (answer !== UNMET && answer !== '') clauses.add(answer)
    })
    return [...clauses].map((clause) => ({
      when: this.condition(tree, (answer) => answer === clause),
      number: this.number({ about, clause, name }),
    }))
  }

  private condition(tree: Decided<Answer>, wanted: (answer: Answer | typeof UNMET) => boolean): string {
    return conditionOf(tree, wanted, (variable) => this.variables[variable])
  }

  private number(wrong: Wrong): number {
    const key = `${wrong.about} ${wrong.clause} ${wrong.name}`
    let number = this.numbers.get(key)
    if (number === undefined) {
      number = NEVER_MET + 1 + this.numbers.size
      this.numbers.set(key, number)
      this.wrong.set(number, wrong)
    }
    return number
  }

  /** Formulas: each says of a progress claim that what it is about never lasts. */
  private progress(): PromelaModel['progress'] {
    const { lines, program, recording, variables } = this
    lines.push('', '#ifdef PROGRESS')
    const formulas = recording.progress.map(({ name, clause, tree }, i) => {
      const condition =
        tree === undefined
          ? 'false'
          : conditionOf(
              program.ofStates(tree),
              (is) => is === true,
              (variable) => variables[variable],
            )
      const formula = `does_not_last_${i + 1}`
      lines.push(
        `#define pending_${i + 1} (${condition})`,
        `ltl ${formula} { []<>!pending_${i + 1} } /* ${comment(`${clause}, ${name}`)} */`,
      )
      return { name, formula }
    })
    lines.push('#endif')
    return formulas
  }
}

/** What a step does: what is wrong under which conditions, and then what it writes. */
interface Body {
  /** The number of what is wrong, by condition. */
  readonly checks: ReadonlyMap<string, number>
  readonly lines: readonly string[]
}

/** Checks as statements. Those that say that nothing was met are one. */
function printed(checks: Body['checks']): string[] {
  const unmet: string[] = []
  const lines: string[] = []
  for (const [when, number] of checks)
    if (number === NEVER_MET) unmet.push(when)
    else lines.push(`if :: ${when} -> assert(wrong == ${number}) :: else fi;`)
  if (unmet.length > 0) lines.push(`if :: ${unmet.join(' || ')} -> assert(wrong == ${NEVER_MET}) :: else fi;`)
  return lines
}

function visit<L>(tree: Decided<L>, see: (leaf: L | typeof UNMET) => void): void {
  const seen = new Set<Decided<L>>()
  const walk = (node: Decided<L>): void => {
    if (seen.has(node)) return
    seen.add(node)
    if (isLeaf(node)) see(node.leaf)
    else for (const branch of node.branches.values()) walk(branch)
  }
  walk(tree)
}

/** A text that ends no comment. */
function comment(text: string): string {
  return text.replace(/\*\//g, '* /').replace(/\n/g, ' ')
}
