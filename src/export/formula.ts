/**
 * Decision trees as formulas: shared branches put together, known values put in, and conditions written out.
 *
 * @module
 */
import { isLeaf, type Tree } from './tree.js'

/** The values that a variable can have: its initial one, and all that is ever written to it. */
export type Domains = (variable: number) => ReadonlySet<number>

/** Values that are known, by variable. */
export type Known = ReadonlyMap<number, number>

/** What an exploration has met, or that it has met nothing. */
export const UNMET = Symbol('unmet')

/**
 * `tree` with answers in place of what needs no look: where a variable's value is known, or all of its values lead to the
 * same.
 *
 * @param keyOf - two answers are the same if their keys are
 * @param at - the variable that a look is about, or its value
 */
export function reduced<L>(
  tree: Tree<L>,
  domains: Domains,
  keyOf: (leaf: L) => string,
  at: (look: number, known: Known) => { readonly variable: number } | { readonly value: number },
): Tree<L | typeof UNMET> {
  const numbers = new Map<string, number>()
  const made = new Map<number, Tree<L | typeof UNMET>>()
  const keys = new Map<Tree<L | typeof UNMET>, number>()
  // Equal trees are one tree, known by its number.
  const share = (key: string, make: () => Tree<L | typeof UNMET>): Tree<L | typeof UNMET> => {
    const number = numbers.get(key) ?? numbers.size
    numbers.set(key, number)
    const shared = made.get(number) ?? make()
    made.set(number, shared)
    keys.set(shared, number)
    return shared
  }
  const unmet = () => share('unmet', () => ({ leaf: UNMET }))
  const walk = (node: Tree<L> | undefined, known: Known): Tree<L | typeof UNMET> => {
    if (node === undefined) return unmet()
    if (isLeaf(node)) return share(`leaf ${keyOf(node.leaf)}`, () => node)
    const seen = at(node.look, known)
    if ('value' in seen) return walk(node.branches.get(seen.value), known)
    const { variable } = seen
    const branches = new Map<number, Tree<L | typeof UNMET>>()
    for (const value of domains(variable))
      branches.set(value, walk(node.branches.get(value), new Map([...known, [variable, value]])))
    const [first] = branches.values()
    if ([...branches.values()].every((branch) => branch === first)) return first
    const key = `${variable}: ${[...branches].map(([value, branch]) => `${value} ${keys.get(branch)}`)}`
    return share(key, () => ({ look: variable, branches }))
  }
  return walk(tree, new Map())
}

/** Branches that are the same, with the values that lead to them. */
export function groupsOf<L>(
  branches: ReadonlyMap<number, Tree<L>>,
): { readonly values: readonly number[]; readonly branch: Tree<L> }[] {
  const groups = new Map<Tree<L>, number[]>()
  for (const [value, branch] of branches) {
    const values = groups.get(branch)
    if (values === undefined) groups.set(branch, [value])
    else values.push(value)
  }
  return [...groups].map(([branch, values]) => ({ values, branch }))
}

/** That a variable has one of `values`, of the `all` that it can have. */
export function oneOf(name: string, values: readonly number[], all: ReadonlySet<number>): string {
  const others = [...all].filter((value) => !values.includes(value))
  if (others.length === 0) return 'true'
  if (others.length < values.length) return others.map((value) => `${name} != ${value}`).join(' && ')
  const is = values.map((value) => `${name} == ${value}`).join(' || ')
  return values.length > 1 ? `(${is})` : is
}

/**
 * The condition under which `tree` gives an answer that is wanted: `true` and `false` where it always or never does.
 *
 * @param nameOf - what a variable is called
 */
export function conditionOf<L>(
  tree: Tree<L>,
  wanted: (leaf: L) => boolean,
  nameOf: (variable: number) => string,
): string {
  const known = new Map<Tree<L>, string>()
  const walk = (node: Tree<L>): string => {
    if (isLeaf(node)) return wanted(node.leaf) ? 'true' : 'false'
    const before = known.get(node)
    if (before !== undefined) return before
    const byText = new Map<string, number[]>()
    for (const [value, branch] of node.branches) {
      const text = walk(branch)
      byText.set(text, [...(byText.get(text) ?? []), value])
    }
    const all = new Set(node.branches.keys())
    const ways: string[] = []
    for (const [text, values] of byText) {
      if (text === 'false') continue
      const is = oneOf(nameOf(node.look), values, all)
      ways.push(text === 'true' ? is : is === 'true' ? text : `${is} && ${text}`)
    }
    const condition =
      ways.length === 0 ? 'false' : ways.length === 1 ? ways[0] : `(${ways.map(bracketed).join(' || ')})`
    known.set(node, condition)
    return condition
  }
  return walk(tree)
}

function bracketed(text: string): string {
  return text.includes(' ') ? `(${text})` : text
}

/** True if some way through `tree` ends in an answer that is wanted. */
export function has<L>(tree: Tree<L>, wanted: (leaf: L) => boolean): boolean {
  const seen = new Set<Tree<L>>()
  const walk = (node: Tree<L>): boolean => {
    if (isLeaf(node)) return wanted(node.leaf)
    if (seen.has(node)) return false
    seen.add(node)
    return [...node.branches.values()].some(walk)
  }
  return walk(tree)
}
