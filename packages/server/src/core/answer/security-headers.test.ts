import { describe, expect, it } from 'vitest'
import { createSecurityHeaders, isFrameOrigin } from './security-headers.ts'

const secure = createSecurityHeaders({ publicUrl: 'https://api.example.org' })
const local = createSecurityHeaders({ publicUrl: 'http://localhost:3000' })
const form = secure.form({ frameAncestors: ['https://www.acme.example', 'https://*.acme.example:8443'] })
const blocks = {
  api: secure.api,
  docs: secure.docs,
  console: secure.console,
  form,
  closedForm: secure.form({ frameAncestors: [] }),
}

function directive(block: Readonly<Record<string, string>>, name: string): string | undefined {
  const directives = (block['content-security-policy'] ?? '').split('; ')
  return directives.find((each) => each.startsWith(`${name} `))?.slice(name.length + 1)
}

describe.each(Object.entries(blocks))('the block of %s', (_, block) => {
  it('promises HTTPS for a year only where the public URL is https', () => {
    expect(block['strict-transport-security']).toBe('max-age=31536000; includeSubDomains; preload')
    expect(Object.keys(local.api)).not.toContain('strict-transport-security')
    expect(Object.keys(local.form({ frameAncestors: [] }))).not.toContain('strict-transport-security')
  })

  it('starts from nothing, and never allows inline code, evaluation or any origin', () => {
    expect(directive(block, 'default-src')).toBe("'none'")
    expect(directive(block, 'base-uri')).toBe("'none'")
    expect(directive(block, 'frame-ancestors')).toBeDefined()
    expect(directive(block, 'form-action')).toMatch(/^'(?:none|self)'$/)
    expect(block['content-security-policy']).not.toMatch(/unsafe-|\*(?!\.)|http:|blob:/)
  })

  it('stops sniffing, and has neither X-XSS-Protection nor a name in capitals', () => {
    expect(block['x-content-type-options']).toBe('nosniff')
    expect(block['x-permitted-cross-domain-policies']).toBe('none')
    expect(Object.keys(block)).not.toContain('x-xss-protection')
    expect(Object.keys(block)).toEqual(Object.keys(block).map((name) => name.toLowerCase()))
  })

  it('cannot be changed by the one who sends it, nor split a response', () => {
    expect(Object.isFrozen(block)).toBe(true)
    for (const value of Object.values(block)) expect(value).toMatch(/^[\x20-\x7e]+$/)
  })
})

describe('what differs from one kind to the other', () => {
  it('is framing: nobody frames the API, the docs, the console or a form without sites', () => {
    for (const block of [secure.api, secure.docs, secure.console, blocks.closedForm]) {
      expect(block['x-frame-options']).toBe('DENY')
      expect(directive(block, 'frame-ancestors')).toBe("'none'")
    }
  })

  it('and the sites of a form frame it, which X-Frame-Options would forbid', () => {
    expect(form['x-frame-options']).toBeUndefined()
    expect(directive(form, 'frame-ancestors')).toBe('https://www.acme.example https://*.acme.example:8443')
    expect(form['cross-origin-resource-policy']).toBe('cross-origin')
  })

  it('is the referrer, which a form keeps for itself so that its POST has an Origin', () => {
    expect(secure.api['referrer-policy']).toBe('strict-origin-when-cross-origin')
    expect(form['referrer-policy']).toBe('same-origin')
  })

  it('is the API having nothing to run or to load', () => {
    expect(secure.api['content-security-policy']).toBe(
      "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    )
  })

  it('is the CAPTCHA of a form, whose origin is in that form alone', () => {
    const origins = { frameAncestors: [], challengeOrigins: ['https://challenges.example.com'] }
    const block = secure.form(origins)
    for (const name of ['script-src', 'connect-src']) {
      expect(directive(block, name)).toBe("'self' https://challenges.example.com")
    }
    expect(directive(block, 'frame-src')).toBe('https://challenges.example.com')
    expect(directive(form, 'script-src')).toBe("'self'")
  })
})

describe('the origins of a form', () => {
  it.each([
    'https://a.example',
    'https://*.a.example',
    'https://a.example:444',
    'http://localhost:5173',
    'https://xn--caf-dma.fr',
  ])('can be %s', (origin) => expect(isFrameOrigin(origin)).toBe(true))

  it.each([
    '*',
    'https:',
    'https://*',
    "'self'",
    'http://a.example',
    'https://a.example/',
    'https://a.example/path',
    'https://user@a.example',
    'https://a.example; script-src *',
    'https://a.example https://b.example',
    'https://a.example,https://b.example',
    'https://a.example\r\nset-cookie: a=b',
    'https://a.example\n',
    'https://a..example',
    'https://-a.example',
    'https://a.*.example',
    'data:',
    '',
    `https://${'a'.repeat(300)}`,
  ])('cannot be %j, and the policy is not built with it', (origin) => {
    expect(isFrameOrigin(origin)).toBe(false)
    expect(() => secure.form({ frameAncestors: [origin] })).toThrow(RangeError)
    expect(() => secure.form({ frameAncestors: [], challengeOrigins: [origin] })).toThrow(RangeError)
  })

  it('give the same object each time, however many tenants there are', () => {
    const first = secure.form({ frameAncestors: ['https://one.example'] })
    expect(secure.form({ frameAncestors: ['https://one.example'] })).toBe(first)
    for (let tenant = 0; tenant < 1200; tenant += 1) secure.form({ frameAncestors: [`https://t${tenant}.example`] })
    expect(secure.form({ frameAncestors: ['https://one.example'] })).toEqual(first)
  })

  it('are judged in linear time', () => {
    const startedAt = performance.now()
    isFrameOrigin(`https://${'a-'.repeat(500_000)}`)
    isFrameOrigin(`https://${'a.'.repeat(120)}`)
    expect(performance.now() - startedAt).toBeLessThan(100)
  })
})
