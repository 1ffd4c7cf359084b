import { styleText } from 'node:util'
import {
  type ClientReading,
  type HumanReading,
  type ReplayResult,
  type RuleReading,
  reportWords,
  type TrialReading,
} from '@rempart/guard'
import { printable, printTable } from '../terminal.ts'
import { language } from '../words.ts'
import { replayWords } from './replay-words.ts'

const report = reportWords(language)
const { number } = report
const { headings, titles } = replayWords

/** Prints what a replay has found, for a person at a terminal. */
export function printSummary(result: ReplayResult, top: number): void {
  const [trial, other] = result.trials
  if (trial === undefined) return
  say(styled('bold', report.conclusion(trial, result.clients.count)))
  const { log } = result
  say(replayWords.read(number(log.requests), number(log.lines), report.instant(log.from), report.instant(log.to)))
  if (trial.shadowRefused > 0) say(report.inShadow(trial.shadowRefused))
  printRules(trial)
  if (trial.refusedClients.length > 0) {
    heading(titles.refused)
    printClients(trial.refusedClients, trial.clients.refused, top)
  }
  printNearMisses(trial, top)
  printSuggestions(trial)
  if (result.comparison !== undefined && other !== undefined) printComparison(result, trial, other, top)
  printNotes(result, trial)
}

function printRules(trial: TrialReading): void {
  const used = trial.rules.filter((rule) => rule.requests > 0)
  if (used.length === 0) return
  heading(titles.rules)
  printTable(used, [
    { heading: headings.rule, cell: nameOf },
    { heading: headings.says, cell: saysOf, isElastic: true },
    { heading: headings.requests, cell: (rule) => number(rule.requests) },
    { heading: headings.refused, cell: (rule) => number(turnedAway(rule)) },
    { heading: headings.clients, cell: (rule) => number(rule.clientsTouched) },
    { heading: headings.refusedClients, cell: (rule) => number(rule.clientsRefused) },
  ])
}

const nameOf = ({ policyId, ruleId }: RuleReading): string => `${policyId}/${ruleId}`
const saysOf = (rule: RuleReading): string =>
  `${report.ruleSays(rule)}${rule.mode === 'shadow' ? ` ${replayWords.shadow}` : ''}`
const turnedAway = ({ mode, refused, challenged, shadowRefused }: RuleReading): number =>
  mode === 'shadow' ? shadowRefused : refused + challenged

function printClients(clients: readonly ClientReading[], all: number, top: number): void {
  printTable(clients.slice(0, top), [
    { heading: headings.client, cell: ({ client }) => client },
    { heading: headings.requests, cell: ({ requests }) => number(requests) },
    { heading: headings.refused, cell: ({ refused, challenged }) => number(refused + challenged) },
    { heading: headings.rule, cell: ({ rule }) => rule },
    { heading: headings.looks, cell: ({ human }) => looksOf(human) },
    { heading: headings.why, cell: ({ human }) => whyOf(human), isElastic: true },
  ])
  if (all > top) say(replayWords.more(number(all - Math.min(top, clients.length))))
}

const looksOf = ({ verdict, score }: HumanReading): string => `${report.looks[verdict]} ${score}`
const whyOf = ({ reasons }: HumanReading): string =>
  reasons.map((reason) => `${reason.points > 0 ? '+' : ''}${reason.points} ${report.reason(reason)}`).join(', ')

function printNearMisses({ nearMisses }: TrialReading, top: number): void {
  if (nearMisses.length === 0) return
  heading(titles.near)
  printTable(nearMisses.slice(0, top), [
    { heading: headings.client, cell: ({ client }) => client },
    { heading: headings.rule, cell: ({ rule }) => rule },
    { heading: headings.reached, cell: ({ used, limit }) => `${number(used)} / ${number(limit)}` },
    { heading: headings.requests, cell: ({ requests }) => number(requests) },
    { heading: headings.looks, cell: ({ human }) => looksOf(human) },
  ])
  if (nearMisses.length > top) say(replayWords.more(number(nearMisses.length - top)))
}

function printSuggestions(trial: TrialReading): void {
  const lines = trial.rules.flatMap((rule) => {
    const { suggestion, precision } = rule.limits ?? {}
    if (suggestion === undefined) return []
    const said = report.suggestion(
      report.share(suggestion.targetShare),
      number(suggestion.limit),
      number(suggestion.clients),
      number(rule.clientsTouched),
    )
    const bound = precision === 'exact' ? report.text.exact : report.text.upperBound
    return [`${nameOf(rule)} (${report.ruleSays(rule)})${report.colon}${said} ${bound}`]
  })
  if (lines.length === 0) return
  heading(titles.suggested)
  for (const line of lines) say(line)
}

function printComparison({ comparison }: ReplayResult, one: TrialReading, other: TrialReading, top: number): void {
  if (comparison === undefined) return
  const { clients, onlyFirst, onlySecond } = comparison
  heading(report.compared(one.name, other.name))
  say(report.sides(one, other, clients.both))
  const sides = [
    [one.name, clients.onlyFirst, onlyFirst],
    [other.name, clients.onlySecond, onlySecond],
  ] as const
  for (const [name, count, shown] of sides) {
    heading(titles.onlyBy(name, number(count)))
    if (shown.length > 0) printClients(shown, count, top)
  }
}

/** What stands between the figures and the truth. */
function printNotes({ log, clients }: ReplayResult, trial: TrialReading): void {
  const notes = [
    ...trial.unjudged.map(({ policyId, ruleId, reason }) =>
      replayWords.unjudged(`${policyId}/${ruleId}`, report.unjudged[reason]),
    ),
    ...(log.bad.count > 0 ? [report.badLines(log.bad.count)] : []),
    ...log.bad.examples.map(
      ({ source, line, reason, shape }) => `  ${source}:${line} (${report.bad[reason]})${report.colon}${shape}`,
    ),
    ...(log.withoutRequest > 0 ? [report.withoutRequest(log.withoutRequest)] : []),
    ...(log.late > 0 ? [report.late(log.late)] : []),
    ...(log.misdated > 0 ? [report.misdated(log.misdated)] : []),
    ...(clients.forgotten > 0 ? [report.forgotten(clients.forgotten)] : []),
    ...(trial.evictions > 0 ? [report.evictions(trial.evictions)] : []),
  ]
  if (notes.length > 0) console.log()
  for (const text of notes) say(styled('dim', text))
}

function heading(text: string): void {
  console.log()
  say(styled('bold', text))
}

/** A text, and how it looks where the terminal shows colours. */
interface Styled {
  readonly style: 'bold' | 'dim'
  readonly text: string
}

const styled = (style: Styled['style'], text: string): Styled => ({ style, text })

/** What others wrote is made printable before anything of ours is put around it. */
function say(said: string | Styled): void {
  if (typeof said === 'string') console.log(printable(said))
  else console.log(styleText(said.style, printable(said.text), { stream: process.stdout }))
}
