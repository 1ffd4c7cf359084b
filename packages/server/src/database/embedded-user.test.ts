import { userInfo } from 'node:os'
import { describe, expect, it } from 'vitest'
import { currentUser, fromPasswd, userWithId } from './embedded-user.ts'

const LINUX = `root:x:0:0:root:/root:/bin/bash
ada:x:1000:1001:Ada,,,:/home/ada:/bin/sh
nobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin
`
const MACOS = `##
# nobody:*:1:1:a comment:/:/
nobody:*:-2:-2:Unprivileged User:/var/empty:/usr/bin/false
`

describe('fromPasswd', () => {
  it('finds a user by name and by uid', () => {
    expect(fromPasswd(LINUX, 'nobody')).toEqual({ uid: 65_534, gid: 65_533, name: 'nobody' })
    expect(fromPasswd(LINUX, '1000')).toEqual({ uid: 1000, gid: 1001, name: 'ada' })
    expect(fromPasswd(LINUX, '0')?.name).toBe('root')
  })

  it('reads the negative ids of macOS as the system counts them, and no comments', () => {
    expect(fromPasswd(MACOS, 'nobody')).toEqual({ uid: 4_294_967_294, gid: 4_294_967_294, name: 'nobody' })
    expect(fromPasswd(MACOS, '1')).toBeUndefined()
  })

  it('finds nothing in broken lines, and nobody under the uid 0 that an empty field would give', () => {
    expect(fromPasswd('eve:x:::\neve2\n+::::::\n', 'eve')).toBeUndefined()
    expect(fromPasswd('eve:x:::\n', '0')).toBeUndefined()
  })
})

it('the current user is found again by its uid', () => {
  const self = currentUser()
  expect(self.name).toBe(userInfo().username)
  expect(userWithId(self.uid)).toMatchObject({ uid: self.uid, name: self.name })
  expect(userWithId(54_321)).toBeUndefined()
})
