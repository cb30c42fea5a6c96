/**
 * Prints how many sequences of a file take each step and each transition, as JSON: a process of its own, since it takes
 * minutes. Arguments: the file and its kernel, or `suite`.
 *
 * @module
 */
import { fileURLToPath } from 'node:url'
import type { KernelVersion } from '../conformance/result.js'
import { takenByFile, takenBySuite } from './sequences.js'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const [file, kernel] = process.argv.slice(2)
const counts = file === 'suite' ? takenBySuite(root) : takenByFile(root, file, kernel as KernelVersion)
process.stdout.write(JSON.stringify([...counts]))
