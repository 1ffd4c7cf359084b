import type { Locale } from '../../../core/locale.ts'
import type { ProblemCode } from '../../../core/problem-catalogue.ts'

/** A heading and what to do about it. */
export interface Notice {
  readonly title: string
  readonly text: string
}

/** The words of the hosted pages, besides those of the form. French has its own spaces and apostrophes. */
export interface PageWords {
  readonly email: string
  readonly optional: string
  readonly choose: string
  readonly noAnswer: string
  readonly send: string
  readonly sending: string
  readonly trap: string
  readonly onlyIf: (question: string, answer: string) => string
  readonly dependsOn: (questions: readonly string[]) => string
  readonly errorTitle: (title: string) => string
  readonly errorPrefix: string
  readonly otherLanguage: string
  readonly thanks: Notice
  readonly another: string
  readonly open: string
  readonly needsScript: string
  readonly charactersLeft: string
  readonly charactersOver: string
  readonly wait: (seconds: number) => string
  readonly problems: Readonly<Partial<Record<ProblemCode, Notice>>>
}

const or = (locale: Locale) => new Intl.ListFormat(locale === 'fr' ? 'fr-FR' : 'en-GB', { type: 'disjunction' })
const and = (locale: Locale) => new Intl.ListFormat(locale === 'fr' ? 'fr-FR' : 'en-GB', { type: 'conjunction' })

const english: PageWords = {
  email: 'E-mail address',
  optional: 'optional',
  choose: 'Choose…',
  noAnswer: 'No answer',
  send: 'Send',
  sending: 'Sending…',
  trap: 'Leave this field empty',
  onlyIf: (question, answer) => `Only if your answer to “${question}” is ${answer}.`,
  dependsOn: (questions) =>
    `Depends on your answer to ${and('en').format(questions.map((each) => `“${each}”`))}: leave it empty if it does not apply.`,
  errorTitle: (title) => `Error: ${title}`,
  errorPrefix: 'Error:',
  otherLanguage: 'Français',
  thanks: { title: 'Thank you', text: 'Your answers have been received.' },
  another: 'Fill in the form again',
  open: 'Open the form',
  needsScript: 'This step needs JavaScript. Turn it on, or write to us another way.',
  charactersLeft: '{count} characters left',
  charactersOver: '{count} characters too many',
  wait: (seconds) => `You can try again in ${duration(seconds, ['second', 'minute'])}.`,
  problems: {
    'invalid-content': { title: 'Some answers have to be changed', text: 'Nothing has been sent yet.' },
    'invalid-submission': {
      title: 'The form could not be sent',
      text: 'A field that has to stay empty was filled in, perhaps by your browser. Send the form again.',
    },
    'submitted-too-quickly': {
      title: 'That was quick',
      text: 'The form was sent too soon after it was opened. Look over your answers, then send it again.',
    },
    'form-expired': {
      title: 'The form had been open too long',
      text: 'Your answers are still here. Look over them, then send the form again.',
    },
    'render-token-invalid': {
      title: 'The form could not be sent',
      text: 'This page was no longer valid, or was sent before. Your answers are still here: look over them, then send the form again.',
    },
    'idempotency-key-reused': {
      title: 'These answers are not sent yet',
      text: 'You sent this form before, with other answers. Send it again if you want to add these.',
    },
    'form-unavailable': {
      title: 'This form cannot take answers at the moment',
      text: 'Nothing has been sent. Your answers are still here; please try again later.',
    },
    'rate-limited': { title: 'Too many attempts', text: 'Nothing has been sent.' },
    'challenge-required': {
      title: 'One moment',
      text: 'Your browser does a short calculation, which tells people from scripts, then goes on by itself.',
    },
    'service-unavailable': {
      title: 'The form could not be sent',
      text: 'The server was away for a moment. Send the form again: it will arrive once.',
    },
    'internal-error': {
      title: 'The form could not be sent',
      text: 'Something failed on our side. Try again in a moment.',
    },
    'form-not-found': {
      title: 'There is no such form',
      text: 'The address may be mistyped, or the form may be closed.',
    },
    'body-too-large': { title: 'The answers are too long', text: 'A form can hold 1 MB at most. Shorten the answers.' },
    'cross-site-request': {
      title: 'The form was sent from another site',
      text: 'Open the form itself, and send it from there.',
    },
  },
}

const french: PageWords = {
  email: 'Adresse e-mail',
  optional: 'facultatif',
  choose: 'Choisir…',
  noAnswer: 'Sans réponse',
  send: 'Envoyer',
  sending: 'Envoi…',
  trap: 'Laissez ce champ vide',
  onlyIf: (question, answer) => `Seulement si votre réponse à «\u00a0${question}\u00a0» est ${answer}.`,
  dependsOn: (questions) =>
    `Dépend de votre réponse à ${and('fr').format(questions.map((each) => `«\u00a0${each}\u00a0»`))}\u00a0: laissez vide si vous n’êtes pas concerné.`,
  errorTitle: (title) => `Erreur\u00a0: ${title}`,
  errorPrefix: 'Erreur\u00a0:',
  otherLanguage: 'English',
  thanks: { title: 'Merci', text: 'Vos réponses sont bien arrivées.' },
  another: 'Remplir de nouveau le formulaire',
  open: 'Ouvrir le formulaire',
  needsScript: 'Cette étape a besoin de JavaScript. Activez-le, ou écrivez-nous autrement.',
  charactersLeft: 'Caractères restants\u00a0: {count}',
  charactersOver: 'Caractères en trop\u00a0: {count}',
  wait: (seconds) => `Vous pourrez réessayer dans ${duration(seconds, ['seconde', 'minute'])}.`,
  problems: {
    'invalid-content': { title: 'Certaines réponses sont à corriger', text: 'Rien n’a encore été envoyé.' },
    'invalid-submission': {
      title: 'Le formulaire n’a pas pu être envoyé',
      text: 'Un champ qui doit rester vide a été rempli, peut-être par votre navigateur. Envoyez de nouveau le formulaire.',
    },
    'submitted-too-quickly': {
      title: 'C’était rapide',
      text: 'Le formulaire a été envoyé trop vite après son ouverture. Relisez vos réponses, puis renvoyez-le.',
    },
    'form-expired': {
      title: 'Le formulaire était ouvert depuis trop longtemps',
      text: 'Vos réponses sont toujours là. Relisez-les, puis renvoyez le formulaire.',
    },
    'render-token-invalid': {
      title: 'Le formulaire n’a pas pu être envoyé',
      text: 'Cette page n’était plus valable, ou avait déjà été envoyée. Vos réponses sont toujours là\u00a0: relisez-les, puis renvoyez le formulaire.',
    },
    'idempotency-key-reused': {
      title: 'Ces réponses ne sont pas encore envoyées',
      text: 'Vous avez déjà envoyé ce formulaire, avec d’autres réponses. Renvoyez-le si vous voulez ajouter celles-ci.',
    },
    'form-unavailable': {
      title: 'Ce formulaire ne peut pas recevoir de réponses pour le moment',
      text: 'Rien n’a été envoyé. Vos réponses sont toujours là\u00a0; réessayez plus tard.',
    },
    'rate-limited': { title: 'Trop d’essais', text: 'Rien n’a été envoyé.' },
    'challenge-required': {
      title: 'Un instant',
      text: 'Votre navigateur fait un court calcul, qui distingue les personnes des robots, puis continue de lui-même.',
    },
    'service-unavailable': {
      title: 'Le formulaire n’a pas pu être envoyé',
      text: 'Le serveur s’est absenté un instant. Renvoyez le formulaire\u00a0: il arrivera une seule fois.',
    },
    'internal-error': {
      title: 'Le formulaire n’a pas pu être envoyé',
      text: 'Un incident est survenu de notre côté. Réessayez dans un instant.',
    },
    'form-not-found': {
      title: 'Ce formulaire n’existe pas',
      text: 'L’adresse est peut-être mal recopiée, ou le formulaire est clos.',
    },
    'body-too-large': {
      title: 'Les réponses sont trop longues',
      text: 'Un formulaire contient 1\u00a0Mo au plus. Raccourcissez les réponses.',
    },
    'cross-site-request': {
      title: 'Le formulaire a été envoyé depuis un autre site',
      text: 'Ouvrez le formulaire lui-même, et envoyez-le de là.',
    },
  },
}

/** The words of one language. */
export const pageWords: Readonly<Record<Locale, PageWords>> = { en: english, fr: french }

/** One answer among several, quoted: `“A” or “B”`. */
export function listAnswers(answers: readonly string[], locale: Locale): string {
  return or(locale).format(answers.map((each) => (locale === 'fr' ? `«\u00a0${each}\u00a0»` : `“${each}”`)))
}

function duration(seconds: number, [second, minute]: readonly [string, string]): string {
  const [count, unit] = seconds < 120 ? [seconds, second] : [Math.ceil(seconds / 60), minute]
  return `${count}\u00a0${unit}${count === 1 ? '' : 's'}`
}
