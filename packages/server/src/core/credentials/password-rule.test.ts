import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commonPasswords } from './common-passwords.ts'
import { passwordFaults } from './password-rule.ts'

const eight = { minLength: 8, requiredClasses: 0 }
const ada = {
  tenantName: 'Acme Forge',
  tenantSlug: 'acme-forge',
  email: 'ada.lovelace@example.org',
  personName: 'Ada Lovelace',
}

describe('commonPasswords', () => {
  it('holds the several thousand that everybody tries first, at every length a tenant may allow', async () => {
    const list = await commonPasswords()
    expect(list.size).toBeGreaterThan(40_000)
    const known = [
      'password',
      '12345678',
      'iloveyou',
      'qwertyuiop',
      '1qaz2wsx3edc',
      'qwerty123456',
      'administrator',
      'unbelievable',
    ]
    expect(known.filter((text) => !list.has(text))).toEqual([])
  })

  it('does not know what nobody uses', async () => {
    const list = await commonPasswords()
    fc.assert(fc.property(fc.uuid(), (text) => !list.has(text)))
    expect(list.has('')).toBe(false)
  })

  it('finds its first and its last entry', async () => {
    const list = await commonPasswords()
    // The lowest and the highest hash.
    expect([list.has('31081989'), list.has('startrek1')]).toEqual([true, true])
  })
})

describe('passwordFaults', () => {
  it.each([
    'correct horse battery staple',
    'un parapluie vert à Brest',
    'xK9#mQ2$vL7!',
    'пароль для медведя',
    '密码是一只会飞的绿色小乌龟',
    '🏰🐉🗝️🌋🧭⚓🛶🦉🌒🔥🧊🪵',
    ' leading and trailing ',
    'aaaa is how it begins',
  ])('accepts %s, with no rule of composition', async (password) => {
    expect(await passwordFaults(password, ada)).toEqual([])
  })

  it.each([
    ['11 characters', 'xK9#mQ2$vL7', ['too-short']],
    ['6 emoji, which are 12 UTF-16 units', '🏰🐉🗝🌋🧭⚓', ['too-short']],
    [
      '11 letters whose accents are typed apart',
      `${'e\u0301'.repeat(5)}o\u0302a\u0300i\u0302u\u0300y\u0301n\u0303`,
      ['too-short'],
    ],
    ['129 characters', `${'xK9#mQ2$vL7!'.repeat(10)}abjqzrtpo`, ['too-long']],
    ['a megabyte', 'x'.repeat(1_048_576), ['too-long']],
    ['half a character', 'xK9#mQ2$vL7!\ud800', ['malformed']],
    ['a NUL', 'xK9#mQ2$vL7!\0', ['malformed']],
    ['a line break', 'xK9#mQ2$vL7!\n', ['malformed']],
  ])('refuses %s', async (_, password, faults) => {
    expect(await passwordFaults(password)).toEqual(faults)
  })

  it('accepts exactly 12 and exactly 128 code points', async () => {
    const long = Array.from({ length: 128 }, (_, index) => String.fromCodePoint(0x1f300 + ((index * 37) % 300))).join(
      '',
    )
    expect(await passwordFaults(long)).toEqual([])
    expect(await passwordFaults('xK9#mQ2$vL7é')).toEqual([])
  })

  it.each([
    '1qaz2wsx3edc',
    '1QAZ2WSX3EDC',
    'Administrator',
    'UNBELIEVABLE',
    'ａｄｍｉｎｉｓｔｒａｔｏｒ',
    'password2026!',
    '!!Password2026',
    '2026-sunshine-2026',
    'Dragon123456!',
    'passwordpassword',
    'Monkeymonkey99',
  ])('refuses %s, which is common or grown from what is', async (password) => {
    expect(await passwordFaults(password)).toContain('common')
  })

  it.each([
    'aaaaaaaaaaaa',
    '121212121212',
    'xyzzyxyzzyxyzzy',
    'abcdefghijklm',
    'zyxwvutsrqpo',
    '112233445566',
    'éééééééééééé',
  ])('refuses %s, which is one piece or one run', async (password) => {
    expect(await passwordFaults(password)).toContain('predictable')
  })

  it.each(['acme-forge-2026', 'AcmeForge12345', 'ada.lovelace1815', 'Lovelace!Lovelace', 'forge acme ada 1'])(
    'refuses %s to Ada Lovelace of Acme Forge',
    async (password) => {
      expect(await passwordFaults(password, ada)).toContain('contains-context')
      expect(await passwordFaults(password, { email: 'bob@example.org' })).not.toContain('contains-context')
    },
  )

  it('accepts a long password that happens to hold a name, and ignores words that are too short to mean one', async () => {
    expect(await passwordFaults('the blacksmith forges nothing on Sundays', ada)).toEqual([])
    expect(await passwordFaults('a mad adage, sadly', { personName: 'Ada', tenantSlug: 'ad' })).toEqual([])
  })

  it('asks for kinds of characters where the tenant does', async () => {
    const policy = { minLength: 8, requiredClasses: 4 }
    expect(await passwordFaults('quiet-harbour', {}, policy)).toEqual(['too-few-classes'])
    expect(await passwordFaults('Quiet-harbour7', {}, policy)).toEqual([])
    expect(await passwordFaults('Тихая-гавань7', {}, policy)).toEqual([])
  })

  it('follows the length a tenant sets, and compares short passwords with the list as well', async () => {
    expect(await passwordFaults('xK9#mQ2$', {}, eight)).toEqual([])
    expect(await passwordFaults('xK9#mQ2', {}, eight)).toEqual(['too-short'])
    expect(await passwordFaults('football', {}, eight)).toEqual(['common'])
    expect(await passwordFaults('correct horse battery staple', {}, { minLength: 30, requiredClasses: 0 })).toEqual([
      'too-short',
    ])
  })

  it.each([
    { minLength: 7, requiredClasses: 0 },
    { minLength: 65, requiredClasses: 0 },
    { minLength: 12, requiredClasses: 5 },
    { minLength: Number.NaN, requiredClasses: 0 },
  ])('does not work under a policy of $minLength characters and $requiredClasses classes', async (policy) => {
    await expect(passwordFaults('correct horse battery staple', {}, policy)).rejects.toThrow(RangeError)
  })

  it('answers for any text and any context', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 200 })
    await fc.assert(
      fc.asyncProperty(text, text, text, async (password, email, personName) => {
        const faults = await passwordFaults(password, { email, personName })
        expect(new Set(faults).size).toBe(faults.length)
      }),
      { numRuns: 60 },
    )
  })
})
