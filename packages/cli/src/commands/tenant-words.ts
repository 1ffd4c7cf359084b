import { language } from '../words.ts'

const en = {
  platform: 'the one tenant whose people keep the others, by grants that end',
  domains: 'show the domains of an organisation, or change them; one that is added here needs no proof',
  add: 'host names that name it from now on',
  remove: 'host names that name it no longer',
  unknown: (domain: string) => `It has no domain "${domain}".`,
  headings: { domain: 'DOMAIN', record: 'RECORD' },
  states: { proven: 'in use', claimed: 'claimed' },
}

const fr: typeof en = {
  platform: 'l’organisation dont les gens tiennent les autres, par des habilitations qui prennent fin',
  domains: 'montre les domaines d’une organisation, ou les change ; un domaine ajouté ici se passe de preuve',
  add: 'noms d’hôte qui la désignent désormais',
  remove: 'noms d’hôte qui ne la désignent plus',
  unknown: (domain) => `Elle n’a pas de domaine « ${domain} ».`,
  headings: { domain: 'DOMAINE', record: 'ENREGISTREMENT' },
  states: { proven: 'en service', claimed: 'demandé' },
}

/** What `rempart tenant` says of the platform and of domains, in the language of the terminal. */
export const tenantWords = language === 'fr' ? fr : en
