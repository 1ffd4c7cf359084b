import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { build } from 'tsdown'

/**
 * Builds `packages/guard/dist` from its sources: one file for each entry of the package's `exports` and what they share,
 * and a declaration beside each source that an entry's types reach.
 *
 * Usage: npm run build:guard [-- directory]
 * With a directory, the whole package is laid there as it is published: without the sources, and without the condition
 * that leads to them.
 */

type Target = string | Readonly<Record<string, string>>

const workspace = resolve(import.meta.dirname, '..')
const root = join(workspace, 'packages/guard')
const output = join(root, 'dist')
const manifest: { readonly exports: Readonly<Record<string, Target>> } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
)
const entries = Object.values(manifest.exports).flatMap((target) => {
  const source = typeof target === 'string' ? undefined : target['rempart-source']
  return source === undefined ? [] : [source.replace('./src/', '').replace(/\.ts$/, '')]
})
/** What a declaration says of its neighbours: the source that it was made from. */
const relativeSource = /((?:from |import\()['"])(\.{1,2}\/[^'"]+)\.ts(?=['"])/g

rmSync(output, { recursive: true, force: true })
await build({
  cwd: root,
  config: false,
  entry: Object.fromEntries(entries.map((entry) => [entry, `src/${entry}.ts`])),
  outDir: output,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  fixedExtension: false,
  dts: false,
  hash: false,
  logLevel: 'warn',
  // What a caller has to know stands in the declarations.
  outputOptions: { comments: false },
})
const compiler = join(workspace, 'node_modules/.bin/tsc')
const types = spawnSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' })
if (types.status !== 0) throw new Error('the declarations could not be written')
const reached = finishDeclarations()
console.log(`${entries.length} entries, ${reached} declarations in ${output}`)

const [directory] = process.argv.slice(2)
if (directory !== undefined) layPackage(resolve(directory))

/** Declarations name their neighbours as published, and those that no entry leads to are left out. */
function finishDeclarations(): number {
  const reached = new Set<string>()
  const visit = (file: string): void => {
    if (reached.has(file)) return
    reached.add(file)
    const text = readFileSync(file, 'utf8').replaceAll(relativeSource, (_, before: string, path: string) => {
      visit(join(dirname(file), `${path}.d.ts`))
      return `${before}${path}.js`
    })
    writeFileSync(file, text)
  }
  for (const entry of entries) visit(join(output, `${entry}.d.ts`))
  for (const name of readdirSync(output, { recursive: true, encoding: 'utf8' })) {
    const path = join(output, name)
    if (path.endsWith('.d.ts') && !reached.has(path)) rmSync(path)
  }
  return reached.size
}

function layPackage(target: string): void {
  mkdirSync(target, { recursive: true })
  for (const name of ['dist', 'README.md', 'LICENSE']) cpSync(join(root, name), join(target, name), { recursive: true })
  const published = Object.entries(manifest.exports).map(([name, entry]) => {
    if (typeof entry === 'string') return [name, entry]
    return [name, Object.fromEntries(Object.entries(entry).filter(([condition]) => condition !== 'rempart-source'))]
  })
  const written = { ...manifest, exports: Object.fromEntries(published), devDependencies: undefined }
  writeFileSync(join(target, 'package.json'), `${JSON.stringify(written, null, 2)}\n`)
}
