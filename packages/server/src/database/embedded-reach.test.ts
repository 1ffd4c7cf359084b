import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { canReach, closedParent, grants, makePassable, READ, SEARCH } from './embedded-reach.ts'

const ada = { uid: 1000, gid: 100, name: 'ada' }
const stranger = { uid: 54_321, gid: 54_321, name: 'stranger' }

function openDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'rempart-reach-'))
  chmodSync(directory, 0o755)
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return directory
}

describe('grants', () => {
  it.each([
    ['the owner by the first digit alone', { mode: 0o100077, uid: 1000, gid: 100 }, false],
    ['the group by the second digit alone', { mode: 0o100707, uid: 1, gid: 100 }, false],
    ['others by the third', { mode: 0o100770, uid: 1, gid: 1 }, false],
    ['an owner with the bits', { mode: 0o100500, uid: 1000, gid: 1 }, true],
    ['a group with the bits', { mode: 0o100050, uid: 1, gid: 100 }, true],
    ['others with the bits', { mode: 0o100005, uid: 1, gid: 1 }, true],
    ['nobody with half of the bits', { mode: 0o100004, uid: 1, gid: 1 }, false],
  ])('judges %s', (_, file, expected) => {
    expect(grants(file, ada, READ | SEARCH)).toBe(expected)
  })
})

describe('closedParent', () => {
  it('names the highest directory that may not be passed, and looks no further', async () => {
    const directory = openDirectory()
    mkdirSync(join(directory, 'closed', 'within'), { recursive: true })
    expect(await closedParent(join(directory, 'closed', 'within'), stranger)).toBeUndefined()
    chmodSync(join(directory, 'closed'), 0o700)
    expect(await closedParent(join(directory, 'closed', 'within'), stranger)).toBe(join(directory, 'closed'))
  })

  it('does not ask for the right to pass the path itself', async () => {
    const directory = openDirectory()
    mkdirSync(join(directory, 'closed'), { mode: 0o700 })
    expect(await closedParent(join(directory, 'closed'), stranger)).toBeUndefined()
    expect(await canReach(join(directory, 'closed'), stranger, SEARCH)).toBe(false)
  })
})

describe('makePassable', () => {
  it('opens what the umask closes, and says whether it changed what was there', async () => {
    const directory = join(openDirectory(), 'made')
    const umask = process.umask(0o077)
    onTestFinished(() => void process.umask(umask))
    expect(await makePassable(directory)).toBe(false)
    expect(statSync(directory).mode & 0o777).toBe(0o701)
    chmodSync(directory, 0o700)
    expect(await makePassable(directory)).toBe(true)
    expect(await makePassable(directory)).toBe(false)
  })
})
