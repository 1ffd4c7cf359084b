import { readFileSync, writeFileSync } from 'node:fs'

/**
 * Adds to package-lock.json the optional packages of other platforms that npm left out.
 *
 * npm records an optional dependency only when it can resolve it at that moment, and `npm ci` then refuses a lockfile
 * that lacks one. Each is entered with its exact version and platform, so that it is skipped everywhere else. Run it
 * after `npm install` changed a dependency.
 */
interface Entry {
  version?: string
  optionalDependencies?: Record<string, string>
  [field: string]: unknown
}

const systems = ['android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'] as const
const processors = [
  'arm64',
  'arm',
  'ia32',
  'loong64',
  'mips64el',
  'ppc64',
  'riscv64',
  's390x',
  'x64',
  'wasm32',
] as const

const file = 'package-lock.json'
const lock: { packages: Record<string, Entry> } = JSON.parse(readFileSync(file, 'utf8'))
const added: string[] = []
for (const entry of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`
    if (Object.keys(lock.packages).some((known) => known === path || known.endsWith(`/${path}`))) continue
    lock.packages[path] = platformEntry(name, version)
    added.push(name)
  }
}
const sorted = Object.fromEntries(Object.entries(lock.packages).sort(([left], [right]) => (left < right ? -1 : 1)))
writeFileSync(file, `${JSON.stringify({ ...lock, packages: sorted }, null, 2)}\n`)
console.log(added.length === 0 ? 'nothing was missing' : `added ${added.join(', ')}`)

function platformEntry(name: string, version: string): Entry {
  const parts = name.split(/[-/.]/)
  const os = systems.find((system) => parts.includes(system))
  const cpu = processors.find((processor) => parts.includes(processor))
  const libc = parts.some((part) => part.startsWith('musl'))
    ? 'musl'
    : parts.some((part) => part.startsWith('gnu'))
      ? 'glibc'
      : undefined
  if (os === undefined) throw new Error(`${name} is optional, missing, and names no platform: look at it by hand`)
  return { version, ...(cpu && { cpu: [cpu] }), dev: true, optional: true, os: [os], ...(libc && { libc: [libc] }) }
}
