import { language } from '../words.ts'

const en = {
  user: 'make and manage the accounts of people',
  create: 'make an account; without a password, the link to set one is printed on standard output, once',
  list: 'list people, newest first',
  deactivate: 'switch an account off: its sessions and links end at once',
  activate: 'switch an account on again',
  email: 'address to sign in with',
  name: 'name of the person',
  role: 'code of a role: owner, admin, editor, viewer, or one of your own',
  passwordStdin: 'read the password from standard input',
  status: 'only those: active, unverified, inactive or deleted',
  who: 'address or id',
  headings: { lastLogin: 'LAST SIGN-IN' },
  states: { active: 'active', unverified: 'unconfirmed', inactive: 'off', deleted: 'deleted' },
  made: (email: string, tenant: string) => `The account ${email} of the tenant "${tenant}" is made.`,
  link: 'Open this link to set the password: good once, for seven days, and stored nowhere:',
  unknown: (who: string) => `The tenant has no account "${who}". See: rempart user list`,
  off: (email: string) => `The account ${email} is switched off, on every server.`,
  on: (email: string) => `The account ${email} is switched on.`,
}

const fr: typeof en = {
  user: 'crée et gère les comptes des personnes',
  create: 'crée un compte ; sans mot de passe, le lien pour en choisir un est écrit sur la sortie standard, une fois',
  list: 'liste les personnes, de la plus récente à la plus ancienne',
  deactivate: 'désactive un compte : ses sessions et ses liens prennent fin aussitôt',
  activate: 'réactive un compte',
  email: 'adresse de connexion',
  name: 'nom de la personne',
  role: 'code d’un rôle : owner, admin, editor, viewer, ou un des vôtres',
  passwordStdin: 'lit le mot de passe sur l’entrée standard',
  status: 'seulement ceux-ci : active, unverified, inactive ou deleted',
  who: 'adresse ou identifiant',
  headings: { lastLogin: 'DERNIÈRE CONNEXION' },
  states: { active: 'actif', unverified: 'non confirmé', inactive: 'désactivé', deleted: 'supprimé' },
  made: (email, tenant) => `Le compte ${email} de l’organisation « ${tenant} » est créé.`,
  link: 'Ouvrez ce lien pour choisir le mot de passe : valable une fois, sept jours, et conservé nulle part :',
  unknown: (who) => `L’organisation n’a pas de compte « ${who} ». Voir : rempart user list`,
  off: (email) => `Le compte ${email} est désactivé, sur tous les serveurs.`,
  on: (email) => `Le compte ${email} est réactivé.`,
}

/** What the commands about people say. */
export const userWords = language === 'fr' ? fr : en
