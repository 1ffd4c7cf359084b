import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A program of the guard's README. */
export interface Snippet {
  /** The last line above it. */
  readonly title: string
  readonly code: string
}

/** The TypeScript of `packages/guard/README.md`, in order. */
export function readSnippets(): readonly Snippet[] {
  const text = readFileSync('packages/guard/README.md', 'utf8')
  return [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(({ 1: code = '', index }) => ({
    title: text.slice(0, index).trimEnd().split('\n').at(-1) ?? '',
    code,
  }))
}

/** A program of a README listens here unless it is told otherwise. */
const writtenPort = 'listen(3000'
const givenPort = "Number(process.env['PORT'])"

/**
 * Compiles snippets against the sources, and fails with the compiler's words where one does not pass.
 *
 * @param directory - Within the guard's package, so that what it depends on is found; replaced.
 * @returns The compiled programs, in the order of the snippets. They listen on `PORT`.
 */
export function compileSnippets(snippets: readonly Snippet[], directory: string): readonly string[] {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const files = snippets.map(({ code }, index) => {
    const file = join(directory, `snippet-${index}.ts`)
    const told = code.replace(writtenPort, `listen(${givenPort}`).replaceAll(/\bport: 3000\b/g, `port: ${givenPort}`)
    // Nest reads the types of decorated methods through this.
    writeFileSync(file, code.includes('@nestjs') ? `import 'reflect-metadata'\n${told}` : told)
    return file
  })
  const options = ['--strict', '--module', 'nodenext', '--target', 'es2024', '--types', 'node', '--skipLibCheck']
  const more = [
    '--ignoreConfig',
    '--experimentalDecorators',
    '--emitDecoratorMetadata',
    '--customConditions',
    'rempart-source',
  ]
  const emit = ['--allowImportingTsExtensions', '--rewriteRelativeImportExtensions', '--noEmit', 'false', '--outDir']
  const compiled = join(directory, 'compiled')
  const compiler = 'node_modules/.bin/tsc'
  const run = spawnSync(
    process.execPath,
    [compiler, ...options, ...more, ...emit, compiled, '--rootDir', '.', ...files],
    {
      encoding: 'utf8',
    },
  )
  if (run.status !== 0) throw new Error(`the README does not compile:\n${run.stdout}${run.stderr}`)
  return files.map((file) => join(compiled, file.replace(/\.ts$/, '.js')))
}
