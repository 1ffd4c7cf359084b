import { describe, expect, it } from 'vitest'
import { installation } from './testing/installation.ts'

const { run } = installation()

describe.concurrent('what goes wrong', () => {
  it.each([
    ['no command', []],
    ['an unknown command', ['tenant', 'crate']],
    ['a missing option', ['api-key', 'create', '--name', 'x']],
    ['an unknown scope', ['api-key', 'create', '--name', 'x', '--scopes', 'everything']],
    ['what is no id', ['leads', 'show', "1' or '1'='1"]],
  ])(
    'ends with 2 for %s, and shows the usage',
    async (_what, args) => {
      const reply = await run(args)
      expect([reply.code, reply.stdout, reply.stderr]).toEqual([2, '', expect.stringContaining('Usage: rempart')])
    },
    20_000,
  )

  it.each([
    ['an unknown tenant', ['leads', 'list', '-t', 'nobody'], {}, 'There is no tenant "nobody"'],
    ['a slug that is taken', ['tenant', 'create', 'demo'], {}, 'taken'],
    ['a file that is not there', ['forms', 'import', 'nowhere.yaml'], {}, 'nowhere.yaml cannot be read'],
    ['a target that cannot be', ['leads', 'export', '-o', '/proc/x'], {}, '/proc/x cannot be written'],
    ['an unknown setting', ['tenant', 'list'], { REMPART_COLOUR: 'blue' }, 'REMPART_COLOUR is not a setting'],
    ['a second server', ['start'], {}, 'Another Rempart process is using the data directory'],
    [
      'a database that is away',
      ['tenant', 'list'],
      {
        REMPART_DATABASE_URL: 'postgres://x@127.0.0.1:1/x',
        REMPART_SECRET_KEY: 'v9!Kq2#mZr8$Lw5%Tn1^Xb4&Hc7*Jd0(Pf3)Gs6',
      },
      'The database cannot be reached',
    ],
  ])(
    'ends with 1 for %s, and says so without a stack',
    async (_what, args, env, said) => {
      const reply = await run(args, { env })
      expect([reply.code, reply.stderr]).toEqual([1, expect.stringContaining(said)])
      expect(reply.stderr).not.toMatch(/^ +at /m)
    },
    20_000,
  )

  it('is said in French where the locale is', async () => {
    const fr = (...args: string[]) => run(args, { env: { LC_ALL: 'fr_FR.UTF-8' } })
    const [failure, usage, help] = await Promise.all([
      fr('leads', 'list', '-t', 'personne'),
      fr('leads', 'list', '--tout'),
      fr('--help'),
    ])
    expect(failure.stderr).toContain('Il n’y a pas d’organisation « personne »')
    expect([usage.code, usage.stderr]).toEqual([2, expect.stringContaining('erreur : option inconnue « --tout »')])
    expect([help.code, help.stdout]).toEqual([0, expect.stringContaining('Commandes :')])
  }, 20_000)
})
