import { execFile } from 'node:child_process'
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { type PasswordContext, passwordFaults } from '../../packages/server/src/core/credentials/password-rule.ts'

const pages = globSync('**/*.md', { exclude: ['**/node_modules', 'data'] }).map((file) => ({
  file,
  text: readFileSync(file, 'utf8'),
}))

const proseOf = (text: string): string => text.replaceAll(/^```[\s\S]*?^```/gm, '')

/** What is written as code: in fences, and between single backticks. */
const codeOf = (text: string): string =>
  [...text.matchAll(/^```[\s\S]*?^```|`[^`\n]+`/gm)].map(([code]) => code.replaceAll('`', ' ')).join('\n')

/** The places of a page that a link can name, as GitHub makes them of its headings. */
function anchorsOf(text: string): readonly string[] {
  return [...proseOf(text).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\- _]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** The links of a page that lead nowhere. */
function deadLinks({ file, text }: { readonly file: string; readonly text: string }): readonly string[] {
  return [...proseOf(text).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
    if (/^(https?|mailto):/.test(link)) return []
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? file : join(dirname(file), decodeURI(path))
    if (!existsSync(target)) return [`${file}: ${link}`]
    const isThere = anchor === undefined || anchorsOf(readFileSync(target, 'utf8')).includes(anchor)
    return isThere ? [] : [`${file}: ${link}`]
  })
}

/** What a pattern finds in the code of all pages, each once. */
const named = (pattern: RegExp): readonly string[] =>
  [...new Set(pages.flatMap(({ text }) => [...codeOf(text).matchAll(pattern)].map(([, name = '']) => name)))].sort()

/** The commands that the help of `rempart`, or of one of its commands, lists. */
async function commandsOf(...command: readonly string[]): Promise<readonly string[]> {
  const args = ['--conditions=rempart-source', 'packages/cli/bin/rempart.mjs', ...command, '--help']
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: { PATH: '', LANG: 'C.UTF-8' } })
  const list = stdout.slice(stdout.search(/^Commands:$/m)).split('\n')
  return stdout.includes('\nCommands:\n') ? list.flatMap((line) => /^ {2}([a-z][a-z-]*)/.exec(line)?.[1] ?? []) : []
}

describe('the guide for signing people in', () => {
  const guide = readFileSync('docs/guides/sign-people-in.md', 'utf8')

  it('lists every word that makes a password easy to guess for its person, and each is refused', async () => {
    const own = 'Montgolfiere'
    const words: Readonly<Record<string, PasswordContext>> = {
      "the tenant's name, and its slug": { tenantName: own, tenantSlug: own.toLowerCase() },
      "the person's name": { personName: own },
      "the person's address, before the `@`": { email: `${own}@example.org` },
    }
    const list = /<!-- context words -->\n\n((?:- .*\n)+)/.exec(guide)?.[1] ?? ''
    expect(list.trimEnd().replaceAll(/^- /gm, '').split('\n')).toEqual(Object.keys(words))
    for (const each of Object.values(words).flatMap((context) => Object.entries(context))) {
      expect(await passwordFaults(`${own}-1783`, Object.fromEntries([each]))).toContain('contains-context')
    }
    expect(await passwordFaults(`${own}-1783`)).toEqual([])
  })
})

describe('every page of the repository', () => {
  it('links to files and headings that there are', () => {
    expect(pages.length).toBeGreaterThan(50)
    expect(pages.flatMap(deadLinks)).toEqual([])
  })

  it('would be found out with a link to nothing', () => {
    const text = '[a](missing.md) [b](README.md#no-such-heading) [c](#run-it) [d](CONTRIBUTING.md#run-it)\n'
    expect(deadLinks({ file: 'README.md', text })).toEqual([
      'README.md: missing.md',
      'README.md: README.md#no-such-heading',
    ])
  })

  it('names every page in the index', () => {
    const index = readFileSync('docs/README.md', 'utf8')
    const shown = globSync('docs/{*,guides/*,reference/*,examples/*}.{md,json,yaml}')
    expect(shown.length).toBeGreaterThan(20)
    const isNamed = (file: string) => index.includes(`](${relative('docs', file)})`)
    expect(shown.filter((file) => file !== 'docs/README.md' && !isNamed(file))).toEqual([])
  })

  it('tells of every room of core, and where to start in it', () => {
    const core = 'packages/server/src/core'
    const rooms = [
      ...readFileSync('docs/architecture.md', 'utf8').matchAll(/^\| `(\w+)\/` +\| .* \| `([\w-]+\.ts)` +\|$/gm),
    ]
    const folders = readdirSync(core, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    expect(rooms.map(([, room]) => room).sort()).toEqual(folders.map(({ name }) => name).sort())
    expect(rooms.filter(([, room = '', file = '']) => !existsSync(join(core, room, file)))).toEqual([])
  })

  it('names npm scripts and files that there are', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'))
    const runs = named(/\bnpm run (?:-s )?([a-z][a-z:-]*)/g)
    expect(runs.length).toBeGreaterThan(10)
    expect(runs.filter((name) => !(name in scripts))).toEqual([])
    const files = named(/(?<![\w/.@-])((?:bench|docs|examples|packages|scripts|tests)\/[\w./-]+\.[a-z]+)\b/g)
    expect(files.length).toBeGreaterThan(10)
    expect(files.filter((name) => !existsSync(name))).toEqual([])
  })

  it('names commands of `rempart` that there are', async () => {
    const call = /(?:^ *|[;|&(=] *|-- |npx )rempart ([a-z][a-z-]*(?: [a-z][a-z-]*)?)(?= |$)/gm
    const called = [...named(call), ...named(/npm run (?:-s )?rempart -- ([a-z][a-z-]*(?: [a-z][a-z-]*)?)(?= |$)/gm)]
    expect(called.length).toBeGreaterThan(20)
    const commands = await commandsOf()
    const below = new Map<string, readonly string[]>()
    for (const name of commands) {
      if (called.some((each) => each.startsWith(`${name} `))) below.set(name, await commandsOf(name))
    }
    const isKnown = (name: string): boolean => {
      const [first = '', second] = name.split(' ')
      const own = below.get(first) ?? []
      // A second word is an argument where the first has no commands of its own.
      return commands.includes(first) && (second === undefined || own.length === 0 || own.includes(second))
    }
    expect(called.filter((name) => !isKnown(name))).toEqual([])
  })
})
