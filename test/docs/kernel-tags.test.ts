/** Each procedure of `src/kernel` says which function of the kernel it stands for, in which file, and where the reference tells it. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const kernel = new URL('../../src/kernel/', import.meta.url)

/** What no function of the kernel does: an access by a thread, what a world needs, and code that no kernel has. */
const OURS = [
  'cpuRead',
  'cpuWrite',
  'keepCpu',
  'countingStart',
  'countingEnd',
  'poisonDevicePage',
  'poisonMappings',
]

const PROCEDURE = /(\/\*\*(?:(?!\*\/).)*?\*\/\n)?(?:export )?const (\w+)(?:: [^=]*)? = procedure\(/gs

const procedures = readdirSync(kernel, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .flatMap((file) =>
    [...readFileSync(new URL(file, kernel), 'utf8').matchAll(PROCEDURE)].map(([, comment = '', name]) => ({
      at: `${file}: ${name}`,
      name,
      comment,
    })),
  )

it('is said of each', () => {
  expect(procedures.length).toBeGreaterThan(200)
  const silent = procedures.filter(
    ({ name, comment }) =>
      !OURS.includes(name) && !(/@kernel [^\n]*\w\.[ch]\b/.test(comment) && /@see reference /.test(comment)),
  )
  expect(silent.map(({ at }) => at)).toEqual([])
})

it('is not said of those that are ours, and each of those is there', () => {
  const ours = procedures.filter(({ name }) => OURS.includes(name))
  expect(ours.map(({ name }) => name).sort()).toEqual([...OURS].sort())
  expect(ours.filter(({ comment }) => comment.includes('@kernel')).map(({ at }) => at)).toEqual([])
})
