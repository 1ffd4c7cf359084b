import { createHash } from 'node:crypto'
import type { HumanReading } from '../human.ts'
import type { ClientReading, Comparison, NearMiss, ReplayResult, RuleReading, TrialReading } from '../result.ts'
import { type ChartSeries, limitChart, SERIES, timelineChart } from './charts.ts'
import { type HtmlValue, html, SafeHtml } from './html.ts'
import { methodSection } from './method.ts'
import { reportStyle } from './style.ts'
import { type ReportLanguage, type ReportWords, reportWords } from './words.ts'

/**
 * Writes the results of a replay as one page that needs nothing else: no script, no font, no picture, and a policy of its
 * own that lets a browser load none. Everything in it that comes from the log or from file names is escaped.
 *
 * @param showsAddresses - Whether the results name clients by their addresses; a page that does not says so.
 */
export function renderReport(result: ReplayResult, language: ReportLanguage, showsAddresses: boolean): string {
  const words = reportWords(language)
  const [trial, other] = result.trials
  if (trial === undefined) throw new RangeError('a replay has one policy set at least')
  const styleHash = createHash('sha256').update(reportStyle).digest('base64')
  const page = html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${words.text.title}${words.colon}${trial.name}</title>
<style>${new SafeHtml(reportStyle)}</style>
</head>
<body>
<header>
<h1>${words.text.title}${words.colon}${trial.name}</h1>
${result.isPartial ? html`<p class="warning">${words.text.partial}</p>` : undefined}
<p class="conclusion">${words.conclusion(trial, result.clients.count)}</p>
<p>${words.near(trial.nearMisses.length)}${trial.shadowRefused > 0 ? ` ${words.inShadow(trial.shadowRefused)}` : ''}</p>
${inShort(result, trial, other, words)}
${logLine(result, words)}
${figures(trial, result, words)}
</header>
<main>
${timeSection(trial, words)}
${limitsSection(trial, words)}
${result.comparison === undefined || other === undefined ? undefined : comparisonSection(result.comparison, trial, other, words)}
${refusedSection(trial, words)}
${nearSection(trial, words)}
${rulesSection(trial, words)}
</main>
<footer>${methodSection(result, trial, words, showsAddresses)}</footer>
</body>
</html>
`
  return page.text
}

/** The limits that are suggested where somebody was refused, and how the two policies compare: what a reader came for. */
function inShort(
  { comparison }: ReplayResult,
  trial: TrialReading,
  other: TrialReading | undefined,
  words: ReportWords,
): SafeHtml | undefined {
  const suggestions = trial.rules
    .filter(({ clientsRefused }) => clientsRefused > 0)
    .flatMap((rule) => {
      const said = suggestionOf(rule, words)
      return said === undefined ? [] : [`${nameOf(rule)}${words.colon}${said}`]
    })
  const compared =
    comparison === undefined || other === undefined ? [] : [words.sides(trial, other, comparison.clients.both)]
  const said = [...suggestions, ...compared]
  return said.length === 0 ? undefined : html`<ul class="short">${said.map((each) => html`<li>${each}</li>`)}</ul>`
}

function suggestionOf({ limits, clientsTouched }: RuleReading, words: ReportWords): string | undefined {
  const suggestion = limits?.suggestion
  if (suggestion === undefined) return undefined
  const { share, number } = words
  const { targetShare, limit, clients } = suggestion
  return words.suggestion(share(targetShare), number(limit), number(clients), number(clientsTouched))
}

function logLine({ log }: ReplayResult, words: ReportWords): SafeHtml {
  const names = log.sources.map(({ name }) => name)
  const shown = names.length > 3 ? [...names.slice(0, 3), '…'] : names
  const period = `${words.instant(log.from)} – ${words.instant(log.to)}`
  return html`<p class="log">${words.text.log}${words.colon}${shown.join(', ')} · ${period}</p>`
}

function figures(trial: TrialReading, { clients }: ReplayResult, words: ReportWords): SafeHtml {
  const { text, number } = words
  const items: (readonly [label: string, value: string])[] = [
    [text.requests, number(trial.requests)],
    [text.refused, number(trial.refused)],
    ...(trial.challenged > 0 ? [[text.challenged, number(trial.challenged)] as const] : []),
    ...(trial.shadowRefused > 0 ? [[text.shadow, number(trial.shadowRefused)] as const] : []),
    [text.clients, `${clients.isExact ? '' : `${text.estimate} `}${number(clients.count)}`],
    [text.clientsRefused, number(trial.clients.refused)],
    [text.looksHuman, number(trial.clients.human)],
  ]
  return html`<dl class="figures">${items.map(([label, value]) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>`
}

function timeSection(trial: TrialReading, words: ReportWords): SafeHtml {
  const series = trial.rules
    .map((rule, index) => ({ name: nameOf(rule), column: index + 1, refused: rule.refused + rule.challenged }))
    .filter(({ refused }) => refused > 0)
    .sort((one, another) => another.refused - one.refused)
  const body =
    series.length === 0
      ? html`<p>${words.text.nobodyRefused}</p>`
      : html`<p class="note">${words.text.overTimeNote}</p>
<figure>${timelineChart(trial.timeline, series, words)}
${legend(series, words)}</figure>`
  return html`<section><h2>${words.text.overTime}</h2>${body}</section>`
}

function legend(series: readonly (ChartSeries & { readonly refused: number })[], words: ReportWords): SafeHtml {
  const item = ({ name, refused }: (typeof series)[number], index: number): SafeHtml =>
    html`<li><i class="s${Math.min(index, SERIES - 1)}"></i>${name}${words.colon}${words.number(refused)}</li>`
  return html`<ul class="legend">${series.map(item)}</ul>`
}

function rulesSection(trial: TrialReading, words: ReportWords): SafeHtml {
  const { text, number } = words
  const row = (rule: RuleReading): SafeHtml => html`<tr>
<th scope="row">${nameOf(rule)}</th>
${cell(text.says, [words.ruleSays(rule), rule.isPartly ? html` <span class="note">(${text.partly})</span>` : undefined])}
${cell(text.mode, rule.mode === 'live' ? text.live : text.inShadow)}
${cell(text.requests, number(rule.requests), 'count')}
${cell(text.refused, number(rule.mode === 'live' ? rule.refused + rule.challenged : rule.shadowRefused), 'count')}
${cell(text.touched, number(rule.clientsTouched), 'count')}
${cell(text.clientsRefused, number(rule.clientsRefused), 'count')}
</tr>`
  const used = trial.rules.filter((rule) => rule.requests > 0)
  return section(text.rules, undefined, [
    table(
      [
        text.rule,
        text.says,
        text.mode,
        count(text.requests),
        count(text.refused),
        count(text.touched),
        count(text.clientsRefused),
      ],
      used.map(row),
    ),
  ])
}

function refusedSection(trial: TrialReading, words: ReportWords): SafeHtml | undefined {
  if (trial.refusedClients.length === 0) return undefined
  return section(words.text.refusedClients, words.text.refusedClientsNote, [
    clientTable(trial.refusedClients, words),
    moreNote(trial.refusedClients.length, trial.clients.refused, words),
  ])
}

function moreNote(shown: number, all: number, words: ReportWords): SafeHtml | undefined {
  return shown < all ? html`<p class="note">${words.more(words.number(shown), words.number(all))}</p>` : undefined
}

function clientTable(clients: readonly ClientReading[], words: ReportWords): SafeHtml {
  const { text, number } = words
  const row = (client: ClientReading): SafeHtml => html`<tr>
<th scope="row" class="name">${client.client}<span class="small">${period(client, words)}</span></th>
${cell(text.requests, number(client.requests), 'count')}
${cell(text.refused, number(client.refused + client.challenged), 'count')}
${cell(text.rule, client.rule)}
${cell(text.looks, badge(client.human, words))}
${cell(text.why, [reasons(client.human, words), html`<span class="small">${client.userAgent}</span>`], 'tall')}
</tr>`
  const headings = [text.client, count(text.requests), count(text.refused), text.rule, text.looks, text.why]
  return table(headings, clients.map(row))
}

function period({ from, to }: ClientReading, words: ReportWords): HtmlValue {
  const short = (text: string): string => words.instant(text).replace(' UTC', '')
  return html`${short(from)} –<br>${short(to)}`
}

function badge({ verdict, score }: HumanReading, words: ReportWords): SafeHtml {
  return html`<span class="badge ${verdict}">${words.looks[verdict]} · ${score}</span>`
}

function reasons({ reasons: given }: HumanReading, words: ReportWords): SafeHtml {
  return html`<ul>${given.map((reason) => html`<li><b>${signed(reason.points)}</b><span>${words.reason(reason)}</span></li>`)}</ul>`
}

const signed = (points: number): string => (points > 0 ? `+${points}` : `−${Math.abs(points)}`)

function nearSection(trial: TrialReading, words: ReportWords): SafeHtml | undefined {
  if (trial.nearMisses.length === 0) return undefined
  const { text, number } = words
  const row = ({ client, rule, used, limit, requests, human }: NearMiss): SafeHtml => html`<tr>
<th scope="row" class="name">${client}</th>
${cell(text.rule, rule)}
${cell(text.reached, html`<meter min="0" max="${limit}" value="${used}"></meter> ${number(used)} / ${number(limit)}`, 'name')}
${cell(text.requests, number(requests), 'count')}
${cell(text.looks, badge(human, words))}
</tr>`
  return section(text.nearMisses, text.nearNote, [
    table([text.client, text.rule, text.reached, count(text.requests), text.looks], trial.nearMisses.map(row)),
  ])
}

function limitsSection(trial: TrialReading, words: ReportWords): SafeHtml | undefined {
  const parts = trial.rules.flatMap((rule) => {
    if (rule.limits === undefined || rule.limit === null || rule.limits.curve.length === 0) return []
    const { precision } = rule.limits
    // A curve of nothing but noughts is told by its suggestion.
    const refuses = rule.limits.curve.some(({ clients }) => clients > 0)
    const curve = refuses ? html`<figure>${limitChart(rule.limits, rule.limit, words)}</figure>` : undefined
    return [
      html`<h3>${nameOf(rule)} <span class="note">(${words.ruleSays(rule)})</span></h3>
<p>${suggestionOf(rule, words)} <span class="note">${precision === 'exact' ? words.text.exact : words.text.upperBound}</span></p>
${curve}`,
    ]
  })
  return parts.length === 0 ? undefined : section(words.text.limits, words.text.limitsNote, parts)
}

function comparisonSection(
  { clients, onlyFirst, onlySecond }: Comparison,
  first: TrialReading,
  second: TrialReading,
  words: ReportWords,
): SafeHtml {
  const { number } = words
  const side = (name: string, all: number, shown: readonly ClientReading[]): SafeHtml =>
    html`<h3>${words.onlyBy(name, number(all))}</h3>${all === 0 ? undefined : clientTable(shown, words)}${moreNote(shown.length, all, words)}`
  return section(words.compared(first.name, second.name), undefined, [
    html`<p>${words.sides(first, second, clients.both)}</p>`,
    side(first.name, clients.onlyFirst, onlyFirst),
    side(second.name, clients.onlySecond, onlySecond),
  ])
}

function section(heading: string, note: string | undefined, body: readonly HtmlValue[]): SafeHtml {
  return html`<section><h2>${heading}</h2>${note === undefined ? undefined : html`<p class="note">${note}</p>`}${body}</section>`
}

type Heading = string | SafeHtml

/** The heading of a column of figures. */
const count = (text: string): SafeHtml => html`<th scope="col" class="count">${text}</th>`

/** A cell that says what it is where a narrow screen has no room for headings. */
const cell = (label: string, value: HtmlValue, name = ''): SafeHtml =>
  html`<td class="${name}" data-label="${label}">${value}</td>`

function table(headings: readonly Heading[], rows: readonly SafeHtml[]): SafeHtml {
  const cells = headings.map((heading) =>
    heading instanceof SafeHtml ? heading : html`<th scope="col">${heading}</th>`,
  )
  return html`<div class="wide"><table><thead><tr>${cells}</tr></thead><tbody>${rows}</tbody></table></div>`
}

const nameOf = ({ policyId, ruleId }: RuleReading): string => `${policyId}/${ruleId}`
