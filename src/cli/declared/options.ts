/**
 * The options of commands, those that several have above all.
 *
 * @module
 */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Bounds } from '../../world/model.js'
import { didYouMean } from '../arguments/usage.js'
import { parseCount, parseDuration, parseSetting, parseSize, parseWorkers } from '../arguments/values.js'
import { FORMATS } from '../terminal/output.js'

export function setOption(): Option {
  return new Option('--set <NAME=VALUE>', 'set a parameter of the scenarios; may be given several times')
    .argParser(parseSetting)
    .default({}, 'as the bounds say')
}

export function overrideOption(): Option {
  return new Option(
    '--override <file>',
    'an ES module whose default export is an Override, a list of them, or an object that has such a list',
  )
}

export function boundsOption(usual: Bounds): Option {
  return new Option('--bounds <size>', 'size of the scenarios')
    .choices(['smoke', 'default', 'deep'] satisfies Bounds[])
    .default(usual)
}

export function workersOption(): Option {
  return new Option('--workers <count>', 'most checks at a time (default one for each core)').argParser(
    parseWorkers,
  )
}

export function traceDirOption(): Option {
  return new Option('--trace-dir <dir>', 'save counterexamples there, for `hmm-spec replay`')
}

export function fullOption(): Option {
  return new Option('--full', 'show runs of over 60 steps whole, and not only what matters of them')
}

/** What the scenarios are run with. */
export function withSelection(command: Command): Command {
  return command
    .addOption(scenarioOption())
    .addOption(driverOption())
    .addOption(linuxOption())
    .addOption(kernelOption())
    .addOption(generationOption())
}

export function scenarioOption(): Option {
  return new Option(
    '--scenario <file>',
    "an ES module that exports scenarios, run in place of the specification's; requirements, defects and statecharts that " +
      'it exports are taken along',
  )
}

export function driverOption(): Option {
  return new Option(
    '--driver <file>',
    "an ES module whose default export is a Driver, to be put in the reference driver's place, with the scenarios, " +
      'requirements, defects and statecharts that it exports besides; or one that comes with hmm-spec, with ' +
      'scenarios of its own: `recorded`, `tree` (those of the kernel tree), `mlx5`, `rxe` and so on',
  )
}

export function linuxOption(): Option {
  return new Option(
    '--linux <version>',
    'the mirroring API, and the CPU fault on a device page, of a release: one of hmm-spec list releases, or one between ' +
      'two of them, which is as the older (default the latest)',
  )
}

export function generationOption(): Option {
  return new Option(
    '--generation <version>',
    'the mirroring API alone, with a driver written for it: one of hmm-spec list generations',
  )
}

export function kernelOption(): Option {
  return new Option(
    '--kernel <version>',
    'the CPU fault on a device page alone: one of hmm-spec list kernels',
  )
}

export function withOutput(command: Command): Command {
  return command
    .addOption(new Option('--format <format>', 'how to report').choices(FORMATS).default('text'))
    .addOption(new Option('--output <file>', 'write the report to a file; its text is printed as well'))
}

export function withRunOptions(command: Command): Command {
  return withOutput(command)
    .addOption(
      new Option('--time-limit <time>', 'most time for each check: 30s, 2m, 500ms').argParser(parseDuration),
    )
    .addOption(
      new Option('--memory-limit <size>', 'most memory for the states of a check: 512MB').argParser(
        parseSize,
      ),
    )
    .addOption(
      new Option('--state-limit <count>', 'most states of each check: 100000, 5M').argParser(parseCount),
    )
    .addOption(workersOption())
    .addOption(traceDirOption())
    .addOption(
      new Option('--no-reductions', 'explore every state as it is: more of them, and the same verdicts'),
    )
    .addOption(
      new Option('--no-memo', 'ask each claim in each state, in place of remembering what it has answered'),
    )
}

/** A parser that takes one of `values`, and suggests the nearest for any other. */
export function oneOf<T extends string>(what: string, values: readonly T[]) {
  return (text: string): T => {
    const found = values.find((value) => value === text)
    if (found === undefined)
      throw new InvalidArgumentError(
        `there is no ${what} "${text}"${didYouMean(text, values) || '.'} There are: ${values.join(', ')}.`,
      )
    return found
  }
}
