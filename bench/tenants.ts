import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createRenderTokens } from '../packages/server/src/core/challenge/render-token.ts'
import { createId } from '../packages/server/src/core/ids.ts'
import { deriveKey, keyLabels } from '../packages/server/src/core/secrets.ts'
import { removeEmbeddedDatabase } from '../packages/server/src/database/embedded-remove.ts'
import { alternate, type Load, type LoadResult, load, median, type Program, record } from './support.ts'
import { connectOwner, FORM_SLUG, fill, type Installation, serve } from './tenants-data.ts'
import { findPeople, findTargets, mintTokens, type Target, untilQuiet } from './tenants-targets.ts'

/**
 * Whether the number of tenants is felt: two installations with the same number of rows and of people, once of 10 tenants
 * and once of 10,000, get the same requests in turn, each of a tenant at random.
 *
 * Usage: npm run bench:tenants -- [rows] [rounds] [seconds]; or in two steps, of which the second can be repeated:
 * npm run bench:tenants -- fill <directory> [rows], npm run bench:tenants -- measure <directory> [rounds] [seconds]
 * '[name; name …]'. Where names of requests are given, what was kept of the others stays.
 */
const people = 10_000
const connections = 16
const counts = [10, 10_000] as const

const isStep = process.argv[2] === 'fill' || process.argv[2] === 'measure'
const step = isStep ? process.argv[2] : undefined
const [directory, ...figures] = isStep
  ? [resolve(process.argv[3] ?? ''), ...process.argv.slice(4)]
  : [mkdtempSync(join(tmpdir(), 'rempart-bench-')), ...process.argv.slice(2)]
const rows = Number((step !== 'measure' && figures[0]) || 5_000_000)
const [rounds = 5, seconds = 2] = (isStep ? figures : figures.slice(1)).slice(0, 2).map(Number)
const asked = isStep && figures[2] !== undefined ? figures[2].split(/; */) : undefined

mkdirSync(directory, { recursive: true })
const policyFile = join(directory, 'policy.json')
// The limits are out of reach and still judged on each request.
const wide = { rules: { burst: { limit: 100_000_000 } } }
const limited = ['general', 'forms.view', 'leads.submit']
writeFileSync(policyFile, JSON.stringify({ version: 1, policies: Object.fromEntries(limited.map((id) => [id, wide])) }))
const installations = counts.map((tenants) => ({ dataDir: join(directory, String(tenants)), tenants }))

async function make(installation: Installation): Promise<void> {
  if (existsSync(installation.dataDir)) throw new Error(`${installation.dataDir} is there already`)
  const server = await serve(installation, policyFile)
  try {
    const owner = await connectOwner(installation)
    await fill(installation, owner, { rows, people })
    await owner.end()
  } finally {
    await server.stop()
  }
}

/** An installation that is being served, and what is asked of it. */
interface Contender {
  readonly server: Program
  readonly tokens: ReadonlyMap<string, readonly string[]>
  readonly targets: readonly Target[]
  readonly renderTokens: ReturnType<typeof createRenderTokens>
}

async function enter(installation: Installation): Promise<Contender> {
  const server = await serve(installation, policyFile)
  const owner = await connectOwner(installation)
  await untilQuiet(owner)
  console.log(`  ${installation.tenants} tenants: the jobs of the start are done`)
  const tokens = await mintTokens(installation, server.url, await findPeople(owner))
  const targets = await findTargets(owner)
  await owner.end()
  const secret = readFileSync(join(installation.dataDir, 'secret.key'), 'utf8').trim()
  const renderTokens = createRenderTokens(deriveKey(Buffer.from(secret), keyLabels.renderToken))
  return { server, tokens, targets, renderTokens }
}

type Next = NonNullable<Load['next']>
const any = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T

/** What is asked, by its name in the results. */
const requests: Readonly<Record<string, { readonly method: 'GET' | 'POST'; next(of: Contender): ReturnType<Next> }>> = {
  'one message': signedInRead(({ messageId }) => `/contact/messages/${messageId}`),
  'messages, a page': signedInRead(() => `/contact/messages?page=${1 + Math.floor(Math.random() * 5)}`),
  'leads, first page': signedInRead(() => '/leads'),
  'public form': {
    method: 'GET',
    next: ({ targets }) => ({
      path: `/api/v1/forms/public/${FORM_SLUG}`,
      headers: { 'x-tenant-id': any(targets).tenantId },
    }),
  },
  submission: { method: 'POST', next: submission },
}

const isSignedIn = (name: string): boolean => name !== 'public form' && name !== 'submission'

function signedInRead(pathOf: (target: Target) => string) {
  return {
    method: 'GET',
    next({ targets, tokens }: Contender) {
      const target = any(targets)
      const authorization = `Bearer ${any(tokens.get(target.tenantId) ?? [])}`
      return { path: `/api/v1${pathOf(target)}`, headers: { authorization } }
    },
  } as const
}

function submission({ targets, renderTokens }: Contender): ReturnType<Next> {
  const { tenantId, formId } = any(targets)
  const id = createId()
  const data = {
    fullName: 'Ada Lovelace',
    phone: '06 12 34 56 78',
    projectType: 'shop',
    productCount: 120,
    budget: 12_000,
    details: 'A shop for mathematical instruments, in two languages, before the summer.',
    consent: true,
  }
  const renderToken = renderTokens.issue({ tenantId, formId }, Date.now() - 10_000)
  return {
    path: `/api/v1/leads/forms/${formId}/submit`,
    headers: { 'idempotency-key': id },
    body: JSON.stringify({ email: `${id}@example.org`, data, renderToken }),
  }
}

async function measure(): Promise<void> {
  const [few, many] = await Promise.all([
    enter(installations[0] as Installation),
    enter(installations[1] as Installation),
  ])
  if (few === undefined || many === undefined) throw new Error('there are two')
  console.log(`${rows} rows at ${connections} connections, ${rounds} rounds of ${seconds} s`)
  const send = (of: Contender, name: string, forSeconds: number): Promise<LoadResult> => {
    const { method, next } = requests[name] as (typeof requests)[string]
    return load({ url: of.server.url, seconds: forSeconds, connections, method, next: () => next(of) })
  }
  const first: Record<string, object> = {}
  const names = Object.keys(requests).filter((name) => asked?.includes(name) ?? true)
  for (const name of names) {
    const [ofFew, ofMany] = [await prime(few, name), await prime(many, name)]
    first[`${name}, first of each tenant`] = compared([ofFew], [ofMany])
    // Of those that take the shortest, once more: what is compared is a server that has been up for a while.
    if (!isSignedIn(name)) for (const contender of [few, many]) await prime(contender, name)
  }
  console.table(first)
  const runs: Record<string, Readonly<Record<'few' | 'many', readonly LoadResult[]>>> = {}
  for (const name of names) {
    console.log(name)
    const found = await alternate(rounds, {
      '10 tenants': () => send(few, name, seconds),
      '10,000 tenants': () => send(many, name, seconds),
    })
    runs[name] = { few: found['10 tenants'], many: found['10,000 tenants'] }
  }
  const result = Object.fromEntries(Object.entries(runs).map(([name, { few, many }]) => [name, compared(few, many)]))
  console.table(result)
  const target = 'p95 of 10,000 tenants within 1.3 of that of 10'
  const figuresOf = { rows, people, connections, rounds, seconds, target }
  const others = asked === undefined ? { result: {}, first: {}, runs: {} } : kept()
  record('tenants', {
    ...figuresOf,
    result: { ...others.result, ...result },
    first: { ...others.first, ...first },
    runs: { ...others.runs, ...runs },
  })
  await Promise.all([few.server.stop(), many.server.stop()])
}

/** What was measured before. */
function kept(): { readonly result: object; readonly first: object; readonly runs: object } {
  return JSON.parse(readFileSync('bench/results/tenants.json', 'utf8'))
}

/** Asks of each tenant once, as a server has been asked a while after its start. */
function prime(of: Contender, name: string): Promise<LoadResult> {
  const { method, next } = requests[name] as (typeof requests)[string]
  const targets = [...new Map(of.targets.map((target) => [target.tenantId, target])).values()]
  let turn = 0
  const one = (): ReturnType<Next> => {
    turn += 1
    return next({ ...of, targets: [targets[turn % targets.length] as Target] })
  }
  return load({ url: of.server.url, seconds: 0, amount: people, connections, method, next: one })
}

function compared(few: readonly LoadResult[], many: readonly LoadResult[]) {
  const of = (figure: 'p50Ms' | 'p95Ms', runs: readonly LoadResult[]): number => median(runs.map((run) => run[figure]))
  const ratio = (figure: 'p50Ms' | 'p95Ms'): number => Math.round((of(figure, many) / of(figure, few)) * 100) / 100
  return {
    'p50 of 10': of('p50Ms', few),
    'p50 of 10,000': of('p50Ms', many),
    'p50 ratio': ratio('p50Ms'),
    'p95 of 10': of('p95Ms', few),
    'p95 of 10,000': of('p95Ms', many),
    'p95 ratio': ratio('p95Ms'),
    bad: [...few, ...many].reduce((sum, run) => sum + run.bad, 0),
  }
}

if (step !== 'measure') await Promise.all(installations.map(make))
if (step !== 'fill') await measure()
if (step === undefined) {
  for (const { dataDir } of installations) await removeEmbeddedDatabase(dataDir)
  rmSync(directory, { recursive: true, force: true })
}
