import type { ReplayResult, TrialReading } from '../result.ts'
import { html, type SafeHtml } from './html.ts'
import type { ReportWords } from './words.ts'

/** Says how the figures came about, and what stands between them and the truth. */
export function methodSection(
  { log, clients }: ReplayResult,
  trial: TrialReading,
  words: ReportWords,
  showsAddresses: boolean,
): SafeHtml {
  const { text } = words
  const notes = [
    text.everyRequest,
    ...(showsAddresses ? [] : [text.hidden]),
    ...(log.hasMillis ? [] : [text.seconds]),
    ...(log.hasAgents || log.requests === 0 ? [] : [text.noAgents]),
    ...(log.late > 0 ? [words.late(log.late)] : []),
    ...(log.misdated > 0 ? [words.misdated(log.misdated)] : []),
    ...(log.withoutRequest > 0 ? [words.withoutRequest(log.withoutRequest)] : []),
    ...(clients.forgotten > 0 ? [words.forgotten(clients.forgotten)] : []),
    ...(trial.evictions > 0 ? [words.evictions(trial.evictions)] : []),
  ]
  return html`<section class="method"><h2>${text.method}</h2>
<ul>${notes.map((note) => html`<li>${note}</li>`)}${unjudged(trial, words)}${badLines(log, words)}</ul></section>`
}

function unjudged({ unjudged: rules }: TrialReading, words: ReportWords): SafeHtml | undefined {
  if (rules.length === 0) return undefined
  const item = ({ policyId, ruleId, reason }: (typeof rules)[number]): SafeHtml =>
    html`<li><code>${policyId}/${ruleId}</code>${words.colon}${words.unjudged[reason]}</li>`
  return html`<li>${words.text.notJudged}<ul>${rules.map(item)}</ul></li>`
}

function badLines({ bad }: ReplayResult['log'], words: ReportWords): SafeHtml | undefined {
  if (bad.count === 0) return undefined
  const item = ({ source, line, reason, shape }: (typeof bad.examples)[number]): SafeHtml =>
    html`<li>${source}, ${words.text.line} ${words.number(line)} (${words.bad[reason]})${words.colon}<code>${shape}</code></li>`
  return html`<li>${words.badLines(bad.count)} ${words.text.examples}<ul>${bad.examples.map(item)}</ul></li>`
}
