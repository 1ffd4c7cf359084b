import type { FormDefinition } from './schema.ts'

/** Slug of the form a first start publishes in the demo tenant. */
export const DEMO_FORM_SLUG = 'demo'

/**
 * A request for a quote, as a web agency would ask it: eight fields, one of them conditional, a score that
 * ranks the request and an outcome that says who answers it.
 */
export const DEMO_FORM: FormDefinition = {
  title: { en: 'Request a quote', fr: 'Demander un devis' },
  description: {
    en: 'Tell us about your project: we answer within two working days.',
    fr: 'Parlez-nous de votre projet\u00a0: nous répondons sous deux jours ouvrés.',
  },
  fields: [
    {
      name: 'fullName',
      type: 'text',
      label: { en: 'Your name', fr: 'Votre nom' },
      required: true,
      minLength: 2,
      maxLength: 100,
    },
    {
      name: 'phone',
      type: 'phone',
      label: { en: 'Phone number', fr: 'Téléphone' },
      help: { en: 'Only if you would rather be called.', fr: 'Seulement si vous préférez être rappelé.' },
      country: 'FR',
    },
    {
      name: 'projectType',
      type: 'choice',
      label: { en: 'What do you need?', fr: 'De quoi avez-vous besoin\u202f?' },
      required: true,
      choices: [
        { value: 'website', label: { en: 'A website', fr: 'Un site web' }, score: 10 },
        { value: 'shop', label: { en: 'An online shop', fr: 'Une boutique en ligne' }, score: 25 },
        { value: 'application', label: { en: 'A business application', fr: 'Une application métier' }, score: 30 },
        { value: 'other', label: { en: 'Something else', fr: 'Autre chose' } },
      ],
    },
    {
      name: 'productCount',
      type: 'number',
      label: { en: 'How many products will you sell?', fr: 'Combien de produits vendrez-vous\u202f?' },
      required: true,
      integer: true,
      min: 1,
      max: 1_000_000,
      showWhen: { all: [{ field: 'projectType', op: 'equals', value: 'shop' }] },
    },
    {
      name: 'budget',
      type: 'number',
      label: { en: 'Budget, in euros', fr: 'Budget, en euros' },
      min: 0,
      max: 10_000_000,
    },
    {
      name: 'startDate',
      type: 'date',
      label: { en: 'When would you like to start?', fr: 'Quand souhaitez-vous commencer\u202f?' },
      minDate: 'today',
      maxDate: 'today+730d',
    },
    {
      name: 'details',
      type: 'longText',
      label: { en: 'Your project in a few words', fr: 'Votre projet en quelques mots' },
      required: true,
      minLength: 10,
      maxLength: 3000,
    },
    {
      name: 'consent',
      type: 'consent',
      label: { en: 'Privacy', fr: 'Vie privée' },
      required: true,
      consentText: {
        en: 'I agree that my answers are used to prepare this quote and to contact me about it.',
        fr: 'J’accepte que mes réponses servent à établir ce devis et à me recontacter à son sujet.',
      },
      version: '2026-01',
    },
  ],
  scoring: {
    rules: [
      { when: { all: [{ field: 'budget', op: 'atLeast', value: 5000 }] }, points: 20 },
      { when: { all: [{ field: 'budget', op: 'atLeast', value: 20_000 }] }, points: 20 },
      { when: { all: [{ field: 'productCount', op: 'atLeast', value: 500 }] }, points: 10 },
      { when: { all: [{ field: 'startDate', op: 'atMost', value: 'today+60d' }] }, points: 15 },
      { when: { all: [{ field: 'phone', op: 'answered' }] }, points: 5 },
    ],
    min: 0,
    max: 100,
  },
  outcomes: [
    {
      id: 'call-today',
      label: { en: 'An adviser calls you today', fr: 'Un conseiller vous appelle aujourd’hui' },
      when: { minScore: 60, condition: { all: [{ field: 'phone', op: 'answered' }] } },
    },
    {
      id: 'priority',
      label: { en: 'We answer within one working day', fr: 'Nous répondons sous un jour ouvré' },
      when: { minScore: 40 },
    },
    { id: 'standard', label: { en: 'We answer within two working days', fr: 'Nous répondons sous deux jours ouvrés' } },
  ],
  exposeScore: true,
  protection: { honeypot: 'silent', renderToken: 'required', minimumFillSeconds: 2, maximumAgeSeconds: 3600 },
}
