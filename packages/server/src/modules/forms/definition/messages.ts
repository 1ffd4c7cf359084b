import { dayInWords } from './calendar.ts'
import type { FormLocale } from './schema.ts'

/** Why an answer is refused. Stable: clients may switch on it. */
export type RefusalCode = keyof typeof MESSAGES

/** A refused answer: its code and, where the message names a bound, that bound (a number, or a `YYYY-MM-DD` day). */
export interface Refusal {
  readonly code: RefusalCode
  readonly limit?: number | string
}

/**
 * The sentence shown beside the field: says what to do, in plain words, with the bound formatted for the
 * language. French follows its own typography: no-break spaces, ’ and decimal comma.
 */
export function refusalMessage(refusal: Refusal, locale: FormLocale): string {
  const { limit } = refusal
  const words =
    limit === undefined ? '' : typeof limit === 'number' ? NUMBERS[locale].format(limit) : dayInWords(limit, locale)
  return MESSAGES[refusal.code][locale](words, typeof limit === 'number' ? limit : 0)
}

const NUMBERS = {
  // Grouping with the no-break spaces of each language; enough digits for any bound a definition can hold.
  en: new Intl.NumberFormat('en-GB', { maximumFractionDigits: 15 }),
  fr: new Intl.NumberFormat('fr-FR', { maximumFractionDigits: 15 }),
} as const

type Sentence = (words: string, count: number) => string
interface Message {
  readonly en: Sentence
  readonly fr: Sentence
}

const fixed = (en: string, fr: string): Message => ({ en: () => en, fr: () => fr })
/** English counts one as singular; French counts everything below two. */
const enPlural = (count: number) => (count === 1 ? '' : 's')
const frPlural = (count: number) => (count < 2 ? '' : 's')

const MESSAGES = {
  'unknown-field': fixed('This form has no such field.', 'Ce formulaire ne comporte pas ce champ.'),
  required: fixed('This field is required.', 'Ce champ est obligatoire.'),
  'consent-required': fixed('Your agreement is needed to continue.', 'Votre accord est nécessaire pour continuer.'),
  'consent-expected': fixed('Tick the box or leave it empty.', 'Cochez la case ou laissez-la vide.'),
  'text-expected': fixed('Enter text.', 'Saisissez du texte.'),
  'text-characters': fixed(
    'Remove the characters that cannot be displayed.',
    'Supprimez les caractères qui ne peuvent pas être affichés.',
  ),
  'text-line-break': fixed('Write this on a single line.', 'Écrivez cette réponse sur une seule ligne.'),
  'text-too-short': {
    en: (words, count) => `Enter at least ${words} character${enPlural(count)}.`,
    fr: (words, count) => `Saisissez au moins ${words} caractère${frPlural(count)}.`,
  },
  'text-too-long': {
    en: (words, count) => `Enter at most ${words} character${enPlural(count)}.`,
    fr: (words, count) => `Saisissez au plus ${words} caractère${frPlural(count)}.`,
  },
  'email-invalid': fixed(
    'Enter an e-mail address, such as name@example.com.',
    'Saisissez une adresse e-mail, par exemple nom@exemple.fr.',
  ),
  'phone-invalid': fixed(
    'Enter a valid phone number; for a number abroad, begin with + and the country code.',
    'Saisissez un numéro de téléphone valide\u202f; pour un numéro étranger, commencez par + et l’indicatif du pays.',
  ),
  'number-expected': fixed('Enter a number.', 'Saisissez un nombre.'),
  'number-integer': fixed('Enter a whole number.', 'Saisissez un nombre entier.'),
  'number-too-small': {
    en: (words) => `Enter a number of at least ${words}.`,
    fr: (words) => `Saisissez un nombre supérieur ou égal à ${words}.`,
  },
  'number-too-large': {
    en: (words) => `Enter a number of at most ${words}.`,
    fr: (words) => `Saisissez un nombre inférieur ou égal à ${words}.`,
  },
  'number-step': {
    en: (words) => `Enter a number in steps of ${words}.`,
    fr: (words) => `Saisissez un nombre par paliers de ${words}.`,
  },
  'choice-expected': fixed('Choose one option.', 'Choisissez une option.'),
  'choices-expected': fixed('Choose one or more options.', 'Choisissez une ou plusieurs options.'),
  'choice-unknown': fixed('Choose among the options offered.', 'Choisissez parmi les options proposées.'),
  'choices-too-few': {
    en: (words, count) => `Choose at least ${words} option${enPlural(count)}.`,
    fr: (words, count) => `Choisissez au moins ${words} option${frPlural(count)}.`,
  },
  'choices-too-many': {
    en: (words, count) => `Choose at most ${words} option${enPlural(count)}.`,
    fr: (words, count) => `Choisissez au plus ${words} option${frPlural(count)}.`,
  },
  'date-invalid': fixed(
    'Enter a date that exists, as year-month-day: 2026-03-31.',
    'Saisissez une date qui existe, sous la forme année-mois-jour\u00a0: 2026-03-31.',
  ),
  'date-too-early': {
    en: (words) => `Choose ${words} or a later date.`,
    fr: (words) => `Choisissez le ${words} ou une date ultérieure.`,
  },
  'date-too-late': {
    en: (words) => `Choose ${words} or an earlier date.`,
    fr: (words) => `Choisissez le ${words} ou une date antérieure.`,
  },
} as const satisfies Record<string, Message>

/** Every refusal code, for tests and documentation. */
export const REFUSAL_CODES = Object.keys(MESSAGES) as readonly RefusalCode[]
