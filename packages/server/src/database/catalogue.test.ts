import { afterAll, beforeAll, expect, it } from 'vitest'
import { catalogueFaults } from '../isolation/catalogue.ts'
import { createTestDatabase, type TestDatabase } from '../testing/database.ts'
import { checkDatabase } from './self-check.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

it('has no table, key, index, grant, function, view or role that isolation could leak through', async () => {
  expect(await catalogueFaults(database.worker)).toEqual([])
})

it('passes the check of the server’s start, as either serving role', async () => {
  await expect(checkDatabase(database.app)).resolves.toBeUndefined()
  await expect(checkDatabase(database.worker)).resolves.toBeUndefined()
})
