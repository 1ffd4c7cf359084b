import { language } from '../words.ts'

const en = {
  operator: 'let people of the platform work in a tenant, until a time, for a reason',
  grant: 'give a person of the platform permissions in a tenant; the grant ends by itself',
  list: 'list the grants of a tenant, newest first, those that are over too',
  revoke: 'take a grant away: it ends with the next request',
  who: 'address or id of a person of the platform',
  grantId: 'id of the grant',
  tenant: 'slug or id of the tenant to work in',
  platform: 'slug or id of the tenant that keeps the others',
  permissions: 'comma-separated permissions, such as leads:read',
  reason: 'why; the tenant reads it in its audit log',
  minutes: 'how long it holds, eight hours at most',
  headings: { operator: 'OPERATOR', permissions: 'PERMISSIONS', until: 'UNTIL', reason: 'REASON' },
  states: { inForce: 'in force', revoked: 'revoked', over: 'over' },
  granted: (who: string, tenant: string, until: string) =>
    `${who} may work in the tenant "${tenant}" until ${until}. Name it with X-Tenant-ID. In both audit logs.`,
  revoked: (tenant: string) =>
    `The grant is taken away. In the audit logs of the tenant "${tenant}" and of the platform.`,
  noPlatform: (slug: string) =>
    `The tenant "${slug}" keeps no others. Make one that does (rempart tenant create platform --platform …), or name it with --platform.`,
  invalidPermission: (known: string) => `Expected some of ${known}.`,
}

const fr: typeof en = {
  operator: 'permet à des personnes de la plateforme d’agir dans une organisation, pour un temps et un motif',
  grant: 'donne à une personne de la plateforme des permissions dans une organisation ; elles expirent d’elles-mêmes',
  list: 'liste les autorisations d’une organisation, de la plus récente à la plus ancienne, expirées comprises',
  revoke: 'retire une autorisation : elle cesse à la requête suivante',
  who: 'adresse ou identifiant d’une personne de la plateforme',
  grantId: 'identifiant de l’autorisation',
  tenant: 'nom court ou identifiant de l’organisation où agir',
  platform: 'nom court ou identifiant de l’organisation qui gère les autres',
  permissions: 'permissions séparées par des virgules, comme leads:read',
  reason: 'motif ; l’organisation le lit dans son journal d’audit',
  minutes: 'durée en minutes, huit heures au plus',
  headings: { operator: 'OPÉRATEUR', permissions: 'PERMISSIONS', until: 'JUSQU’À', reason: 'MOTIF' },
  states: { inForce: 'en vigueur', revoked: 'retirée', over: 'expirée' },
  granted: (who, tenant, until) =>
    `${who} peut agir dans l’organisation « ${tenant} » jusqu’à ${until}. Nommez-la par X-Tenant-ID. Inscrit aux deux journaux d’audit.`,
  revoked: (tenant) =>
    `L’autorisation est retirée. Inscrit aux journaux d’audit de l’organisation « ${tenant} » et de la plateforme.`,
  noPlatform: (slug) =>
    `L’organisation « ${slug} » n’en gère pas d’autres. Créez-en une (rempart tenant create platform --platform …), ou nommez-la par --platform.`,
  invalidPermission: (known) => `Attendu : certaines de ${known}.`,
}

/** What the commands about operators say. */
export const operatorWords = language === 'fr' ? fr : en
