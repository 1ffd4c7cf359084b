import { randomUUIDv7 } from 'node:crypto'
import fastify from 'fastify'
import pg from 'pg'

/** The contender of bench/intake.ts: a plain Fastify handler that does one INSERT per request, and protects nothing. */
const pool = new pg.Pool({
  host: process.env['BENCH_DB_HOST'],
  port: Number(process.env['BENCH_DB_PORT']),
  user: 'rempart_app',
  database: 'rempart',
  max: 10,
})

const app = fastify()
app.get('/health', async () => ({ status: 'ok' }))
app.post<{ Body: { email: string; data: object } }>('/submit', async (request, reply) => {
  const id = randomUUIDv7()
  await pool.query({
    name: 'insert',
    text: 'insert into bench_lead (id, email, data) values ($1, $2, $3)',
    values: [id, request.body.email, JSON.stringify(request.body.data)],
  })
  return reply.code(201).send({ id, status: 'received' })
})
await app.listen({ port: Number(process.env['BENCH_PORT']), host: '127.0.0.1' })
process.once('SIGTERM', () => process.exit(0))
