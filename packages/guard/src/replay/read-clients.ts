import { type AgentTable, classesOf } from './agents.ts'
import {
  AGENT_BITS,
  AGENT_SHIFT,
  AGENTS,
  ASSETS,
  CLIENT_ERRORS,
  CLIENT_WORDS,
  type ClientTable,
  EPOCH_SECOND,
  FIRST,
  HOURS,
  INTERVAL_SQUARES,
  INTERVALS,
  LAST,
  LAST_AGENT,
  NIGHT_REQUESTS,
  PATHS,
  REFERRERS,
  REQUESTS,
} from './clients.ts'
import type { ClientFacts, LogFacts } from './human.ts'
import { readHuman } from './human.ts'
import type { ClientReading } from './result.ts'
import { CLIENT_CHALLENGED, CLIENT_REFUSED, CLIENT_RULE, CLIENT_STRIDE, type Trial } from './trial.ts'
import { wordAt } from './words.ts'

/** What a client's reading is made from. */
export interface ClientSources {
  readonly table: ClientTable
  readonly agents: AgentTable
  readonly log: LogFacts
  readonly nameOf: (client: number) => string
}

/** What the log tells of a client. */
export function factsOf(table: ClientTable, client: number): ClientFacts {
  const at = client * CLIENT_WORDS
  const word = (place: number): number => wordAt(table.words, at + place)
  const intervals = word(INTERVALS)
  // Pauses within a second are none, so the others add up to the whole time.
  const mean = intervals === 0 ? 0 : (word(LAST) - word(FIRST)) / intervals
  const squares = table.floats[at + INTERVAL_SQUARES] ?? 0
  const variance = intervals === 0 ? 0 : Math.max(0, squares / intervals - mean * mean)
  return {
    requests: word(REQUESTS),
    clientErrors: word(CLIENT_ERRORS),
    assets: word(ASSETS),
    referrers: word(REFERRERS),
    nightRequests: word(NIGHT_REQUESTS),
    hours: countBits(word(HOURS)),
    paths: distinctOf(countBits(word(PATHS)) + countBits(word(PATHS + 1)), 64),
    agentClasses: classesOf(word(AGENTS)),
    agents: distinctOf(countBits(word(AGENTS) >>> AGENT_SHIFT), AGENT_BITS),
    intervals,
    meanInterval: mean,
    variation: mean === 0 ? 0 : Math.sqrt(variance) / mean,
  }
}

/** A client for the results of one trial. */
export function readClient(sources: ClientSources, trial: Trial, client: number): ClientReading {
  const { table, agents, log, nameOf } = sources
  const at = client * CLIENT_WORDS
  const place = client * CLIENT_STRIDE
  const rule = trial.rules[wordAt(trial.clients, place + CLIENT_RULE) - 1]
  return {
    client: nameOf(client),
    requests: wordAt(table.words, at + REQUESTS),
    refused: wordAt(trial.clients, place + CLIENT_REFUSED),
    challenged: wordAt(trial.clients, place + CLIENT_CHALLENGED),
    rule: rule === undefined ? '' : `${rule.policyId}/${rule.rule.id}`,
    from: instant((wordAt(table.words, at + FIRST) + EPOCH_SECOND) * 1_000),
    to: instant((wordAt(table.words, at + LAST) + EPOCH_SECOND) * 1_000),
    userAgent: agents.agent(wordAt(table.words, at + LAST_AGENT)).text,
    human: readHuman(factsOf(table, client), log),
  }
}

/** RFC 3339, to the second. */
export function instant(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}

function countBits(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555)
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333)
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

/** How many different things set so many of the bits. */
function distinctOf(set: number, bits: number): number {
  return set >= bits ? bits * 4 : Math.round(bits * Math.log(bits / (bits - set)))
}
