/**
 * Commands that compare with kernels and with other implementations.
 *
 * @module
 */
import { Option } from 'commander'
import { type KernelVersion, RECORDED_KERNELS } from '../../conformance/result.js'
import { PEER_LIMITS } from '../../conformance/suite/peer/process-peer.js'
import { UsageError } from '../arguments/usage.js'
import { parseCount, parseDuration, parseSize } from '../arguments/values.js'
import { conformCommand, PROFILES, recordedKernel, recordedProfile } from '../commands/conform.js'
import { LITMUS_FORMATS, type LitmusCommandOptions, litmusCommand } from '../commands/litmus.js'
import { peerCommand, type SuiteCommandOptions, suiteCommand } from '../commands/suite.js'
import {
  TRACED_KERNELS,
  VALIDATE_FORMATS,
  type ValidateCommandOptions,
  validateCommand,
} from '../commands/validate.js'
import type { OutputOptions } from '../terminal/output.js'
import { withOutput } from './options.js'
import type { Declaring } from './running.js'

/** Declares `hmm-spec conform`. */
export function declareConform({ command, project, io, exit }: Declaring): void {
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
}

/** Declares `hmm-spec validate`. */
export function declareValidate({ command, project, io, exit }: Declaring): void {
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
}

/** Declares `hmm-spec suite` and `hmm-spec peer`. */
export function declareSuite({ command, project, io, exit }: Declaring): void {
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

/** Declares `hmm-spec litmus`. */
export function declareLitmus({ command, project, io, exit }: Declaring): void {
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
