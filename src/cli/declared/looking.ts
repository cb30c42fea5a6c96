/**
 * Commands that show what there is.
 *
 * @module
 */
import { Option } from 'commander'
import { statechartFormats } from '../../report/chart/statechart.js'
import type { Bounds, Parameters } from '../../world/model.js'
import { parseCount, parseStep } from '../arguments/values.js'
import { explainCommand } from '../commands/explain.js'
import { type ExportFormat, exportCommand, SCENARIO_FORMATS, TRACE_FORMATS } from '../commands/export.js'
import { LISTS, type List, listCommand } from '../commands/list.js'
import { REPLAY_FORMATS, type ReplayCommandOptions, readTrace, replayCommand } from '../commands/replay.js'
import type { Choice } from '../project.js'
import { boundsOption, fullOption, oneOf, overrideOption, setOption, withSelection } from './options.js'
import { type Declaring, recordedWith, withProject } from './running.js'

/** Declares `hmm-spec list`. */
export function declareList({ command, project, io, exit }: Declaring): void {
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
}

/** Declares `hmm-spec explain`. */
export function declareExplain({ command, project, io, exit }: Declaring): void {
  withSelection(
    command('explain', 'explain a requirement, a defect, a scenario, a statechart or a procedure').argument(
      '<name>',
      'its name',
    ),
  ).action(async (name: string, options: Choice) =>
    exit(await withProject(project, io, options, { limits: {} }, (used) => explainCommand(used, io, name))),
  )
}

/** Declares `hmm-spec replay`. */
export function declareReplay({ command, project, io, exit }: Declaring): void {
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
}

interface ExportRunOptions extends Choice {
  readonly to: ExportFormat
  readonly defect?: string
  readonly set: Parameters
  readonly bounds: Bounds
  readonly stateLimit?: number
  readonly reductions: boolean
}

/** Declares `hmm-spec export`. */
export function declareExport({ command, project, io, exit }: Declaring): void {
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
