import type { LimitReading } from '../result.ts'
import type { TimelineReading } from '../timeline.ts'
import { html, type SafeHtml } from './html.ts'
import type { ReportWords } from './words.ts'

/** Series that have a colour of their own; further ones share the last. */
export const SERIES = 8

const WIDTH = 960
const HEIGHT = 260
const LEFT = 56
const RIGHT = 12
const TOP = 14
const BOTTOM = 30
const innerWidth = WIDTH - LEFT - RIGHT
const innerHeight = HEIGHT - TOP - BOTTOM

/** A series of the timeline's chart: what it is called, and which column it is. */
export interface ChartSeries {
  readonly name: string
  readonly column: number
}

/** Draws refusals over time as stacked bars, and all requests as a line behind them, on a scale of its own. */
export function timelineChart(timeline: TimelineReading, series: readonly ChartSeries[], words: ReportWords): SafeHtml {
  const requests = timeline.columns[0] ?? []
  const buckets = requests.length
  const stacks = requests.map((_, bucket) => series.map(({ column }) => timeline.columns[column]?.[bucket] ?? 0))
  const highest = niceCeiling(Math.max(1, ...stacks.map((stack) => stack.reduce((sum, each) => sum + each, 0))))
  const most = Math.max(1, ...requests)
  const step = innerWidth / Math.max(1, buckets)
  const bars = stacks.flatMap((stack, bucket) => stackOf(stack, bucket, step, highest))
  const outline = requests.flatMap((count, bucket) => {
    const y = round(TOP + innerHeight * (1 - count / most))
    return [`${round(LEFT + bucket * step)},${y}`, `${round(LEFT + (bucket + 1) * step)},${y}`]
  })
  const floor = TOP + innerHeight
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${words.text.overTime}">
<polygon class="traffic" points="${LEFT},${floor} ${outline.join(' ')} ${WIDTH - RIGHT},${floor}"/>
${valueAxis(highest, (value) => words.number(value))}
${bars}
${timeAxis(timeline, words)}
</svg>`
}

function stackOf(stack: readonly number[], bucket: number, step: number, highest: number): SafeHtml[] {
  let below = 0
  const gap = step > 6 ? 1 : 0
  return stack.flatMap((count, index) => {
    if (count === 0) return []
    const height = (count / highest) * innerHeight
    const y = TOP + innerHeight - below - height
    below += height
    const x = LEFT + bucket * step
    return [
      html`<rect class="s${Math.min(index, SERIES - 1)}" x="${round(x)}" y="${round(y)}" width="${round(Math.max(0.8, step - gap))}" height="${round(Math.max(0.8, height))}"/>`,
    ]
  })
}

/** Distances between the labels of a time axis, in seconds. */
const tickSteps = [60, 300, 900, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600, 2_592_000]

function timeAxis({ startSecond, widthSeconds, columns }: TimelineReading, words: ReportWords): SafeHtml[] {
  const length = Math.max(1, (columns[0]?.length ?? 0) * widthSeconds)
  const every = tickSteps.find((step) => length / step <= 7) ?? Math.ceil(length / 7)
  const ticks: SafeHtml[] = []
  for (let at = Math.ceil(startSecond / every) * every; at < startSecond + length; at += every) {
    const x = round(LEFT + ((at - startSecond) / length) * innerWidth)
    // A label must not run out of the picture.
    const anchor = x < LEFT + 30 ? 'start' : x > WIDTH - 50 ? 'end' : 'middle'
    const label = words.tick(at, length)
    ticks.push(
      html`<line class="grid" x1="${x}" x2="${x}" y1="${TOP + innerHeight}" y2="${TOP + innerHeight + 4}"/><text class="tick" x="${x}" y="${HEIGHT - 8}" text-anchor="${anchor}">${label}</text>`,
    )
  }
  return ticks
}

/** Lines and labels at round values from 0 to the highest. */
function valueAxis(highest: number, label: (value: number) => string): SafeHtml[] {
  return [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const y = round(TOP + innerHeight * (1 - part))
    return html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}"/><text class="tick" x="${LEFT - 8}" y="${y + 4}" text-anchor="end">${label(highest * part)}</text>`
  })
}

/** Draws the share of clients that each limit refuses; marks the limit in force and the one that is suggested. */
export function limitChart({ curve, suggestion }: LimitReading, present: number, words: ReportWords): SafeHtml {
  const limits = [...curve.map(({ limit }) => limit), present, suggestion?.limit ?? 1]
  const last = Math.max(2, ...limits)
  const across = (limit: number): number => round(LEFT + (Math.log(Math.max(1, limit)) / Math.log(last)) * innerWidth)
  const highest = Math.min(1, niceCeiling(Math.max(0.000_1, ...curve.map(({ share }) => share))))
  const up = (share: number): number => round(TOP + innerHeight * (1 - share / highest))
  const points = curve.flatMap(({ limit, share }, index) => {
    const next = curve[index + 1]
    // A limit holds until the next one: steps, not slopes.
    return [`${across(limit)},${up(share)}`, `${next === undefined ? WIDTH - RIGHT : across(next.limit)},${up(share)}`]
  })
  const marks = [
    mark('present', across(present), words.text.present, present, words, 0),
    ...(suggestion === undefined
      ? []
      : [mark('suggested', across(suggestion.limit), words.text.suggested, suggestion.limit, words, 1)]),
  ]
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${words.text.limits}">
${valueAxis(highest, words.share)}
<polyline class="curve" points="${points.join(' ')}"/>
${marks}
${limitTicks(last).map((limit) => html`<text class="tick" x="${across(limit)}" y="${HEIGHT - 8}" text-anchor="middle">${words.number(limit)}</text>`)}
</svg>`
}

function mark(name: string, x: number, label: string, limit: number, words: ReportWords, row: number): SafeHtml {
  const anchor = x > WIDTH - 200 ? 'end' : 'start'
  const text = `${label}${words.colon}${words.number(limit)}`
  return html`<line class="${name}" x1="${x}" x2="${x}" y1="${TOP}" y2="${TOP + innerHeight}"/><text class="mark ${name}" x="${x + (anchor === 'end' ? -6 : 6)}" y="${TOP + 12 + row * 18}" text-anchor="${anchor}">${text}</text>`
}

/** Round limits for the axis: 1, 2, 5, 10, 20… as far as there is room. */
function limitTicks(last: number): readonly number[] {
  const ticks: number[] = []
  for (let decade = 1; decade <= last; decade *= 10) {
    for (const digit of [1, 2, 5]) if (decade * digit <= last) ticks.push(decade * digit)
  }
  return ticks.length <= 12 ? ticks : ticks.filter((limit) => /^10*$/.test(String(limit)))
}

/** The next number that reads well: 1, 2, 2.5, 4, 5 or 8 times a power of ten. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  const digit = [1, 2, 4, 8, 10].find((each) => each * power >= value) ?? 10
  // Counts have quarters that are counts.
  return value >= 1 ? Math.max(4, digit * power) : digit * power
}

const round = (value: number): number => Math.round(value * 10) / 10
