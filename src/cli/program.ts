/**
 * The command line: its commands, its help, and what a mistake in them is answered with.
 *
 * @module
 */
import { Command, CommanderError } from 'commander'
import { ExitCode } from '../report/report.js'
import { declareInit, declareMutate, declareReview } from './declared/changing.js'
import {
  declareAtomicity,
  declareCheck,
  declareDefects,
  declareSaturate,
  declareSimulate,
} from './declared/checking.js'
import { declareExplain, declareExport, declareList, declareReplay } from './declared/looking.js'
import { declareConform, declareLitmus, declareSuite, declareValidate } from './declared/recordings.js'
import type { Project } from './project.js'
import { failed, sayError } from './running/failed.js'
import { supervisedProject } from './supervisor/index.js'
import { coloursFor, finished, type Io, processIo } from './terminal/io.js'

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
    if (!(error instanceof CommanderError)) exitCode = failed(error, io) ?? internal(error, io)
    else if (error.exitCode !== 0) exitCode = ExitCode.usage
  }
  return finished(io, exitCode)
}

function internal(error: unknown, io: Io): number {
  sayError(io, `internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  return ExitCode.usage
}

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

  // In the order of the help.
  const declaring = { command, project, io, exit }
  declareCheck(declaring)
  declareAtomicity(declaring)
  declareSimulate(declaring)
  declareList(declaring)
  declareExplain(declaring)
  declareDefects(declaring)
  declareReplay(declaring)
  declareConform(declaring)
  declareValidate(declaring)
  declareInit(declaring)
  declareSuite(declaring)
  declareLitmus(declaring)
  declareMutate(declaring)
  declareSaturate(declaring)
  declareReview(declaring)
  declareExport(declaring)

  return program
}
