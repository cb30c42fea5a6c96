/**
 * A driver that a reader brings: the text of a JavaScript module, run where the explorer is.
 *
 * @module
 */
import { type ImportDeclaration, parse } from 'acorn'
import type { Driver } from '../driver/index.js'
import * as driverApi from '../driver/index.js'
import * as kernelApi from '../kernel/index.js'
import * as worldApi from '../world/index.js'
import { type AnyProcedure, proceduresOf } from '../world/procedures/procedure.js'
import { isPicture, type Picture } from './picture.js'

/** What a text may import. */
const PACKAGES: Readonly<Record<string, object>> = {
  'hmm-spec/driver': driverApi,
  'hmm-spec/kernel': kernelApi,
  'hmm-spec/world': worldApi,
}

/** Where the packages are found by the text as it runs. */
const PLACE = 'hmmSpecPackages'

/** A driver, with what its text brings along. */
export interface LoadedDriver {
  /** Its name, and a check value of its text. */
  readonly key: string
  readonly driver: Driver
  /** The procedures that its text makes. */
  readonly made: ReadonlySet<AnyProcedure>
  /** Its own picture of a state, from a field's value by its name. */
  readonly picture?: (field: (name: string) => string | undefined) => Picture
}

/** A text that is no driver. The message says what to do. */
export class DriverTextError extends Error {
  override readonly name = 'DriverTextError'
}

/**
 * Runs the text of a module, whose default export is the driver.
 *
 * @throws DriverTextError if it is not JavaScript, imports what is not here, or exports no driver
 */
export async function loadDriver(text: string): Promise<LoadedDriver> {
  const runnable = withPackages(text)
  Object.assign(globalThis, { [PLACE]: PACKAGES })
  const url = `data:text/javascript;charset=utf-8,${encodeURIComponent(runnable)}`
  const { loaded, made } = await proceduresOf(
    () => import(/* @vite-ignore */ url) as Promise<Readonly<Record<string, unknown>>>,
  ).catch((error: unknown) => {
    throw new DriverTextError(
      `the driver's module fails as it is run: ${error instanceof Error ? error.message : error}`,
    )
  })
  const driver = loaded.default
  if (!isDriver(driver))
    throw new DriverTextError(
      'the driver’s module has no driver as its default export: an object with a name and the procedures invalidate and fault',
    )
  const { picture } = loaded
  if (picture !== undefined && typeof picture !== 'function')
    throw new DriverTextError('the export picture is not a function')
  return {
    key: `${driver.name}~${checkValue(text)}`,
    driver,
    made,
    ...(picture === undefined
      ? {}
      : {
          picture: (field) => {
            const drawn: unknown = picture(field)
            if (!isPicture(drawn))
              throw new DriverTextError(
                'the picture of the driver is to be { title, columns, rows: [{ name, cells }] }, all texts',
              )
            return drawn
          },
        }),
  }
}

function isDriver(value: unknown): value is Driver {
  if (typeof value !== 'object' || value === null) return false
  const { name, invalidate, fault } = value as Partial<Record<keyof Driver, unknown>>
  return typeof name === 'string' && name !== '' && invalidate !== undefined && fault !== undefined
}

/** The text with each import of a package replaced by what the package has; its lines stay where they are. */
function withPackages(text: string): string {
  let program: ReturnType<typeof parse>
  try {
    program = parse(text, { ecmaVersion: 'latest', sourceType: 'module', locations: true })
  } catch (error) {
    throw new DriverTextError(
      `the driver is not a JavaScript module: ${(error as Error).message}; TypeScript is compiled by npx tsc first`,
    )
  }
  let runnable = text
  const imports = program.body.filter((node): node is ImportDeclaration => node.type === 'ImportDeclaration')
  for (const node of imports.reverse()) {
    const from = String(node.source.value)
    const line = node.loc?.start.line
    if (!Object.hasOwn(PACKAGES, from))
      throw new DriverTextError(
        `line ${line} imports ${from}; a driver may import ${Object.keys(PACKAGES).join(', ')} here: put the text of other files into it`,
      )
    const found = `globalThis.${PLACE}[${JSON.stringify(from)}]`
    const parts = node.specifiers.map((specifier) => {
      if (specifier.type === 'ImportNamespaceSpecifier') return `const ${specifier.local.name} = ${found}`
      if (specifier.type === 'ImportDefaultSpecifier' || specifier.imported.type !== 'Identifier')
        throw new DriverTextError(`line ${line}: ${from} has no such export`)
      if (!Object.hasOwn(PACKAGES[from], specifier.imported.name))
        throw new DriverTextError(`line ${line}: ${from} exports no ${specifier.imported.name}`)
      return `const { ${specifier.imported.name}: ${specifier.local.name} } = ${found}`
    })
    const lines = text.slice(node.start, node.end).replace(/[^\n]/g, '')
    runnable = `${runnable.slice(0, node.start)}${parts.join(';')};${lines}${runnable.slice(node.end)}`
  }
  return runnable
}

function checkValue(text: string): string {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash >>> 0).toString(36)
}
