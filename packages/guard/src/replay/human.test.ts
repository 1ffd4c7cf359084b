import { describe, expect, it } from 'vitest'
import { type ClientFacts, type LogFacts, readHuman } from './human.ts'

const site: LogFacts = { hasAgents: true, assetShare: 0.6, referrerShare: 0.7 }
const api: LogFacts = { hasAgents: true, assetShare: 0, referrerShare: 0 }
const visitor: ClientFacts = {
  requests: 60,
  clientErrors: 1,
  assets: 45,
  referrers: 50,
  nightRequests: 0,
  hours: 2,
  paths: 40,
  agentClasses: ['browser'],
  agents: 1,
  intervals: 12,
  meanInterval: 40,
  variation: 1.4,
}
const codes = (client: ClientFacts, log = site) => readHuman(client, log).reasons.map(({ code }) => code)

describe('a client', () => {
  it('that reads pages with what they show looks human', () => {
    expect(readHuman(visitor, site)).toEqual({
      score: 100,
      verdict: 'human',
      reasons: [
        { code: 'agent-browser', points: 10 },
        { code: 'assets-loaded', points: 15, value: 0.75 },
        { code: 'referrers-many', points: 15, value: 50 / 60 },
        { code: 'irregular', points: 10 },
      ],
    })
  })

  it('that polls like clockwork with a program’s User-Agent looks automated, whatever else it feigns', () => {
    const machine: ClientFacts = {
      ...visitor,
      assets: 0,
      agentClasses: ['browser', 'tool'],
      intervals: 500,
      variation: 0.1,
      hours: 24,
    }
    expect(readHuman(machine, site)).toMatchObject({ score: 0, verdict: 'automated' })
    expect(codes(machine)).toEqual(['agent-tool', 'assets-none', 'referrers-many', 'clockwork', 'round-the-clock'])
  })

  it.each<[string, Partial<ClientFacts>, string]>([
    ['a crawler', { agentClasses: ['crawler'] }, 'agent-crawler'],
    ['no User-Agent', { agentClasses: ['empty'] }, 'agent-empty'],
    ['an unknown User-Agent', { agentClasses: ['unknown'] }, 'agent-unknown'],
    ['an old browser', { agentClasses: ['outdated'] }, 'agent-outdated'],
    ['many User-Agents', { agents: 20 }, 'agents-many'],
    ['errors', { clientErrors: 30 }, 'errors-many'],
    ['nights', { nightRequests: 58 }, 'night-only'],
    ['many paths and no images', { assets: 2, paths: 200 }, 'paths-many'],
    ['no page behind', { referrers: 0 }, 'referrers-none'],
  ])('with %s is told so', (_what, facts, code) => {
    expect(codes({ ...visitor, ...facts })).toContain(code)
  })

  it('of an API is not blamed for what nobody does there', () => {
    expect(codes({ ...visitor, assets: 0, referrers: 0 }, api)).toEqual(['agent-browser', 'irregular'])
    expect(codes({ ...visitor, agentClasses: ['empty'] }, { ...api, hasAgents: false })).toEqual(['irregular'])
  })

  it('of whom little is known is unclear', () => {
    const stranger = { ...visitor, requests: 3, assets: 0, referrers: 0, intervals: 2, agentClasses: [] }
    expect(readHuman(stranger, site)).toEqual({ score: 50, verdict: 'unclear', reasons: [] })
  })
})
