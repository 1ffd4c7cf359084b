import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseClientAddress, type Reputation } from '@rempart/guard'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openReputationLists, ReputationListError, type ReputationLists } from './lists.ts'
import type { ReputationFile } from './settings.ts'

let directory: string
let lists: ReputationLists | undefined
const observer = { loaded: vi.fn(), failed: vi.fn() }
const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() }

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rempart-lists-'))
})
afterEach(async () => {
  lists?.close()
  lists = undefined
  await rm(directory, { recursive: true })
  vi.clearAllMocks()
})

const file = (name: string, score = 80): ReputationFile => ({ path: join(directory, name), score })

async function open(...files: ReputationFile[]): Promise<ReputationLists> {
  lists = await openReputationLists({ files, log, observer, quietMs: 20 })
  return lists
}

function look(text: string): Reputation | undefined {
  const address = parseClientAddress(text)
  return address === undefined ? undefined : lists?.lookup(address)
}

/** As an administrator should: the new list is whole before it has the name. */
async function replace(name: string, text: string): Promise<void> {
  await writeFile(join(directory, `${name}.new`), text)
  await rename(join(directory, `${name}.new`), join(directory, name))
}

describe('openReputationLists', () => {
  it('reads every list, and names each by its file', async () => {
    await writeFile(join(directory, 'firehol.netset'), '# a netset\n203.0.113.0/24\n')
    await writeFile(join(directory, 'own.txt'), '198.51.100.1 30\n')
    await open(file('firehol.netset', 60), file('own.txt'))
    expect(look('203.0.113.9')).toEqual({ score: 60, source: 'firehol' })
    expect(look('198.51.100.1')).toEqual({ score: 30, source: 'own' })
    expect(look('198.51.100.2')).toBeUndefined()
  })

  it.each<[string, string | undefined]>([
    ['missing', undefined],
    ['empty', ''],
    ['a page of a server that is down', '<html>\n<h1>503</h1>\n</html>\n'],
    ['made of other things', `203.0.113.1\n${'nothing\n'.repeat(9)}`],
  ])('does not start with a list that is %s, and names it', async (_case, text) => {
    if (text !== undefined) await writeFile(join(directory, 'bad.txt'), text)
    await expect(open(file('bad.txt'))).rejects.toThrow(ReputationListError)
    await expect(open(file('bad.txt'))).rejects.toThrow(/bad\.txt/)
  })

  it('starts with a list of which few lines cannot be read', async () => {
    await writeFile(join(directory, 'good.txt'), `${'203.0.113.1\n'.repeat(20)}nonsense\n`)
    await open(file('good.txt'))
    expect(look('203.0.113.1')).toBeDefined()
    expect(observer.loaded.mock.calls[0]?.[0]).toMatchObject([{ entries: 20, faultCount: 1 }])
  })

  it.each<[string, (name: string, text: string) => Promise<void>]>([
    ['replaced by renaming', replace],
    ['written in place', (name, text) => writeFile(join(directory, name), text)],
  ])('takes the new content of a list %s, without a restart', async (_case, change) => {
    await writeFile(join(directory, 'own.txt'), '203.0.113.1\n')
    await open(file('own.txt'))
    await change('own.txt', '198.51.100.1\n')
    await vi.waitFor(() => expect(look('198.51.100.1')).toBeDefined(), 5_000)
    expect(look('203.0.113.1')).toBeUndefined()
    // And once more: the second watch is of another file.
    await change('own.txt', '192.0.2.1\n')
    await vi.waitFor(() => expect(look('192.0.2.1')).toBeDefined(), 5_000)
  })

  it('follows a link whose target is exchanged, as in a container’s configuration', async () => {
    for (const version of ['one', 'two']) await mkdir(join(directory, version))
    await writeFile(join(directory, 'one/own.txt'), '203.0.113.1\n')
    await writeFile(join(directory, 'two/own.txt'), '198.51.100.1\n')
    await symlink('one', join(directory, 'current'))
    await symlink('current/own.txt', join(directory, 'own.txt'))
    await open(file('own.txt'))
    await symlink('two', join(directory, 'next'))
    await rename(join(directory, 'next'), join(directory, 'current'))
    await vi.waitFor(() => expect(look('198.51.100.1')).toBeDefined(), 5_000)
  })

  it.each<[string, () => Promise<void>]>([
    ['removed', () => rm(join(directory, 'own.txt'))],
    ['emptied', () => replace('own.txt', '')],
    ['replaced by a page', () => replace('own.txt', '<html>\n'.repeat(50))],
  ])('keeps the old table when a list is %s, and says so', async (_case, spoil) => {
    await writeFile(join(directory, 'own.txt'), '203.0.113.1\n')
    await writeFile(join(directory, 'other.txt'), '198.51.100.1\n')
    await open(file('own.txt'), file('other.txt'))
    await spoil()
    await vi.waitFor(() => expect(observer.failed).toHaveBeenCalled(), 5_000)
    expect(look('203.0.113.1')).toBeDefined()
    expect(look('198.51.100.1')).toBeDefined()
    expect(log.error).toHaveBeenCalled()
    await replace('own.txt', '192.0.2.1\n')
    await vi.waitFor(() => expect(look('192.0.2.1')).toBeDefined(), 5_000)
  })

  it('reads once for a burst of changes, and not at all for those of other files', async () => {
    await writeFile(join(directory, 'own.txt'), '203.0.113.1\n')
    await open(file('own.txt'))
    for (let count = 0; count < 20; count += 1) await writeFile(join(directory, `noise-${count}`), 'x')
    await replace('own.txt', '198.51.100.1\n')
    await vi.waitFor(() => expect(look('198.51.100.1')).toBeDefined(), 5_000)
    expect(observer.loaded).toHaveBeenCalledTimes(2)
  })
})
