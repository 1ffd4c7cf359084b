import { readFileSync, watchFile } from 'node:fs'
import { serve } from '@hono/node-server'
import { loadPolicies, PolicyError } from '@rempart/guard'
import { honoGuard } from '@rempart/guard/hono'
import { Hono } from 'hono'

const file = new URL('rempart.policy.json', import.meta.url)
const load = () => loadPolicies(JSON.parse(readFileSync(file, 'utf8')), [])

const protect = honoGuard({ policies: load() })
// A file that has a fault changes nothing: the policies in force stay.
watchFile(file, { interval: 500 }, () => {
  try {
    protect.protection.replacePolicies(load())
  } catch (error) {
    process.stderr.write(`${error instanceof PolicyError ? error.message : String(error)}\n`)
  }
})

const app = new Hono()
app.use(protect)
app.get('/', (context) => context.text('hello\n'))
app.get('/search', (context) => context.text(`nothing about ${context.req.query('q') ?? 'anything'}\n`))
serve({ fetch: app.fetch, port: Number(process.argv[2] ?? 3000), hostname: '127.0.0.1' }, ({ port }) => {
  process.stdout.write(`http://127.0.0.1:${port}\n`)
})
