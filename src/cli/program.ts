/**
 * The command line: commands, options, help, and what a mistake in them is answered with.
 *
 * @module
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { SCHEDULES } from '../checker/runs/random.js'
import { type KernelVersion, RECORDED_KERNELS } from '../conformance/result.js'
import { PEER_LIMITS } from '../conformance/suite/peer/process-peer.js'
import { statechartFormats } from '../report/chart/statechart.js'
import { printable } from '../report/form/printable.js'
import { ExitCode } from '../report/report.js'
import type { RecordedTrace } from '../report/sequence/trace-file.js'
import type { Bounds, Parameters } from '../world/model.js'
import { selectionOf } from './arguments/linux.js'
import { selected } from './arguments/selected.js'
import { didYouMean, UsageError } from './arguments/usage.js'
import {
  parseAudit,
  parseCount,
  parseDuration,
  parseSeed,
  parseSetting,
  parseSize,
  parseStep,
  parseWorkers,
} from './arguments/values.js'
import { atomicityCommand } from './commands/atomicity.js'
import { checkCommand } from './commands/check.js'
import { conformCommand, PROFILES, recordedKernel, recordedProfile } from './commands/conform.js'
import { defectsCommand } from './commands/defects.js'
import { explainCommand } from './commands/explain.js'
import { type ExportFormat, exportCommand, SCENARIO_FORMATS, TRACE_FORMATS } from './commands/export.js'
import { initCommand } from './commands/init.js'
import { LISTS, type List, listCommand } from './commands/list.js'
import { LITMUS_FORMATS, type LitmusCommandOptions, litmusCommand } from './commands/litmus.js'
import { MUTATE_FORMATS, type MutateCommandOptions, mutateCommand } from './commands/mutate.js'
import { REPLAY_FORMATS, type ReplayCommandOptions, readTrace, replayCommand } from './commands/replay.js'
import { REVIEW_FORMATS, type ReviewCommandOptions, reviewCommand } from './commands/review.js'
import { SATURATE_FORMATS, type SaturateCommandOptions, saturateCommand } from './commands/saturate.js'
import { type SimulateCommandOptions, simulateCommand } from './commands/simulate.js'
import { peerCommand, type SuiteCommandOptions, suiteCommand } from './commands/suite.js'
import {
  TRACED_KERNELS,
  VALIDATE_FORMATS,
  type ValidateCommandOptions,
  validateCommand,
} from './commands/validate.js'
import type { Choice, Project, SupervisionOptions } from './project.js'
import { watching } from './running/watch.js'
import { supervisedProject } from './supervisor/index.js'
import { ProcessError } from './supervisor/process.js'
import { coloursFor, finished, type Io, processIo } from './terminal/io.js'
import { FORMATS, type Format, type OutputOptions } from './terminal/output.js'

const EXAMPLES = `
Examples:
  hmm-spec check                                  every scenario, every interleaving
  hmm-spec check retry-protocol --set pages=1     one scenario, at another size
  hmm-spec check --driver my-driver.js            the scenarios, with your driver in them
  hmm-spec check --trace-dir traces               save what was found to be wrong
  hmm-spec replay traces/retry-protocol.json      look at it step by step
  hmm-spec explain C1                             what a requirement says, and what checks it
  hmm-spec export range --to mermaid              a statechart, as a diagram
  hmm-spec export scenario munmap --to promela    a scenario, for SPIN

Exit codes:
  0  everything holds
  1  something does not hold
  2  wrong usage or input
  3  a limit or an interrupt came before the end
  4  a report or a trace could not be written
When several apply: 2 before 1 before 4 before 3; a report that is lost is always 4.`

/**
 * Runs the command line.
 *
 * @param argv - the arguments, without those of the interpreter
 * @param io - where to write, and how an interrupt arrives
 * @param project - what to work on (default the specification that comes with the tool)
 * @returns the exit code
 */
export async function main(
  argv: readonly string[],
  io: Io = processIo(),
  project: Project = supervisedProject(),
): Promise<number> {
  let exitCode: number = ExitCode.holds
  const program = programOf(project, io, (code) => {
    exitCode = code
  })
  try {
    await program.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      const isStopped = error instanceof ProcessError && error.isStopped
      const isPlain = isStopped || error instanceof UsageError
      const said = isPlain ? error.message : `internal error: ${stackOf(error)}`
      io.stderr.write(`${coloursFor(io.stderr, io.env).red('error:')} ${printable(said)}\n`)
      exitCode = isStopped ? ExitCode.limit : ExitCode.usage
    } else if (error.exitCode !== 0) exitCode = ExitCode.usage
  }
  return finished(io, exitCode)
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

interface RunOptions {
  readonly format: Format
  readonly output?: string
  readonly timeLimit?: number
  readonly memoryLimit?: number
  readonly stateLimit?: number
  readonly traceDir?: string
  readonly workers?: number
  readonly reductions: boolean
  readonly memo: boolean
}

interface AtomicityRunOptions extends Choice {
  readonly set: Parameters
  readonly bounds: Bounds
  readonly stateLimit?: number
}

interface ExportRunOptions extends Choice {
  readonly to: ExportFormat
  readonly defect?: string
  readonly set: Parameters
  readonly bounds: Bounds
  readonly stateLimit?: number
  readonly reductions: boolean
}

interface CheckRunOptions extends RunOptions, Choice {
  readonly set: Parameters
  readonly bounds: Bounds
  readonly digest?: boolean
  readonly strict?: boolean
  readonly full?: boolean
  readonly watch?: boolean
  readonly drivers?: string
  readonly audit?: number | 'off'
}

/** Calls `run` with the project that is asked for, whose processes end with it. */
async function withProject<T>(
  project: Project,
  io: Io,
  choice: Choice,
  options: SupervisionOptions,
  run: (project: Project) => Promise<T> | T,
): Promise<T> {
  const selection = selectionOf(choice)
  const chosen = await (project.supervised?.(selection, options, io) ?? selected(project, selection))
  const used = choice.linux === undefined ? chosen : { ...chosen, linux: choice.linux }
  try {
    return await run(used)
  } finally {
    used.close?.()
  }
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
    name !== undefined && !(project.drivers !== undefined && Object.hasOwn(project.drivers, name))
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

function programOf(project: Project, io: Io, exit: (code: number) => void): Command {
  const program = new Command('hmm-spec')
    .description(
      'Checks an executable specification of Linux heterogeneous memory management (HMM)\n' +
        'over every interleaving of bounded scenarios.',
    )
    .version(project.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', EXAMPLES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      getOutHelpWidth: () => Math.min(io.stdout.columns || 100, 120),
      getErrHelpWidth: () => Math.min(io.stderr.columns || 100, 120),
      getOutHasColors: () => coloursFor(io.stdout, io.env).isColorSupported,
      getErrHasColors: () => coloursFor(io.stderr, io.env).isColorSupported,
    })

  const command = (name: string, summary: string) =>
    // A command's settings are its own: commander copies them from the program only as it is made here.
    program
      .command(name)
      .description(summary)
      .showHelpAfterError(`to see its options: hmm-spec help ${name.split(' ')[0]}`)

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
      const settings = { ...runOptions(options), set, bounds, digest, strict, full, ...audit }
      const once = (io: Io) =>
        withProject(project, io, options, supervision(options), (used) =>
          checkCommand(used, io, names, settings),
        )
      exit(watch ? await watchCheck(project, io, options, once) : await once(io))
    })

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

  withSelection(
    command('list', 'list what there is')
      .argument('<what>', LISTS.join(', '), oneOf('list', LISTS))
      .addOption(
        new Option('--format <format>', 'how to print it').choices(['text', 'json']).default('text'),
      ),
  ).action(async (what: List, options: { format: 'text' | 'json' } & Choice) =>
    exit(
      await withProject(project, io, options, { limits: {} }, (used) =>
        listCommand(used, io, what, options.format),
      ),
    ),
  )

  withSelection(
    command('explain', 'explain a requirement, a defect, a scenario, a statechart or a procedure').argument(
      '<name>',
      'its name',
    ),
  ).action(async (name: string, options: Choice) =>
    exit(await withProject(project, io, options, { limits: {} }, (used) => explainCommand(used, io, name))),
  )

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

  withSelection(
    command('replay', 'show a saved counterexample again, as a sequence diagram by thread')
      .argument('<trace.json>', 'as --trace-dir saved it, or as export has printed it in ITF')
      .addOption(
        new Option('--step <N>', 'stop after step N, and show the whole state (default the last)').argParser(
          parseStep,
        ),
      )
      .addOption(new Option('--format <format>', 'how to print it').choices(REPLAY_FORMATS).default('text'))
      .addOption(overrideOption())
      .addOption(fullOption()),
  ).action(async (file: string, options: ReplayCommandOptions & Choice) => {
    const trace = readTrace(file)
    exit(
      await withProject(project, io, recordedWith(project, trace, options), { limits: {} }, (used) =>
        replayCommand(used, io, file, trace, options),
      ),
    )
  })

  withOutput(
    command(
      'conform',
      'compare recorded sequences of a real kernel with what the specification answers',
    ).argument('<file.jsonl>', 'recorded sequences, one a line'),
  )
    .addOption(
      new Option(
        '--linux <version>',
        'the release that was recorded, or one after it: one of hmm-spec list releases (default 6.1)',
      ),
    )
    .addOption(
      new Option(
        '--profile <name>',
        'whose answers are demanded: the test driver of the release (default), or what any driver must answer',
      ).choices(PROFILES),
    )
    .addOption(new Option('--kernel <version>', 'the same as --linux').choices(RECORDED_KERNELS))
    .action(
      async (
        file: string,
        {
          linux,
          kernel,
          profile,
          ...options
        }: { linux?: string; kernel?: KernelVersion; profile?: string } & OutputOptions,
      ) => {
        exit(
          await conformCommand(project, io, file, { ...options, ...recordedProfile(linux, kernel, profile) }),
        )
      },
    )

  command('validate', 'judge a trace of a concurrent run of a real kernel: does the specification have it?')
    .argument('<file>', 'what the tracer prints: ftrace text with kprobe events and marks; may be gzipped')
    .addOption(
      new Option('--linux <version>', 'the release that was traced (default as its probes tell)').choices(
        TRACED_KERNELS,
      ),
    )
    .addOption(new Option('--kernel <version>', 'the same as --linux').choices(TRACED_KERNELS))
    .addOption(
      new Option('--state-limit <count>', 'most states that are visited (default 2M)').argParser(parseCount),
    )
    .addOption(new Option('--format <format>', 'how to report').choices(VALIDATE_FORMATS).default('text'))
    .action(
      (file: string, { linux, kernel, ...options }: ValidateCommandOptions & { linux?: KernelVersion }) => {
        const traced = linux ?? kernel
        if (linux !== undefined && kernel !== undefined)
          throw new UsageError(`--linux ${linux} and --kernel say the same; give one of them`)
        exit(validateCommand(project, io, file, { ...options, ...(traced && { kernel: traced }) }))
      },
    )

  command(
    'init',
    'write a project for a driver of your own: a driver that holds, its test, and what they need',
  )
    .argument('<folder>', 'where')
    .action((folder: string) => exit(initCommand(io, folder)))

  suiteCommands(command, project, io, exit)
  litmusSubcommand(command, project, io, exit)
  mutateSubcommand(command, project, io, exit)
  saturateSubcommand(command, project, io, exit)
  reviewSubcommand(command, project, io, exit)

  exportSubcommand(command, project, io, exit)

  return program
}

function suiteCommands(
  command: (name: string, summary: string) => Command,
  project: Project,
  io: Io,
  exit: (code: number) => void,
): void {
  withOutput(command('suite', 'hold another implementation against the conformance suite'))
    .addOption(new Option('--peer <command>', 'a program that speaks the protocol of docs/suite.md'))
    .addOption(new Option('--self', 'the specification itself is the peer'))
    .addOption(new Option('--export <dir>', 'write the suite for use without Node, and run nothing'))
    .addOption(
      new Option('--profile <name>', 'what to hold the peer against (default the profile that it names)'),
    )
    .addOption(
      new Option('--start-time <time>', 'most time to its hello (default 60s)').argParser(parseDuration),
    )
    .addOption(
      new Option('--answer-time <time>', 'most time for an answer (default 10s)').argParser(parseDuration),
    )
    .addOption(
      new Option('--answer-size <size>', 'most bytes of an answer (default 1MB)').argParser(parseSize),
    )
    .addOption(
      new Option('--shrink-time <time>', 'most time to shrink a divergence (default 5s)').argParser(
        parseDuration,
      ),
    )
    .addOption(new Option('--record <file>', 'write what the peer answered, one sequence a line'))
    .addOption(
      new Option('--stop-after <count>', 'stop after so many divergent sequences').argParser(parseCount),
    )
    .addOption(
      new Option('--time-limit <time>', 'most time for the whole run: 30s, 2m').argParser(parseDuration),
    )
    .addHelpText(
      'after',
      `
Examples:
  hmm-spec suite --peer './my-peer'
  hmm-spec suite --peer 'ssh testbox ./my-peer' --answer-time 30s --format junit --output report.xml
  hmm-spec suite --self --profile test_hmm-6.12
  hmm-spec suite --export suite-data`,
    )
    .action(
      async ({
        startTime,
        answerTime,
        answerSize,
        ...options
      }: Omit<SuiteCommandOptions, 'limits'> & {
        startTime?: number
        answerTime?: number
        answerSize?: number
      }) => {
        const limits = {
          startMs: startTime ?? PEER_LIMITS.startMs,
          answerMs: answerTime ?? PEER_LIMITS.answerMs,
          answerBytes: answerSize ?? PEER_LIMITS.answerBytes,
        }
        exit(await suiteCommand(project, io, { ...options, limits }))
      },
    )

  command('peer', 'answer the protocol of the suite on standard input and output, as the specification does')
    .addOption(new Option('--profile <name>', 'by which profile').default('test_hmm-6.1'))
    .action(async ({ profile }: { profile: string }) => exit(await peerCommand(io, profile)))
}

function litmusSubcommand(
  command: (name: string, summary: string) => Command,
  project: Project,
  io: Io,
  exit: (code: number) => void,
): void {
  command('litmus', 'what a few threads may end with; and whether a kernel was seen to end otherwise')
    .argument('[name...]', 'names of tests, or beginnings of them (default all)')
    .addOption(new Option('--list', 'name the tests, and explore none'))
    .addOption(new Option('--linux <version>', 'of which release, with its own test driver (default 6.1)'))
    .addOption(new Option('--export <dir>', 'write the tests for hmm_litmus, and explore none'))
    .addOption(new Option('--observed <file>', 'judge the outcomes that a kernel was seen to have'))
    .addOption(new Option('--state-limit <count>', 'most states of each test').argParser(parseCount))
    .addOption(new Option('--format <format>', 'how to report').choices(LITMUS_FORMATS).default('text'))
    .addOption(new Option('--output <file>', 'write the report to a file; its text is printed as well'))
    .addHelpText(
      'after',
      `
Examples:
  hmm-spec litmus directed/H17
  hmm-spec litmus --list
  hmm-spec litmus --linux 7.3 directed/exclusive --format json
  hmm-spec litmus --export litmus-data
  hmm-spec litmus --observed seen.jsonl`,
    )
    .action(
      (names: string[], { linux, ...options }: Omit<LitmusCommandOptions, 'kernel'> & { linux?: string }) =>
        exit(litmusCommand(project, io, names, { ...options, kernel: recordedKernel(linux, undefined) })),
    )
}

function exportSubcommand(
  command: (name: string, summary: string) => Command,
  project: Project,
  io: Io,
  exit: (code: number) => void,
): void {
  withSelection(
    command(
      'export',
      'print a statechart, a scenario as a program of decision trees, or a trace, for other tools',
    ).argument(
      '<name...>',
      'a statechart; `chart` or `scenario`, and the name of one; or `trace`, and the file of one',
    ),
  )
    .addOption(
      new Option(
        '--to <format>',
        'for what: promela for a scenario, itf and schedule for a trace, the others for a statechart',
      )
        .choices([...statechartFormats, ...SCENARIO_FORMATS, ...TRACE_FORMATS])
        .makeOptionMandatory(),
    )
    .addOption(new Option('--defect <name>', 'put a defect into the scenario'))
    .addOption(setOption())
    .addOption(boundsOption('smoke'))
    .addOption(
      new Option('--state-limit <count>', 'most states of the scenario (default 1M)').argParser(parseCount),
    )
    .addOption(new Option('--no-reductions', 'explore every state as it is: more of them'))
    .addHelpText(
      'after',
      `
Examples:
  hmm-spec export range --to mermaid
  hmm-spec export chart range --to rv > hmm_range.dot
  hmm-spec export trace traces/munmap.json --to itf > munmap.itf.json
  hmm-spec export trace suite/schedules/H17.json --to schedule > H17.txt
  hmm-spec export scenario munmap --to promela > munmap.pml
  hmm-spec export scenario munmap --driver my-driver.js --to promela > munmap.pml`,
    )
    .action(
      async (
        names: string[],
        { to, defect, set, bounds, stateLimit, reductions, ...given }: ExportRunOptions,
      ) => {
        const [kind, file] = names
        const isTrace = kind === 'trace' && names.length === 2
        const choice = isTrace ? recordedWith(project, readTrace(file), given) : given
        exit(
          await withProject(project, io, choice, { limits: {} }, (used) =>
            exportCommand(used, io, names, to, {
              set,
              bounds,
              reductions: reductions ? 'all' : 'none',
              ...(defect === undefined ? {} : { defect }),
              ...(stateLimit === undefined ? {} : { states: stateLimit }),
            }),
          ),
        )
      },
    )
}

function mutateSubcommand(
  command: (name: string, summary: string) => Command,
  project: Project,
  io: Io,
  exit: (code: number) => void,
): void {
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

function saturateSubcommand(
  command: (name: string, summary: string) => Command,
  project: Project,
  io: Io,
  exit: (code: number) => void,
): void {
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

function reviewSubcommand(
  command: (name: string, summary: string) => Command,
  project: Project,
  io: Io,
  exit: (code: number) => void,
): void {
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

function setOption(): Option {
  return new Option('--set <NAME=VALUE>', 'set a parameter of the scenarios; may be given several times')
    .argParser(parseSetting)
    .default({}, 'as the bounds say')
}

function overrideOption(): Option {
  return new Option(
    '--override <file>',
    'an ES module whose default export is an Override, a list of them, or an object that has such a list',
  )
}

function boundsOption(usual: Bounds): Option {
  return new Option('--bounds <size>', 'size of the scenarios')
    .choices(['smoke', 'default', 'deep'] satisfies Bounds[])
    .default(usual)
}

function workersOption(): Option {
  return new Option('--workers <count>', 'most checks at a time (default one for each core)').argParser(
    parseWorkers,
  )
}

function traceDirOption(): Option {
  return new Option('--trace-dir <dir>', 'save counterexamples there, for `hmm-spec replay`')
}

function fullOption(): Option {
  return new Option('--full', 'show runs of over 60 steps whole, and not only what matters of them')
}

/** What the scenarios are run with. */
function withSelection(command: Command): Command {
  return command
    .addOption(scenarioOption())
    .addOption(driverOption())
    .addOption(linuxOption())
    .addOption(kernelOption())
    .addOption(generationOption())
}

function scenarioOption(): Option {
  return new Option(
    '--scenario <file>',
    "an ES module that exports scenarios, run in place of the specification's; requirements, defects and statecharts that " +
      'it exports are taken along',
  )
}

function driverOption(): Option {
  return new Option(
    '--driver <file>',
    "an ES module whose default export is a Driver, to be put in the reference driver's place, with the scenarios, " +
      'requirements, defects and statecharts that it exports besides; or one that comes with hmm-spec, with ' +
      'scenarios of its own: `recorded`, `tree` (those of the kernel tree), `mlx5`, `rxe` and so on',
  )
}

function linuxOption(): Option {
  return new Option(
    '--linux <version>',
    'the mirroring API, and the CPU fault on a device page, of a release: one of hmm-spec list releases, or one between ' +
      'two of them, which is as the older (default the latest)',
  )
}

function generationOption(): Option {
  return new Option(
    '--generation <version>',
    'the mirroring API alone, with a driver written for it: one of hmm-spec list generations',
  )
}

function kernelOption(): Option {
  return new Option(
    '--kernel <version>',
    'the CPU fault on a device page alone: one of hmm-spec list kernels',
  )
}

function withOutput(command: Command): Command {
  return command
    .addOption(new Option('--format <format>', 'how to report').choices(FORMATS).default('text'))
    .addOption(new Option('--output <file>', 'write the report to a file; its text is printed as well'))
}

function withRunOptions(command: Command): Command {
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

/** How the checks are run. */
function supervision({ workers, ...options }: RunOptions): SupervisionOptions {
  return { limits: runOptions(options).limits, ...(workers === undefined ? {} : { workers }) }
}

function runOptions({
  format,
  output,
  traceDir,
  timeLimit,
  memoryLimit,
  stateLimit,
  reductions,
  memo,
}: RunOptions) {
  return {
    format,
    reductions: reductions ? ('all' as const) : ('none' as const),
    claims: memo ? ('remembered' as const) : ('directly' as const),
    ...(output === undefined ? {} : { output }),
    ...(traceDir === undefined ? {} : { traceDir }),
    limits: {
      ...(timeLimit === undefined ? {} : { timeMs: timeLimit }),
      ...(memoryLimit === undefined ? {} : { memoryBytes: memoryLimit }),
      ...(stateLimit === undefined ? {} : { states: stateLimit }),
    },
  }
}

/**
 * What a trace is replayed with: what is asked for, or else what it was recorded with. A driver's file is never taken from
 * a trace: to read one is to run it.
 */
function recordedWith(project: Project, { run, defects }: RecordedTrace, asked: Choice): Choice {
  if (run === undefined || defects.length > 0 || asked.linux !== undefined) return asked
  const own = run.driver !== null && Object.hasOwn(project.drivers ?? {}, run.driver.file)
  return {
    ...(run.release === null ? {} : { generation: run.release }),
    ...(run.profile === null ? {} : { kernel: run.profile }),
    ...(own ? { driver: run.driver.file } : {}),
    ...asked,
  }
}

/** A parser that takes one of `values`, and suggests the nearest for any other. */
function oneOf<T extends string>(what: string, values: readonly T[]) {
  return (text: string): T => {
    const found = values.find((value) => value === text)
    if (found === undefined)
      throw new InvalidArgumentError(
        `there is no ${what} "${text}"${didYouMean(text, values) || '.'} There are: ${values.join(', ')}.`,
      )
    return found
  }
}
