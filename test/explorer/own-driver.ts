/** The example driver that breaks C8, as one JavaScript text. */
import { readFileSync } from 'node:fs'
import ts from 'typescript'

function transpiled(name: string): string {
  const text = readFileSync(new URL(`../../examples/my-driver/${name}.ts`, import.meta.url), 'utf8')
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  })
  return outputText
}

/** Both files in one: what the first has for itself alone is renamed in the second. */
export function firstTry(): string {
  const base = transpiled('driver')
    .replace(/^export default .*$/m, '')
    .replaceAll('mapOnePage', 'mapRight')
  const imported = new Set(
    [...base.matchAll(/import \{([^}]*)\}/g)].flatMap(([, names]) =>
      names.split(',').map((name) => name.trim()),
    ),
  )
  const own = transpiled('first-try')
    .replace(/^import .* from '\.\/driver\.js';$/m, '')
    .replace(/^import \{([^}]*)\} from (.*)$/gm, (_all, names: string, from: string) => {
      const more = names
        .split(',')
        .map((name) => name.trim())
        .filter((name) => !imported.has(name))
      return more.length === 0 ? '' : `import { ${more.join(', ')} } from ${from}`
    })
  return `${base}\n${own}`
}
