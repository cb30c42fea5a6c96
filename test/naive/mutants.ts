// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are pieces of a program text
/**
 * Bugs to seed in the engine, by file: a piece of its text, which is there once, and what is put in its place. The naive
 * explorer, the digests and the collisions must catch every one.
 */
import type { Mutant } from './mutation.js'

const BUGS: Readonly<Record<string, readonly (readonly [search: string, replace: string])[]>> = {
  'src/checker/explore/explore.ts': [
    [
      `if (location === FINISHED) continue
          const run`,
      `if (location <= FINISHED + 1) continue
          const run`,
    ],
    [
      'for (choice = 0; choice < outcomes; choice++) {',
      'for (choice = 0; choice < Math.min(2, outcomes); choice++) {',
    ],
    [
      'for (choice = 0; choice < outcomes; choice++) {',
      'for (choice = outcomes > 1 ? 1 : 0; choice < outcomes; choice++) {',
    ],
    [
      'for (thread = 0; thread < threads; thread++) {',
      'for (thread = threads > 2 ? 1 : 0; thread < threads; thread++) {',
    ],
    [
      'for (let i = 0; i < words; i++) next[i] = current[i]',
      'for (let i = 1; i < words; i++) next[i] = current[i]',
    ],
    [
      `enabled++
            this.transitions++`,
      `enabled++
            this.transitions += choice === 0 ? 1 : 0`,
    ],
    [
      `this.system.mustBeUnchanged(current, next, location)
`,
      '',
    ],
    ['if (enabled === 0) {', 'if (enabled === 1) {'],
    ['if (enabled === 0) {', 'if (enabled === 0 && this.depth > 3) {'],
    ['normaliser.settle(current, next, nextWorld)', 'normaliser.settle(next, current, currentWorld)'],
    [
      `this.depth++
          this.levelEnd = store.count`,
      `this.depth++
          this.levelEnd = store.count + 1`,
    ],
    [
      `if (!store.added) continue
`,
      '',
    ],
    ['this.hashes[at] = this.store.hash(next)', 'this.hashes[at] = this.store.hash(this.current)'],
    ['this.origins[at] = from', 'this.origins[at] = at'],
    ['this.movers[at] = thread', 'this.movers[at] = 0'],
    [
      `if (!this.settle()) return
    this.breach = { ...broken, state: from`,
      'this.breach = { ...broken, state: from',
    ],
    ['else if (this.settle()) throw', 'else throw'],
    ['if (thread !== undefined && broken.clause === DEADLOCK) this.findStuck()', ''],
    ['const broken = this.canGoOn() ? undefined', 'const broken = !this.canGoOn() ? undefined'],
    [
      `act(thread, unclaimed)
            use(nextWorld)`,
      `act(thread, new Set())
            use(nextWorld)`,
    ],
    [
      `act(thread, unclaimed)
            use(nextWorld)`,
      `act(0, unclaimed)
            use(nextWorld)`,
    ],
    [
      'const broken = judge.step(currentWorld, nextWorld, thread, currentView, nextView)',
      'const broken = judge.step(nextWorld, nextWorld, thread, currentView, nextView)',
    ],
    [
      'const broken = judge.step(currentWorld, nextWorld, thread, currentView, nextView)',
      'const broken = judge.step(currentWorld, nextWorld, thread, nextView, nextView)',
    ],
    ['const broken = early ?? this.judgeInitial()', 'const broken = early'],
  ],
  'src/checker/claims/judge.ts': [
    [
      `if (judgement === undefined) continue
      exercised[i]++`,
      `exercised[i]++
      if (judgement === undefined) continue`,
    ],
    [
      `if (judgement === undefined) continue
      exercised[first + claim]++`,
      `if (judgement === undefined) continue
      exercised[claim]++`,
    ],
    [
      'for (let i = 0; i < ofStates.length; i++) {',
      'for (let i = 0; i < Math.min(1, ofStates.length); i++) {',
    ],
    ['for (let i = 0; i < undecided.length; i++) {', 'for (let i = 1; i < undecided.length; i++) {'],
    ['from.location(thread), to.location(thread))', 'from.location(thread), 0)'],
    ['i < way.heeded.length', 'i < way.heeded.length - 1'],
    ['for (let i = 0; i < ofCharts.length; i++) {', 'for (let i = 1; i < ofCharts.length; i++) {'],
    ['if (expected !== charted)', 'if (expected === charted)'],
    ['if (!this.reached[i] && ', 'if (i > 0 && !this.reached[i] && '],
    ['this.judgesSteps = this.stepClaims.length > 0', 'this.judgesSteps = this.stepClaims.length > 1'],
    ['acting.before = before\n    use', 'acting.before = after\n    use'],
  ],
  'src/checker/explore/memo.ts': [
    [
      'return this.answerFrom(this.roots[thread] ?? UNKNOWN',
      'return this.answerFrom(this.roots[0] ?? UNKNOWN',
    ],
    [
      '((after[word >>> OFFSET_AT] >> ((word >> SHIFT_AT) & 7)) & ((word >> MASK_AT) & 255))',
      '((after[word >>> OFFSET_AT] >> ((word >> SHIFT_AT) & 7)) & 1)',
    ],
    ['(before[word >>> OFFSET_AT]', '(after[word >>> OFFSET_AT]'],
    ['if (question?.thread !== thread) break', 'if (question === undefined) break'],
    ['const location = view.location(question.thread)', 'const location = view.location(0)'],
    ['if (known.has(cell)) return', 'if (this.cells.has(cell)) return'],
    ['const look = isSmall ? (old ? Look.before : Look.after) : Look.other', 'const look = Look.after'],
    ['if (found !== UNKNOWN) byLocation[location] = found', 'if (found !== UNKNOWN) byLocation[0] = found'],
  ],
  'src/checker/explore/edges.ts': [
    ['if (from !== this.from) this.begin(from)', 'if (from > this.from + 1) this.begin(from)'],
    ['this.targets[at] = to', 'this.targets[at] = from'],
    ['this.movers[at] = thread', 'this.movers[at] = 0'],
    ['disabled[state] = everybody & ~moved', 'disabled[state] = moved'],
    [
      'while (this.from < from) this.offsets[++this.from] = this.count',
      'this.offsets[(this.from = from)] = this.count',
    ],
  ],
  'src/checker/explore/system.ts': [
    [
      'this.control = new ControlGraph([...(model.overrides ?? []), ...overrides])',
      'this.control = new ControlGraph([...overrides, ...(model.overrides ?? [])])',
    ],
    [
      'this.control = new ControlGraph([...(model.overrides ?? []), ...overrides])',
      'this.control = new ControlGraph(overrides)',
    ],
    [
      'this.words = this.worldWords + model.threads.length',
      'this.words = this.worldWords + model.threads.length - (model.threads.length > 2 ? 1 : 0)',
    ],
    ['if (location === FINISHED || thread.daemon) return', 'if (location === FINISHED) return'],
    [
      'if (location === FINISHED || thread.daemon) return',
      'if (location === FINISHED || thread.daemon || i === 0) return',
    ],
    ['if (after[i] !== before[i])', 'if (i > 0 && after[i] !== before[i])'],
    ["kind: clause === 'refinement' ? 'refinement' : 'assertion'", "kind: 'assertion'"],
    [
      'if (known[location] === 0) known[location] = this.control.isInside(location, procedure) ? 2 : 1',
      'if (known[location] === 0) known[location] = this.control.isInside(location, procedure) ? 1 : 2',
    ],
    [
      "this.names[location] ??= this.control.stepAt(location)?.name ?? 'finished'",
      "this.names[thread] ??= this.control.stepAt(location)?.name ?? 'finished'",
    ],
    ['this.unclaimed = new Set(model.unclaimed)', 'this.unclaimed = new Set()'],
  ],
  'src/checker/explore/store.ts': [
    ['if (chunk[offset + i] !== state[i]) return false', ''],
    [
      'if (this.equals(index, state)) {',
      `const stored = new Uint32Array(this.words)
        this.load(index, stored)
        if (hashOf(stored, this.words) === hash) {`,
    ],
    ['this.parents[index >>> CHUNK_BITS][at] = parent', 'this.parents[index >>> CHUNK_BITS][at] = index'],
    ['while (table[slot] !== EMPTY) slot = (slot + 1) & mask', ''],
    ['table[slot] = (hashes[i] & ~mask) | (first + i)', 'table[slot] = (hashes[i] & ~mask) | i'],
    [
      `slot = (slot + 1) & mask
    }
    this.added = true`,
      `break
    }
    this.added = true`,
    ],
    [
      `this.added = false
`,
      '',
    ],
  ],
  'src/checker/explore/stepper.ts': [
    [
      'next[this.worldWords + thread] = this.control.successor(location, result)',
      'next[thread] = this.control.successor(location, result)',
    ],
    ["if (this.how === 'normalised') this.system.normaliser.settle(state, next, this.lastWorld)", ''],
    [
      `next.set(state)
`,
      '',
    ],
    ['act(thread, this.system.unclaimed)', 'act(thread, new Set())'],
    [
      'for (let choice = 0; choice < this.outcomes(state, thread); choice++) {',
      'for (let choice = 0; choice < 1; choice++) {',
    ],
  ],
  'src/checker/explore/normalise.ts': [
    ["if (use === 'none') normalisations = []", 'normalisations = []'],
    ['if (((before[i] ^ after[i]) & masks[i]) !== 0) {', 'if ((after[i] & masks[i]) === 0) {'],
    ['for (let bit = 1; bit <= cell.max; bit *= 2) {', 'for (let bit = 1; bit <= 1; bit *= 2) {'],
    ['masks[i] |= words[i]', 'masks[i] = words[i]'],
    ['for (const { normalisation } of this.watched) normalisation.apply()', ''],
  ],
  'src/checker/claims/progress.ts': [
    ['if (onStack[to]) low[at]', 'if (!onStack[to]) low[at]'],
    ['const end = ends.find((index) => isPending(claim, index))', 'const end = undefined'],
    ['if (isPending(claim, index)) pending[index] = 1', 'pending[index] = 1'],
    ['view, view)) lasting[i]++', 'view, view)) lasting[0]++'],
  ],
  'src/checker/check.ts': [
    [
      'stopped === undefined && exploration.breach === undefined && claims.length > 0',
      'stopped === undefined && exploration.breach === undefined && claims.length > 1',
    ],
    [
      'complete ? (model.witnesses ?? []).find((_, i) => !exploration.reached[i])',
      'complete ? (model.witnesses ?? []).find((_, i) => exploration.reached[i])',
    ],
    [
      `depth: exploration.depth,
    queue`,
      `depth: exploration.depth + 1,
    queue`,
    ],
  ],
  'src/checker/explore/survey.ts': [
    ['const stuck = enabled === 0 ? this.system.stuck(current) : undefined', 'const stuck = undefined'],
    ['let head = early === undefined ? 0 : store.count', 'let head = 0'],
    [
      `if (this.breaches.has(broken.clause)) return
`,
      '',
    ],
    ['steps: this.depth + (step === undefined ? 0 : 1)', 'steps: this.depth + 1'],
  ],
  'src/checker/runs/trace.ts': [['at = exploration.store.parent(at)', 'at = at - 1']],
  'src/checker/claims/coverage.ts': [
    [
      'exploration.control.forEachTaken((procedure, step) => steps.add(`${procedure.procedureName}: ${step.name}`))',
      '',
    ],
    ['taken: taken[at],', 'taken: taken[0],'],
  ],
  'src/checker/digest.ts': [
    ['if (before[word] === state[word]) continue', 'if (before[word] === state[word] || word > 0) continue'],
    ['this.addValue(hashed.sum, i, cells[i], -1)', ''],
    [
      'addTo(into, this.placeOf(thread, state[this.worldWords + thread]))',
      'addTo(into, this.placeOf(thread, state[this.worldWords]))',
    ],
    [
      '${procedure.procedureName}(${args.map(textOf).join()})[${inputs.map(textOf).join()}]',
      '${procedure.procedureName}(${args.map(textOf).join()})',
    ],
    ['return hashText(`${thread} ${choice} ${textOf(result)}`)', 'return hashText(`${thread} ${choice}`)'],
  ],
  'src/world/procedures/control.ts': [
    ['const slot = (result << 1) ^ (result >> 31)', 'const slot = Math.abs(result) << 1'],
    ['if ((result | 0) !== result) this.refuse(', 'if (false) this.refuse('],
    [
      'if (Math.abs(result) > 0xfffff) this.refuse(at, result)',
      'if (result > 0xfffff) this.refuse(at, result)',
    ],
    [
      `this.next[location][slot] = reached
`,
      `this.next[location][slot >> 1] = reached
`,
    ],
    [
      `case 'become': {
`,
      `case 'become': {
          below = this.intern(below, node)
`,
    ],
    [
      `below = this.intern(below, node)
          node = this.enter(operation.procedure, operation.args)
          break`,
      `node = this.enter(operation.procedure, operation.args)
          break`,
    ],
    [
      `node = this.child(below.node, operation.value)
          below = below.below`,
      `node = this.child(below.node, operation.value)
          below = undefined`,
    ],
    ['node = this.child(below.node, operation.value)', 'node = this.child(below.node, 0)'],
    [
      'let location = node.locations.get(below)',
      'let location = node.locations.get(undefined) ?? node.locations.get(below)',
    ],
    ["this.choices.push(operation.kind === 'step' ? operation.choices : 0)", 'this.choices.push(1)'],
    [
      'const key = `${keyOf(procedure)}${keyOfArguments(procedure, args)}`',
      'const key = `${keyOf(procedure)}${args.length}`',
    ],
    [
      "const key = typeof input === 'number' ? input : keyOf(input)",
      "const key = typeof input === 'number' ? input : typeof input",
    ],
    ['const body = this.bodies.get(procedure) ?? ', 'const body = '],
    [
      `node.locations.set(below, location)
`,
      '',
    ],
    [
      `case 'string':
      case 'boolean':`,
      `case 'string':
        return step(entry, 'text')
      case 'boolean':`,
    ],
    [
      `case 'failed':
          throw operation.violation`,
      `case 'failed':
          return FINISHED`,
    ],
  ],
  'src/world/procedures/procedure.ts': [
    ["return Object.is(value, -0) ? '-0' : String(value)", 'return String(value % 2)'],
    ['if (isHandle(value)) return identity(value)', "if (isHandle(value)) return '#'"],
    [
      '.map(([key, value]) => `${JSON.stringify(key)}:${keyWithin(value, depth + 1)}`)',
      '.map(([key]) => JSON.stringify(key))',
    ],
  ],
  'src/world/procedures/override.ts': [
    ['const original = make(replaced.procedureName, replaced.body)', 'const original = replaced'],
    ['bodies.set(target, each.body)', 'bodies.set(target, bodies.get(target) ?? each.body)'],
  ],
  'src/world/records/locks.ts': [
    [
      "if (other.rank < lock.rank) asserted('lock-order')",
      "if (other.rank <= lock.rank) asserted('lock-order')",
    ],
    [
      "if (other === lock) claim('deadlock', !lock.heldBy(thread)",
      "if (other === lock) claim('deadlock', true",
    ],
    [
      `mayAcquire(this.layout.locks, this)
    return this.tryAcquire()`,
      'return this.tryAcquire()',
    ],
    [
      `this.owner.value = 0
`,
      '',
    ],
    ['return this.tryAcquire() ? 1 : 0', 'return this.tryAcquire() ? 0 : 1'],
    [
      'if (this.writer.value !== 0 || this.readers.value !== 0) return false',
      'if (this.writer.value !== 0) return false',
    ],
    ['this.waiting.value = this.waiting.value & ~(1 << acting.thread)', 'this.waiting.value = 0'],
    [
      'this.heldForWritingBy(thread, w) || ((this.readers.get(w) >> thread) & 1) === 1',
      'this.heldForWritingBy(thread, w)',
    ],
    [
      `this.sleepers.value = 0
`,
      '',
    ],
    [
      `if (answer === BLOCKED) return BLOCKED
`,
      '',
    ],
    [
      'if (!expired) return (queue.sleepers.value >> acting.thread) & 1 ? BLOCKED : Woken.called',
      'if (!expired) return BLOCKED',
    ],
    [
      `this.mustWrite()
      this.writer.value = 0
      this.readers`,
      `this.mustWrite()
      this.readers`,
    ],
    [
      `const result = effect(choice)
      this.release()`,
      'const result = effect(choice)',
    ],
    [
      'super(layout, name, { ...options, spinning: true })',
      'super(layout, name, { ...options, spinning: false })',
    ],
  ],
  'src/world/records/lifecycle.ts': [['if (target < 0) {', 'if (target < -1) {']],
}

/** All of them. */
export const mutants: readonly Mutant[] = Object.entries(BUGS).flatMap(([file, bugs]) =>
  bugs.map(([search, replace]) => ({ file, search, replace })),
)
