import type { Sentence } from '../problem-catalogue.ts'
import type { JsonBodyFault } from './json-body.ts'

/** What to change about a refused JSON body, as the end of a sentence. */
export const jsonBodyReasons: Readonly<Record<JsonBodyFault, Sentence>> = {
  'duplicate-key': { en: 'a name appears twice in one object', fr: 'un nom figure deux fois dans un objet' },
  empty: { en: 'it is empty', fr: 'il est vide' },
  'forbidden-key': { en: 'a member name is not allowed', fr: 'un nom de membre n’est pas permis' },
  'invalid-json': { en: 'its syntax is wrong', fr: 'sa syntaxe est fausse' },
  'invalid-utf8': { en: 'it is not UTF-8', fr: 'il n’est pas en UTF-8' },
  'lone-surrogate': {
    en: 'an escape is half of a surrogate pair',
    fr: 'un échappement est une moitié de paire de substitution',
  },
  'nul-character': { en: 'it holds the character U+0000', fr: 'il contient le caractère U+0000' },
  'number-out-of-range': { en: 'a number is out of range', fr: 'un nombre est hors limites' },
  'too-deep': { en: 'it is nested too deeply', fr: 'il est imbriqué trop profondément' },
  'too-many-keys': { en: 'it has too many members', fr: 'il a trop de membres' },
}
