import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A website of somebody else: pages of HTML, on an origin of its own. */
export interface StaticSite {
  readonly origin: string
  /** What each path answers; may be changed at any time. */
  readonly pages: Map<string, string>
  close(): Promise<void>
}

/** Serves on a free port of 127.0.0.1. */
export async function startStaticSite(): Promise<StaticSite> {
  const pages = new Map<string, string>()
  const server = createServer((request, response) => {
    const page = pages.get(request.url ?? '')
    response.writeHead(page === undefined ? 404 : 200, { 'content-type': 'text/html; charset=utf-8' }).end(page)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // It listens on a port, not on a path.
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    pages,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
