import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { readConfig } from '@rempart/server'
import {
  type AuditAction,
  auditActions,
  auditHeadKeys,
  exportAudit,
  listAudit,
  type SignedHead,
  verifyExport,
  verifyingKeyOf,
} from '@rempart/server/audit'
import { type Command, InvalidArgumentError, Option } from 'commander'
import * as parse from '../arguments.ts'
import { Failure } from '../failure.ts'
import { writeTarget } from '../files.ts'
import { withTenantContext } from '../operator.ts'
import { minute, note, printDetails, printJson, printTable } from '../terminal.ts'
import { words } from '../words.ts'
import { auditWords as say } from './audit-words.ts'
import { printPlace } from './page.ts'

const { headings } = say

/** `rempart audit`: reads the audit log, and verifies an export of it anywhere. */
export function addAuditCommands(program: Command): void {
  const audit = program.command('audit').description(say.audit)

  parse
    .withListOptions(audit.command('list'))
    .description(say.list)
    .addOption(new Option('--action <action>', say.action).choices(auditActions))
    .option('--actor <id>', say.actor, parse.line(64))
    .action(list)

  parse
    .withTenant(audit.command('export'))
    .description(say.export)
    .option('-o, --output <file>', say.output)
    .action(exportAll)

  audit
    .command('verify')
    .description(say.verify)
    .argument('<file>', say.file)
    .option('--key <key>', say.key, publicKey)
    .option('--anchors <file>', say.anchors)
    .option('--json', words.options.json)
    .action(verify)
}

function publicKey(text: string): string {
  if (!/^[\w-]{43}$/.test(text)) throw new InvalidArgumentError(say.invalidKey)
  return text
}

function list(chosen: parse.ListOptions & { readonly action?: AuditAction; readonly actor?: string }): Promise<void> {
  const { tenant, json, page, pageSize, action, actor } = chosen
  return withTenantContext(tenant, async (context) => {
    const found = await listAudit(context, {
      page,
      pageSize,
      ...(action !== undefined && { action }),
      ...(actor !== undefined && { actorId: actor }),
    })
    if (json) return printJson(found)
    if (found.items.length === 0) return note(words.nothing)
    printTable(found.items, [
      { heading: headings.seq, cell: (each) => String(each.seq) },
      { heading: headings.at, cell: (each) => minute(each.at) },
      { heading: headings.action, cell: (each) => each.action },
      { heading: headings.outcome, cell: (each) => each.outcome },
      {
        heading: headings.actor,
        cell: ({ actor: { kind, id } }) => (id === null ? kind : `${kind}:${id}`),
      },
      {
        heading: headings.resource,
        cell: ({ resource }) => (resource === null ? '-' : `${resource.type}:${resource.id}`),
        isElastic: true,
      },
    ])
    printPlace(found)
  })
}

function exportAll(chosen: { readonly tenant?: string; readonly output?: string }): Promise<void> {
  return withTenantContext(chosen.tenant, async (context) => {
    const keys = await auditHeadKeys(await readConfig())
    await writeTarget(chosen.output, exportAudit(context, keys))
  })
}

interface VerifyOptions {
  readonly key?: string
  readonly anchors?: string
  readonly json?: true
}

/** Reads the files alone: no database is opened, and no setting is read. */
async function verify(file: string, { key, anchors, json }: VerifyOptions): Promise<void> {
  const found = await verifyExport(linesOf(file), {
    ...(key !== undefined && { keys: [verifyingKeyOf(key)] }),
    ...(anchors !== undefined && { anchors: await readAnchors(anchors) }),
  })
  process.exitCode = found.verdict === 'whole' ? 0 : 1
  if (json) return printJson(found)
  printDetails([
    [headings.tenant, found.tenantId ?? '-'],
    [headings.exported, found.exportedAt ?? '-'],
    [headings.entries, String(found.entries)],
    [headings.signedTo, String(found.signedTo)],
  ])
  note(say.verdicts[found.verdict](found.at))
  if (found.isOwnKey) note(say.ownKey)
}

async function* linesOf(file: string): AsyncGenerator<string> {
  const input = file === '-' ? process.stdin : createReadStream(file)
  const failed = new Promise<never>((_, reject) =>
    input.once('error', () => reject(new Failure(words.fileUnreadable(file)))),
  )
  failed.catch(() => {})
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]()
  while (true) {
    const { done, value } = await Promise.race([lines.next(), failed])
    if (done) return
    yield value
  }
}

async function readAnchors(file: string): Promise<readonly SignedHead[]> {
  const anchors: SignedHead[] = []
  for await (const line of linesOf(file)) {
    if (line === '') continue
    try {
      // Its signature is checked before anything of it is believed.
      anchors.push(JSON.parse(line) as SignedHead)
    } catch {
      throw new Failure(say.anchorsUnreadable(file))
    }
  }
  return anchors
}
