import { migrate, openDatabase, readConfig, roleScript } from '@rempart/server'
import type { Command } from 'commander'
import { Failure } from '../failure.ts'
import { note } from '../terminal.ts'
import { words } from '../words.ts'

/** `rempart migrate`: brings the database to this release. */
export function addMigrateCommand(program: Command): void {
  program
    .command('migrate')
    .description(words.commands.migrate)
    .action(async () => {
      const applied = await migrateConfigured()
      for (const name of applied) console.log(words.migrated(name))
      if (applied.length === 0) console.log(words.upToDate)
    })
}

/** `rempart database`: what an external PostgreSQL needs first. */
export function addDatabaseCommand(program: Command): void {
  program
    .command('database')
    .description(words.commands.database)
    .command('init')
    .description(words.commands.databaseInit)
    .option('--database <name>', words.options.database, 'rempart')
    .action((options: { readonly database: string }) => {
      console.log(roleScript({ database: options.database }))
      note(words.rolesNext)
    })
}

/** @returns the names of what was applied. */
async function migrateConfigured(): Promise<readonly string[]> {
  const config = await readConfig()
  if (config.databaseOwnerUrl !== undefined) return migrate({ connectionString: config.databaseOwnerUrl })
  if (!config.embedded) throw new Failure(words.ownerUrlMissing)
  const applied: string[] = []
  const database = await openDatabase(config, {
    share: true,
    log: ({ migration }) => {
      if (typeof migration === 'string') applied.push(migration)
    },
  })
  await database.close()
  return applied
}
