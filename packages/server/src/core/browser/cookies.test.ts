import { describe, expect, it } from 'vitest'
import { hostCookie, readCookie } from './cookies.ts'

describe('readCookie', () => {
  it('finds a cookie among others, by its whole name', () => {
    expect(readCookie('a=1; __Host-rmp_at=x.y.z; b=2', '__Host-rmp_at')).toBe('x.y.z')
    expect(readCookie('x__Host-rmp_at=evil', '__Host-rmp_at')).toBeUndefined()
    expect(readCookie('__Host-rmp_at2=evil', '__Host-rmp_at')).toBeUndefined()
    expect(readCookie('__host-rmp_at=evil', '__Host-rmp_at')).toBeUndefined()
  })

  it('believes neither of two of one name', () => {
    expect(readCookie('__Host-rmp_at=mine; __Host-rmp_at=planted', '__Host-rmp_at')).toBeUndefined()
  })

  it('reads what is malformed as nothing', () => {
    for (const header of ['', ';', '=', '__Host-rmp_at', ';;=;__Host-rmp_at']) {
      expect(readCookie(header, '__Host-rmp_at')).toBeUndefined()
    }
    expect(readCookie('__Host-rmp_at=', '__Host-rmp_at')).toBe('')
  })
})

describe('hostCookie', () => {
  it('has what the prefix asks for: Secure, the root path and no domain', () => {
    expect(hostCookie('__Host-rmp_at', 'v', 'Lax', 900)).toBe(
      '__Host-rmp_at=v; Path=/; Max-Age=900; Secure; HttpOnly; SameSite=Lax',
    )
  })
})
