import { type HttpBindings, serve } from '@hono/node-server'
import type { PolicyInput } from '@rempart/guard'
import { fetchGuard } from '@rempart/guard/fetch'

const general: PolicyInput = {
  id: 'general',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 3, window: '60s' }],
}

const protect = fetchGuard({
  policies: [general],
  fallback: 'general',
  onRefuse: ({ rateLimitHeaders }) =>
    new Response(`Come back in ${rateLimitHeaders['retry-after']} seconds.\n`, { status: 429 }),
})
const handler = protect((request) => new Response(`hello from ${new URL(request.url).pathname}\n`))

// @hono/node-server tells of the connection in its second argument, Deno likewise: Deno.serve(handler).
serve(
  {
    fetch: (request, info) => handler(request, info as HttpBindings),
    port: Number(process.argv[2] ?? 3000),
    hostname: '127.0.0.1',
  },
  ({ port }) => void process.stdout.write(`http://127.0.0.1:${port}\n`),
)
