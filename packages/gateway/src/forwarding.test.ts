import { afterEach, describe, expect, it } from 'vitest'
import { askRaw } from '../../guard/src/testing/raw-http.ts'
import type { GatewayOptions } from './config.ts'
import { policiesOf, startGateway, startUpstream, type TestGateway, type TestUpstream } from './testing/harness.ts'

const opened: (TestGateway | TestUpstream)[] = []
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})

async function open(clientAddress: NonNullable<GatewayOptions['clientAddress']>) {
  const upstream = await startUpstream((_request, response) => void response.end('ok'))
  const policies = policiesOf({
    all: { match: { path: '/*' }, rules: { burst: { kind: 'rate-limit', by: 'ip', limit: 2, window: '60s' } } },
  })
  const gateway = await startGateway(upstream.url, { policies, clientAddress })
  opened.push(upstream, gateway)
  const ask = (headers: Readonly<Record<string, string | readonly string[]>>) =>
    askRaw(gateway.port, 'GET', '/', headers)
  /** What the upstream is told in one of the fields: all lines of it. */
  const told = (name: string): readonly string[] =>
    [...lastHead(upstream.received.at(-1) ?? '').matchAll(new RegExp(`^${name}: (.*)\\r$`, 'gim'))].map(
      ([, value = '']) => value,
    )
  return { ask, told }
}

describe('a peer that speaks for itself', () => {
  it('is the client, whatever it writes, and nothing of it goes on', async () => {
    const { ask, told } = await open({})
    const lies = {
      'x-forwarded-for': '198.51.100.7',
      'X-Forwarded-Proto': 'https',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-port': '443',
      forwarded: 'for=198.51.100.7;proto=https;host=evil.example',
      'x-real-ip': '198.51.100.7',
      'true-client-ip': '198.51.100.7',
      'cf-connecting-ip': '198.51.100.7',
      'x-original-url': '/admin',
    }
    await ask(lies)
    expect([told('x-forwarded-for'), told('x-forwarded-proto'), told('x-forwarded-host')]).toEqual([
      ['127.0.0.1'],
      ['http'],
      ['localhost'],
    ])
    expect(told('forwarded')).toEqual(['for=127.0.0.1;host="localhost";proto=http'])
    expect(
      [told('x-real-ip'), told('true-client-ip'), told('x-original-url'), told('x-forwarded-port')].flat(),
    ).toEqual([])
    await ask({ ...lies, 'x-forwarded-for': '198.51.100.8' })
    expect((await ask({ ...lies, 'x-forwarded-for': '198.51.100.9' })).status).toBe(429)
  })
})

describe('a trusted proxy', () => {
  it('speaks for its clients: each is counted, and told as one hop', async () => {
    const { ask, told } = await open({ trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'] })
    const from = (client: string) => ({
      'x-forwarded-for': ['1.1.1.1', `${client}, 10.0.0.1`],
      'x-forwarded-proto': 'http, https',
      'x-forwarded-host': 'www.example.org',
      'x-forwarded-port': '443',
      'x-real-ip': '9.9.9.9',
    })
    expect([(await ask(from('198.51.100.7'))).status, (await ask(from('198.51.100.7'))).status]).toEqual([200, 200])
    expect((await ask(from('198.51.100.7'))).status).toBe(429)
    expect((await ask(from('2001:db8::7'))).status).toBe(200)
    expect([told('x-forwarded-for'), told('x-forwarded-proto'), told('x-forwarded-host')]).toEqual([
      ['2001:db8::7'],
      ['https'],
      ['www.example.org'],
    ])
    expect(told('forwarded')).toEqual(['for="[2001:db8::7]";host="www.example.org";proto=https'])
    expect([told('x-forwarded-port'), told('x-real-ip')]).toEqual([['443'], ['9.9.9.9']])
  })

  it('is believed in the one header that is named', async () => {
    const { ask, told } = await open({ trustedProxies: ['127.0.0.1'], header: 'forwarded' })
    await ask({ forwarded: 'for=198.51.100.7;proto=https', 'x-forwarded-for': '9.9.9.9', 'x-forwarded-proto': 'ftp' })
    expect([told('x-forwarded-for'), told('x-forwarded-proto')]).toEqual([['198.51.100.7'], ['https']])
  })

  it('can put nothing into a field that it does not hold', async () => {
    const { ask, told } = await open({ trustedProxies: ['127.0.0.1'] })
    await ask({
      'x-forwarded-for': 'x";host="evil',
      'x-forwarded-host': 'a";proto=evil',
      'x-forwarded-proto': 'gopher',
    })
    expect(told('forwarded')).toEqual(['for=127.0.0.1;host="localhost";proto=http'])
  })
})

const lastHead = (text: string): string => text.slice(text.lastIndexOf('GET '))
