import type { ExportVerdict } from '@rempart/server/audit'
import { language } from '../words.ts'

const en = {
  audit: 'the audit log: who did what, and proof that nobody has edited it',
  list: 'list the entries of a tenant, newest first',
  export: 'write the whole log to a file that can be verified elsewhere',
  verify: 'verify an exported log, with nothing but the file',
  file: 'the exported file',
  output: 'write here instead of to standard output',
  key: 'the public key that signs heads, as `GET /audit/heads` shows its x; without it, the file’s own is believed',
  anchors: 'a copy of the anchor file (REMPART_AUDIT_ANCHOR_FILE)',
  action: 'only this action',
  actor: 'only what this actor did',
  invalidKey: 'Expected 43 characters of base64url.',
  anchorsUnreadable: (file: string) => `${file} is no anchor file.`,
  verdicts: {
    whole: () => 'The log is whole.',
    altered: (at) => `The log was altered: the entry ${at} was edited, is missing or was moved.`,
    truncated: (at) => `The log was truncated: there were entries up to ${at}.`,
    'head-altered': (at) => `The signed head of the entry ${at} is not what the key signed.`,
    incomplete: () => 'The file is cut short, or is no export of an audit log.',
  } satisfies Record<ExportVerdict['verdict'], (at: number | null) => string>,
  ownKey:
    'The signatures were checked with the file’s own key: whoever made up a file could make up that too. Give --key.',
  headings: {
    seq: 'SEQ',
    at: 'AT',
    action: 'ACTION',
    outcome: 'OUTCOME',
    actor: 'ACTOR',
    resource: 'RESOURCE',
    tenant: 'TENANT',
    exported: 'EXPORTED',
    entries: 'ENTRIES',
    signedTo: 'SIGNED TO',
  },
}

const fr: typeof en = {
  audit: 'le journal d’audit : qui a fait quoi, et la preuve que personne ne l’a modifié',
  list: 'liste les entrées d’un locataire, de la plus récente à la plus ancienne',
  export: 'écrit tout le journal dans un fichier vérifiable ailleurs',
  verify: 'vérifie un journal exporté, avec le fichier pour seule source',
  file: 'le fichier exporté',
  output: 'écrit ici plutôt que sur la sortie standard',
  key: 'la clé publique des signatures, le x que montre `GET /audit/heads` ; sans elle, celle du fichier est crue',
  anchors: 'une copie du fichier d’ancrage (REMPART_AUDIT_ANCHOR_FILE)',
  action: 'cette action seulement',
  actor: 'ce qu’a fait cet acteur seulement',
  invalidKey: '43 caractères base64url attendus.',
  anchorsUnreadable: (file) => `${file} n’est pas un fichier d’ancrage.`,
  verdicts: {
    whole: () => 'Le journal est entier.',
    altered: (at) => `Le journal a été modifié : l’entrée ${at} a été changée, manque ou a été déplacée.`,
    truncated: (at) => `Le journal a été tronqué : il allait jusqu’à l’entrée ${at}.`,
    'head-altered': (at) => `La tête signée de l’entrée ${at} n’est pas ce que la clé a signé.`,
    incomplete: () => 'Le fichier est coupé, ou n’est pas l’export d’un journal d’audit.',
  },
  ownKey:
    'Les signatures ont été vérifiées avec la clé du fichier même : qui forge un fichier peut la forger aussi. Indiquez --key.',
  headings: {
    seq: 'NO',
    at: 'DATE',
    action: 'ACTION',
    outcome: 'ISSUE',
    actor: 'ACTEUR',
    resource: 'OBJET',
    tenant: 'LOCATAIRE',
    exported: 'EXPORTÉ',
    entries: 'ENTRÉES',
    signedTo: 'SIGNÉ JUSQU’À',
  },
}

/** What `rempart audit` says, in the language of the terminal. */
export const auditWords = language === 'fr' ? fr : en
