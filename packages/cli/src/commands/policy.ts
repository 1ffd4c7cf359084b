import { type ClientAddress, parseClientAddress, presetNames, presets } from '@rempart/guard'
import { PolicyFileError } from '@rempart/server/errors'
import { formatPolicyFile, type PolicyFileFault } from '@rempart/server/policies'
import { type Command, Option } from 'commander'
import * as parse from '../arguments.ts'
import { Failure } from '../failure.ts'
import { readGround, readPolicySource } from '../policy-source.ts'
import { printable, printJson, printTable } from '../terminal.ts'
import { words } from '../words.ts'
import { diff } from './policy-diff.ts'
import { type ExplainOptions, explain } from './policy-explain.ts'

const { commands, headings, options, policy: said } = words

const address: parse.Parser<ClientAddress> = (text) => {
  const parsed = parseClientAddress(text)
  if (parsed === undefined) throw parse.expected(words.invalid.ip)
  return parsed
}

/** `rempart policy`: what a policy file says, before a server does. */
export function addPolicyCommands(program: Command): void {
  const policy = program.command('policy').description(commands.policy)

  policy
    .command('check <file>')
    .description(commands.policyCheck)
    .option('--alone', options.alone)
    .option('--json', options.json)
    .action(check)

  policy
    .command('explain')
    .description(commands.policyExplain)
    .argument('<method>', 'GET, POST…')
    .argument('<path>', words.invalid.path, parse.path)
    .option('--file <file>', options.policyFile)
    .addOption(
      new Option('--ip <address>', options.ip).argParser(address).default(address('203.0.113.7'), '203.0.113.7'),
    )
    .option('--at <instant>', options.at, parse.instant)
    .option('--account <account>', options.account)
    .option('-t, --tenant <tenant>', options.ofTenant)
    .option('--api-key <key>', options.ofKey)
    .option('--alone', options.alone)
    .option('--json', options.json)
    .action((method: string, path: string, chosen: ExplainOptions) => explain(method, path, chosen))

  policy
    .command('diff <before> <after>')
    .description(commands.policyDiff)
    .option('--alone', options.alone)
    .option('--exit-code', options.exitCode)
    .option('--json', options.json)
    .action(diff)

  policy
    .command('presets [name]')
    .description(commands.policyPresets)
    .option('--json', options.json)
    .action(showPresets)
}

interface CheckOptions {
  readonly alone?: true
  readonly json?: true
}

async function check(file: string, chosen: CheckOptions): Promise<void> {
  try {
    const { document, set } = await readPolicySource(file, await readGround(chosen.alone === true))
    const named = namedIn(document?.parsed)
    const rules = set.policies.flatMap(({ policy }) =>
      policy.rules.map((rule) => policy.mode === 'shadow' || rule.mode === 'shadow'),
    )
    const counts = {
      policies: set.policies.length,
      named,
      matching: set.policies.filter(({ matches }) => matches.length > 0).length,
      rules: rules.length,
      shadow: rules.filter(Boolean).length,
      version: set.version,
    }
    if (chosen.json) printJson({ file, sound: true, ...counts })
    else console.log(said.sound(printable(file), counts))
  } catch (error) {
    if (!(error instanceof PolicyFileError)) throw error
    if (chosen.json) printJson({ file, sound: false, faults: error.faults.map(flatten) })
    else for (const fault of error.faults) console.log(describe(file, fault))
    throw new Failure(said.faults(file, error.faults.length))
  }
}

function namedIn(parsed: unknown): number {
  const isRecord = typeof parsed === 'object' && parsed !== null && 'policies' in parsed
  return isRecord && typeof parsed.policies === 'object' ? Object.keys(parsed.policies ?? {}).length : 0
}

const flatten = ({ position, ...fault }: PolicyFileFault) => ({ ...position, ...fault })

/** The form that editors and CI turn into a link. */
function describe(file: string, { position, path, message, suggestion }: PolicyFileFault): string {
  const place = position === undefined ? file : `${file}:${position.line}:${position.column}`
  const meant = suggestion === undefined ? '' : ` (${said.meant(suggestion)})`
  return printable(`${place}: ${path === '' ? '' : `${path}: `}${message}${meant}`)
}

function showPresets(name: string | undefined, chosen: { readonly json?: true }): void {
  if (name === undefined) listPresets(chosen)
  else showPreset(name, chosen)
}

function listPresets(chosen: { readonly json?: true }): void {
  const list = presetNames.map((preset) => ({ name: preset, about: presets[preset].about }))
  if (chosen.json) printJson(list)
  else {
    printTable(list, [
      { heading: headings.preset, cell: (each) => each.name },
      { heading: headings.about, cell: (each) => each.about, isElastic: true },
    ])
  }
}

function showPreset(name: string, chosen: { readonly json?: true }): void {
  const known = presetNames.find((preset) => preset === name)
  if (known === undefined) throw new Failure(said.presetUnknown(name, presetNames.join(', ')))
  const content = { version: 1, policies: presets[known].policies }
  if (chosen.json) printJson(content)
  else process.stdout.write(`# ${known}: ${presets[known].about}\n${formatPolicyFile(content)}`)
}
