/**
 * Prints what the sequences of a file take, as JSON: a process of its own, since it takes
 * minutes. Arguments: the file and its kernel, or `suite`; then N, to count one of N sequences.
 *
 * @module
 */
import { fileURLToPath } from 'node:url'
import type { KernelVersion } from '../conformance/result.js'
import { SUITE, takenByFile, takenBySuite } from './sequences.js'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const [file, kernel, every = '1'] = process.argv.slice(2)
const counts =
  file === SUITE ? takenBySuite(root) : takenByFile(root, file, kernel as KernelVersion, Number(every))
process.stdout.write(JSON.stringify([...counts]))
