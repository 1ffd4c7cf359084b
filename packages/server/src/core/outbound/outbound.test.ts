import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { Registry } from '@prometheus-io/client'
import { afterEach, describe, expect, it } from 'vitest'
import { createOutbounds, OutboundRefusal } from './outbound.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** A server that answers each request as the next of these says; the last goes on. `hang` never answers. */
async function flapping(...answers: readonly (number | 'hang' | 'reset')[]) {
  const seen: number[] = []
  const listener: RequestListener = (request, response) => {
    const answer = answers[Math.min(seen.length, answers.length - 1)] ?? 200
    seen.push(performance.now())
    if (answer === 'reset') request.socket.destroy()
    else if (answer !== 'hang') response.writeHead(answer).end()
  }
  const server = createServer(listener).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const call = async (signal: AbortSignal): Promise<number> => {
    const { status } = await fetch(`http://127.0.0.1:${port}/`, { signal })
    if (status >= 500) throw new Error(`status ${status}`)
    if (status >= 400) throw new OutboundRefusal(`status ${status}`)
    return status
  }
  return { seen, call }
}

const quick = { service: 'test', timeoutMs: 300, firstWaitMs: 40, longestWaitMs: 100 }

describe('an outbound call', () => {
  it('is made three times at most, each time after twice the wait, and answers what the last try did', async () => {
    const registry = new Registry()
    const { seen, call } = await flapping(503, 'reset', 200)
    expect(await createOutbounds(registry)(quick).call(call)).toBe(200)
    const [first = 0, second = 0, third = 0] = seen
    expect(second - first).toBeGreaterThanOrEqual(38)
    expect(third - second).toBeGreaterThanOrEqual(78)
    expect(await registry.metrics()).toContain('rempart_outbound_calls_total{service="test",outcome="failed"} 2')
    const always = await flapping(500)
    await expect(createOutbounds()(quick).call(always.call)).rejects.toThrow('status 500')
    expect(always.seen).toHaveLength(3)
  })

  it('waits 2 to 3 seconds and then 4 to 6 when nothing else is said', async () => {
    const { seen, call } = await flapping(503, 200)
    expect(await createOutbounds()({ service: 'test', timeoutMs: 1_000 }).call(call)).toBe(200)
    const [first = 0, second = 0] = seen
    expect(second - first).toBeGreaterThanOrEqual(1_990)
    expect(second - first).toBeLessThan(3_500)
  })

  it('is not repeated when the service has refused it, which counts as no failure', async () => {
    const { seen, call } = await flapping(403)
    const outbound = createOutbounds()({ ...quick, failuresToOpen: 2 })
    for (let turn = 0; turn < 4; turn += 1) await expect(outbound.call(call)).rejects.toThrow('status 403')
    expect(seen).toHaveLength(4)
  })

  it('ends in time when the service takes it and never answers', async () => {
    const { seen, call } = await flapping('hang')
    const startedMs = performance.now()
    const outbound = createOutbounds()({ ...quick, tries: 1, timeoutMs: 100 })
    await expect(outbound.call(call)).rejects.toMatchObject({ reason: 'timeout' })
    expect(performance.now() - startedMs).toBeLessThan(1_000)
    expect(seen).toHaveLength(1)
    const retried = createOutbounds()({ ...quick, timeoutMs: 60 })
    await expect(retried.call(call)).rejects.toMatchObject({ reason: 'timeout' })
    expect(seen).toHaveLength(4)
  })

  it('leaves a service alone that failed too often, shows it, and comes back to it with one call', async () => {
    const registry = new Registry()
    const { seen, call } = await flapping(500, 500, 500, 200)
    const outbound = createOutbounds(registry)({ ...quick, tries: 1, failuresToOpen: 3, openMs: 150 })
    for (let turn = 0; turn < 3; turn += 1) await expect(outbound.call(call)).rejects.toThrow('status 500')
    expect(await registry.metrics()).toContain('rempart_outbound_circuit_open{service="test"} 1')
    await expect(outbound.call(call)).rejects.toMatchObject({ reason: 'circuit-open' })
    expect(seen).toHaveLength(3)
    await expect.poll(() => outbound.call(call).catch(() => 0), { timeout: 2_000, interval: 20 }).toBe(200)
    expect(await registry.metrics()).toContain('rempart_outbound_circuit_open{service="test"} 0')
  })
})
