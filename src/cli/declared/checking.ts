/**
 * Commands that run the scenarios.
 *
 * @module
 */
import { type Command, Option } from 'commander'
import { SCHEDULES } from '../../checker/runs/random.js'
import type { Bounds, Parameters } from '../../world/model.js'
import { selectionOf } from '../arguments/linux.js'
import { UsageError } from '../arguments/usage.js'
import { parseAudit, parseCount, parseDuration, parseSeed } from '../arguments/values.js'
import { atomicityCommand } from '../commands/atomicity.js'
import { checkCommand } from '../commands/check.js'
import { defectsCommand } from '../commands/defects.js'
import { SATURATE_FORMATS, type SaturateCommandOptions, saturateCommand } from '../commands/saturate.js'
import { type SimulateCommandOptions, simulateCommand } from '../commands/simulate.js'
import { type Choice, type Project, scenariosOfDriver } from '../project.js'
import type { CheckpointOptions } from '../running/checkpoints.js'
import { watching } from '../running/watch.js'
import type { Io } from '../terminal/io.js'
import {
  boundsOption,
  driverOption,
  fullOption,
  scenarioOption,
  setOption,
  traceDirOption,
  withOutput,
  withRunOptions,
  withSelection,
  workersOption,
} from './options.js'
import { type Declaring, type RunOptions, runOptions, supervision, withProject } from './running.js'

interface AtomicityRunOptions extends Choice {
  readonly set: Parameters
  readonly bounds: Bounds
  readonly stateLimit?: number
}

interface CheckRunOptions extends RunOptions, Choice, CheckpointOptions {
  readonly set: Parameters
  readonly bounds: Bounds
  readonly digest?: boolean
  readonly strict?: boolean
  readonly full?: boolean
  readonly watch?: boolean
  readonly drivers?: string
  readonly audit?: number | 'off'
}

/** Checks again each time that a file is saved. */
async function watchCheck(
  project: Project,
  io: Io,
  options: CheckRunOptions,
  run: (io: Io) => Promise<number>,
): Promise<number> {
  const { driver, scenario, override } = selectionOf(options)
  const isFile = (name: string | undefined) =>
    name !== undefined && scenariosOfDriver(project, name) === undefined
  const files = [driver, scenario, override].filter(isFile) as string[]
  if (files.length === 0)
    throw new UsageError('--watch waits for a file of yours to be saved; give it: --driver FILE')
  const supervised = supervision(options)
  try {
    return await watching(io, {
      files,
      run,
      prepare: () => project.warm?.(supervised.workers ?? WARM, supervised, io),
    })
  } finally {
    project.cool?.()
  }
}

/** Processes that are kept warm while a file is watched. */
const WARM = 2

/** Declares `hmm-spec check`. */
export function declareCheck({ command, project, io, exit }: Declaring): void {
  withSelection(
    withRunOptions(
      command('check', 'explore every interleaving of scenarios, and say what holds').argument(
        '[scenario...]',
        'names of scenarios (default all)',
      ),
    )
      .addOption(setOption())
      .addOption(boundsOption('default'))
      .addOption(new Option('--digest', 'add a digest of states and steps to a JSON report'))
      .addOption(
        new Option(
          '--audit <samples>',
          "runs by which each step of a driver's own is run live and compared, or `off` (default 4)",
        ).argParser(parseAudit),
      )
      .addOption(
        new Option(
          '--checkpoint <dir>',
          'write results and checkpoints to this directory, so that a run that was killed can continue',
        ).conflicts('watch'),
      )
      .addOption(
        new Option('--every <time>', 'time between two checkpoints (default 5m)').argParser(parseDuration),
      )
      .addOption(new Option('--resume', 'continue from the results and checkpoints in that directory'))
      .addOption(
        new Option(
          '--strict',
          'also fail if a step, a requirement or a transition that your files bring along was never exercised',
        ),
      )
      .addOption(fullOption())
      .addOption(
        new Option(
          '--drivers <which>',
          'the drivers of the kernel tree that come with hmm-spec, all of them: `tree`; unless they are given, at --bounds smoke',
        )
          .choices(['tree'])
          .conflicts(['driver', 'scenario']),
      )
      .addOption(
        new Option(
          '--watch',
          'check again each time that a file of yours is saved, until Ctrl-C; unless they are given, at --bounds smoke and with --audit off',
        ),
      ),
  )
    .addHelpText(
      'after',
      `
Examples:
  hmm-spec check
  hmm-spec check retry-protocol --set pages=2 --set commits=3 --bounds deep
  hmm-spec check munmap exit --driver my-driver.js --trace-dir traces
  hmm-spec check munmap --driver my-driver.ts --watch
  hmm-spec check --drivers tree
  hmm-spec check --scenario my-scenarios.js --driver my-driver.js --strict
  hmm-spec check recorded/device/dev_read+mprotect --driver recorded
  hmm-spec check device-page-faults --linux 6.8
  hmm-spec check --linux 5.4 --bounds smoke
  hmm-spec check --time-limit 30s --memory-limit 512MB --state-limit 5M
  hmm-spec check four-threads --bounds deep --checkpoint kept
  hmm-spec check four-threads --bounds deep --checkpoint kept --resume
  hmm-spec check --format junit --output report.xml`,
    )
    .action(async (names: string[], given: CheckRunOptions, command: Command) => {
      const { drivers } = given
      const options = drivers === undefined ? given : { ...given, driver: drivers }
      const { set, digest = false, strict = false, full = false, watch = false } = options
      // What is saved is to be judged at once; a run without --watch audits it.
      const samples = options.audit ?? (watch ? 'off' : undefined)
      const audit = samples === undefined ? {} : { audit: samples }
      const isGiven = command.getOptionValueSource('bounds') !== 'default'
      const bounds = (watch || drivers !== undefined) && !isGiven ? 'smoke' : options.bounds
      const settings = {
        ...runOptions(options),
        set,
        bounds,
        digest,
        strict,
        full,
        ...audit,
        checkpoints: options,
      }
      const once = (io: Io) =>
        withProject(project, io, options, supervision(options), (used) =>
          checkCommand(used, io, names, settings),
        )
      exit(watch ? await watchCheck(project, io, options, once) : await once(io))
    })
}

/** Declares `hmm-spec atomicity`. */
export function declareAtomicity({ command, project, io, exit }: Declaring): void {
  withSelection(
    command(
      'atomicity',
      'find steps that are too large: others may come between two accesses of one',
    ).argument('[scenario...]', 'names of scenarios (default all)'),
  )
    .addOption(setOption())
    .addOption(boundsOption('smoke'))
    .addOption(new Option('--state-limit <count>', 'most states of each scenario').argParser(parseCount))
    .addHelpText(
      'after',
      `
Examples:
  hmm-spec atomicity
  hmm-spec atomicity munmap migrate --bounds default
  hmm-spec atomicity --driver my-driver.js`,
    )
    .action(async (names: string[], options: AtomicityRunOptions) => {
      const { set, bounds, stateLimit } = options
      const states = stateLimit === undefined ? {} : { states: stateLimit }
      exit(
        await withProject(project, io, options, { limits: {} }, (used) =>
          atomicityCommand(used, io, names, { set, bounds, ...states }),
        ),
      )
    })
}

/** Declares `hmm-spec simulate`. */
export function declareSimulate({ command, project, io, exit }: Declaring): void {
  withSelection(
    withOutput(
      command(
        'simulate',
        'run scenarios at random, where they are too large to be explored; it never says that they hold',
      ).argument('[scenario...]', 'names of scenarios (default all)'),
    ),
  )
    .addOption(
      new Option('--runs <count>', 'how many runs of each scenario').argParser(parseCount).default(1000),
    )
    .addOption(new Option('--steps <count>', 'most steps of a run').argParser(parseCount).default(500))
    .addOption(new Option('--schedule <kind>', 'how threads are chosen').choices(SCHEDULES).default('random'))
    .addOption(
      new Option('--seed <number>', 'where the randomness starts (default another each time)').argParser(
        parseSeed,
      ),
    )
    .addOption(new Option('--path <path>', 'the run to begin with, as a report gave it with its seed'))
    .addOption(setOption())
    .addOption(boundsOption('deep'))
    .addOption(
      new Option('--time-limit <time>', 'most time for each scenario: 30s, 2m').argParser(parseDuration),
    )
    .addOption(workersOption())
    .addOption(traceDirOption())
    .addOption(fullOption())
    .addHelpText(
      'after',
      `
A violation is shrunk to a short run and small parameters. Witnesses that no run reached are listed.

Examples:
  hmm-spec simulate munmap --set pages=3 --runs 5000
  hmm-spec simulate --driver my-driver.js --schedule priority --time-limit 10s
  hmm-spec simulate four-threads --schedule coverage --seed 1 --trace-dir traces`,
    )
    .action(
      async (
        names: string[],
        { workers, ...options }: SimulateCommandOptions & Choice & { workers?: number },
      ) => {
        const limits = options.timeLimit === undefined ? {} : { timeMs: options.timeLimit }
        exit(
          await withProject(
            project,
            io,
            options,
            { limits, ...(workers === undefined ? {} : { workers }) },
            (used) => simulateCommand(used, io, names, options),
          ),
        )
      },
    )
}

/** Declares `hmm-spec defects`. */
export function declareDefects({ command, project, io, exit }: Declaring): void {
  withRunOptions(
    command('defects', 'put each known bug in, and see whether the clause that it breaks says so').argument(
      '[name...]',
      'names of defects (default all)',
    ),
  )
    .option('--everywhere', 'put each into every scenario, and report those that reach it')
    .addOption(scenarioOption())
    .addOption(driverOption())
    .action(async (names: string[], options: RunOptions & Choice & { everywhere?: boolean }) => {
      const everywhere = options.everywhere ?? false
      exit(
        await withProject(project, io, options, supervision(options), (used) =>
          defectsCommand(used, io, names, { ...runOptions(options), everywhere }),
        ),
      )
    })
}

/** Declares `hmm-spec saturate`. */
export function declareSaturate({ command, project, io, exit }: Declaring): void {
  command('saturate', 'raise each bound of scenarios by one, and say what the larger ones show that is new')
    .argument('[scenario...]', 'names of scenarios (default all)')
    .addOption(
      new Option('--time-limit <time>', 'begin no other scenario after that: 30s, 2m').argParser(
        parseDuration,
      ),
    )
    .addOption(
      new Option('--state-limit <count>', 'states after which a larger scenario is abandoned')
        .argParser(parseCount)
        .default(1_000_000, '1M'),
    )
    .addOption(new Option('--format <format>', 'how to report').choices(SATURATE_FORMATS).default('text'))
    .addOption(new Option('--output <file>', 'write the report to a file; its text is printed as well'))
    .addHelpText(
      'after',
      `
A bound is a parameter; of a scenario that has none to raise, it is the last call of each thread, made twice.
The exit code is 1 if something is new that no explored scenario shows at its default bounds, unless
spec/bound-reasons.ts says why that is so.

Examples:
  hmm-spec saturate
  hmm-spec saturate munmap migrate --state-limit 200000
  hmm-spec saturate --time-limit 30m --format json --output saturation.json`,
    )
    .action(async (names: string[], options: SaturateCommandOptions) =>
      exit(await saturateCommand(project, io, names, options)),
    )
}
