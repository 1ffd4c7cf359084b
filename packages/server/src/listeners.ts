import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Config } from './config.ts'
import type { Metrics } from './core/metrics/metrics.ts'

/** The listener of `/metrics`, when the configuration asks for one. */
export async function listenForMetrics(
  config: Config,
  metrics: Pick<Metrics, 'contentType' | 'render'>,
): Promise<Server | undefined> {
  if (config.metricsPort === undefined) return undefined
  return await listenOn(config.metricsPort, config.host, (request, response) => {
    if (request.url !== '/metrics' || request.method !== 'GET') return void response.writeHead(404).end()
    metrics.render().then(
      (text) => response.writeHead(200, { 'content-type': metrics.contentType }).end(text),
      () => response.writeHead(500).end(),
    )
  })
}

/** A plain HTTP server that listens. @throws the system's error when it cannot. */
export async function listenOn(port: number, host: string, answer: RequestListener): Promise<Server> {
  const server = createServer(answer)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve)
  })
  return server
}

/** Stops listening and cuts what is open. */
export async function closeListener(server: Server | undefined): Promise<void> {
  if (server === undefined) return
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

/** The URL of a listener on a host and an address. */
export function urlOf(host: string, address: string | AddressInfo | null): string {
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
