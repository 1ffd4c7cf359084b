import { examine, type Finding } from '@rempart/server/doctor'
import type { Command } from 'commander'
import { note, printable, printJson } from '../terminal.ts'
import { words } from '../words.ts'
import { doctorWords, doctorCommandWords as say } from './doctor-words.ts'

/** `rempart doctor`: says what is wrong with an installation, and ends with 1 where something fails. */
export function addDoctorCommand(program: Command): void {
  program.command('doctor').description(say.about).option('--json', words.options.json).action(doctor)
}

async function doctor(chosen: { readonly json?: true }): Promise<void> {
  const counts = { ok: 0, warn: 0, fail: 0 }
  const findings: object[] = []
  for await (const finding of examine()) {
    counts[finding.level] += 1
    const [said, todo] = doctorWords[finding.name]?.(finding.facts) ?? [finding.name]
    if (chosen.json) findings.push({ ...finding, said, ...(todo !== undefined && { todo }) })
    else printFinding(finding, said, todo)
  }
  if (chosen.json) printJson({ counts, findings })
  else note(say.summary(counts))
  if (counts.fail > 0) process.exitCode = 1
}

const widest = Math.max(...Object.values(say.levels).map((level) => level.length))
const colours = { ok: 32, warn: 33, fail: 31 } as const

function printFinding({ level }: Finding, said: string, todo: string | undefined): void {
  const margin = ' '.repeat(widest + 2)
  const [first = '', ...rest] = said.split('\n').map(printable)
  console.log(`${coloured(say.levels[level].padEnd(widest), colours[level])}  ${first}`)
  for (const line of rest) console.log(`${margin}${line}`)
  if (todo !== undefined) console.log(`${margin}→ ${printable(todo)}`)
}

/** @see https://no-color.org */
function coloured(text: string, colour: number): string {
  return process.stdout.isTTY && process.stdout.hasColors() ? `\u001B[${colour}m${text}\u001B[0m` : text
}
