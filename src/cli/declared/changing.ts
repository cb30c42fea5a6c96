/**
 * Commands for those who write a driver or change the specification.
 *
 * @module
 */
import { Option } from 'commander'
import { parseCount, parseDuration, parseSeed, parseWorkers } from '../arguments/values.js'
import { initCommand } from '../commands/init.js'
import { MUTATE_FORMATS, type MutateCommandOptions, mutateCommand } from '../commands/mutate.js'
import { REVIEW_FORMATS, type ReviewCommandOptions, reviewCommand } from '../commands/review.js'
import { boundsOption, linuxOption, overrideOption, workersOption } from './options.js'
import { type Declaring, withProject } from './running.js'

/** Declares `hmm-spec init`. */
export function declareInit({ command, io, exit }: Declaring): void {
  command(
    'init',
    'write a project for a driver of your own: a driver that holds, its test, and what they need',
  )
    .argument('<folder>', 'where')
    .action((folder: string) => exit(initCommand(io, folder)))
}

/** Declares `hmm-spec mutate`. */
export function declareMutate({ command, project, io, exit }: Declaring): void {
  command('mutate', "change the specification's text one place at a time, and see what notices")
    .addOption(new Option('--target <path>', 'only this file or folder: src/kernel/hmm'))
    .addOption(new Option('--since <ref>', 'only functions that have changed since a commit'))
    .addOption(new Option('--sample <count>', 'only so many, at random').argParser(parseCount))
    .addOption(new Option('--seed <number>', 'another sample (default 1)').argParser(parseSeed))
    .addOption(new Option('--no-recordings', 'judge by scenarios alone, and not by recordings of kernels'))
    .addOption(
      new Option(
        '--states <count>',
        'change so many states of each scenario in place of the text, one field at a time',
      ).argParser(parseCount),
    )
    .addOption(boundsOption('smoke'))
    .addOption(
      new Option('--time-limit <time>', 'begin no other after that: 30s, 2m').argParser(parseDuration),
    )
    .addOption(
      new Option('--workers <count>', 'most mutants at a time (default one for each core)').argParser(
        parseWorkers,
      ),
    )
    .addOption(new Option('--format <format>', 'how to report').choices(MUTATE_FORMATS).default('text'))
    .addOption(new Option('--output <file>', 'write the report to a file; its text is printed as well'))
    .addHelpText(
      'after',
      `
It runs in a clone, after npm run build. What was found is kept: a run that was ended goes on where it was.

Examples:
  hmm-spec mutate
  hmm-spec mutate --target src/kernel/mmu_notifier --format json --output mutants.json
  hmm-spec mutate --since main --time-limit 10m
  hmm-spec mutate --sample 50 --seed 7 --format stryker --output report.json`,
    )
    .action(async (options: MutateCommandOptions) => exit(await mutateCommand(project, io, options)))
}

/** Declares `hmm-spec review`. */
export function declareReview({ command, project, io, exit }: Declaring): void {
  command(
    'review',
    'say what a change breaks and what still holds, in a document to send with it; or write the dossier',
  )
    .argument('[range]', 'two commits: main..HEAD (default none: the dossier of the whole specification)')
    .addOption(overrideOption())
    .addOption(new Option('--driver <file>', 'an ES module whose default export is a Driver'))
    .addOption(new Option('--base <file>', 'the driver that it is compared with'))
    .addOption(linuxOption())
    .addOption(new Option('--only <scenario...>', 'look at these scenarios only'))
    .addOption(boundsOption('smoke'))
    .addOption(
      new Option('--time-limit <time>', 'most time for each check: 30s, 2m, 500ms').argParser(parseDuration),
    )
    .addOption(
      new Option(
        '--mutants <time>',
        'judge the mutants of what changes, before the change and after it; of each begin no other after that: 5m',
      ).argParser(parseDuration),
    )
    .addOption(workersOption())
    .addOption(
      new Option('--format <format>', 'which document to write').choices(REVIEW_FORMATS).default('all'),
    )
    .addOption(new Option('--output <dir>', 'where to write review.md and the others').default('review'))
    .addHelpText(
      'after',
      `
It runs in a clone, after npm run build. The commits of a range are built in folders of their own.

Examples:
  hmm-spec review
  hmm-spec review main..HEAD
  hmm-spec review main..HEAD --mutants 10m
  hmm-spec review --override my-patch.js --bounds default
  hmm-spec review --driver my-driver.js --base old-driver.js --output driver-review`,
    )
    .action(
      async (
        range: string | undefined,
        {
          only = [],
          timeLimit,
          workers,
          ...options
        }: Omit<ReviewCommandOptions, 'only' | 'limits'> & {
          only?: readonly string[]
          timeLimit?: number
        },
      ) => {
        const limits = timeLimit === undefined ? {} : { timeMs: timeLimit }
        exit(
          await reviewCommand(
            project,
            io,
            range,
            { ...options, only, limits, ...(workers === undefined ? {} : { workers }) },
            (choice, supervision, run) => withProject(project, io, choice, supervision, run),
          ),
        )
      },
    )
}
