import fastify from 'fastify'

/** The contender of bench/protected-get.ts: bare Fastify, one GET that answers a constant through its schema. */
const app = fastify()
app.get(
  '/hello',
  { schema: { response: { 200: { type: 'object', properties: { hello: { type: 'string' } } } } } },
  (_request, reply) => void reply.send({ hello: 'world' }),
)
await app.listen({ port: Number(process.env['BENCH_PORT']), host: '127.0.0.1' })
process.once('SIGTERM', () => process.exit(0))
