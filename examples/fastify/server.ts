import type { PolicyInput } from '@rempart/guard'
import { fastifyGuard } from '@rempart/guard/fastify'
import fastify from 'fastify'

const general: PolicyInput = {
  id: 'general',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 60, window: '60s' }],
}
/** The fourth message within a minute starts a cooldown, which knocking neither prolongs nor shortens. */
const contact: PolicyInput = {
  id: 'contact.submit',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 3, window: '60s', cooldown: '5m' }],
}

const app = fastify()
await app.register(fastifyGuard, {
  policies: [general],
  fallback: 'general',
  securityHeaders: true,
  cors: { origins: ['https://app.example'] },
})
app.get('/', () => 'hello\n')
app.post('/contact', { config: { guard: contact } }, (_request, reply) => reply.code(201).send({ status: 'received' }))
await app.listen({ port: Number(process.argv[2] ?? 3000), host: '127.0.0.1' })
process.stdout.write(`${app.listeningOrigin}\n`)
