import { plain, type TableClasses, withTenant } from './terms.ts'

/** What a tenant sets up: about the organisation and what it offers, not about people. */
export const tenancy: TableClasses<
  | 'tenant'
  | 'tenant_domain'
  | 'tenant_setting'
  | 'operator_grant'
  | 'identity_provider'
  | 'policy_override'
  | 'form'
  | 'form_version'
  | 'gate'
  | 'resource'
> = {
  tenant: {
    title: { en: 'Tenants', fr: 'Locataires' },
    purpose: { en: 'To keep organisations apart.', fr: 'Séparer les organisations.' },
    retention: withTenant,
    links: [],
    columns: {
      id: plain,
      slug: plain,
      name: plain,
      is_active: plain,
      locale: plain,
      time_zone: plain,
      allowed_origins: plain,
      max_leads_per_month: plain,
      mfa_required: plain,
      is_platform: plain,
      created_at: plain,
      updated_at: plain,
    },
  },
  tenant_domain: {
    title: { en: 'Domains', fr: 'Domaines' },
    purpose: { en: 'To find a tenant by its host.', fr: 'Trouver un locataire par son hôte.' },
    retention: withTenant,
    links: [],
    columns: { tenant_id: plain, domain: plain, created_at: plain, proof: plain, verified_at: plain },
  },
  tenant_setting: {
    title: { en: 'Settings of a tenant', fr: 'Réglages d’un locataire' },
    purpose: {
      en: 'To have for one tenant what others have otherwise.',
      fr: 'Régler un locataire autrement que les autres.',
    },
    retention: withTenant,
    links: [],
    columns: { tenant_id: plain, settings: plain, version: plain, updated_at: plain },
  },
  operator_grant: {
    title: { en: 'Grants of the platform', fr: 'Habilitations de la plateforme' },
    purpose: {
      en: 'To show a tenant who of the platform could do what in it, until when, and why.',
      fr: 'Montrer à un locataire qui, de la plateforme, pouvait y faire quoi, jusqu’à quand, et pourquoi.',
    },
    retention: withTenant,
    links: [],
    columns: {
      tenant_id: plain,
      id: plain,
      operator_tenant_id: plain,
      operator_id: plain,
      permissions: plain,
      reason: plain,
      granted_by: plain,
      created_at: plain,
      expires_at: plain,
      revoked_at: plain,
    },
  },
  identity_provider: {
    title: { en: 'Identity providers', fr: 'Fournisseurs d’identité' },
    purpose: { en: 'To let people sign in with them.', fr: 'Permettre d’y passer pour se connecter.' },
    retention: withTenant,
    links: [],
    columns: {
      tenant_id: plain,
      id: plain,
      code: plain,
      kind: plain,
      name: plain,
      issuer: plain,
      client_id: plain,
      sealed_secret: plain,
      is_enabled: plain,
      version: plain,
      created_at: plain,
      updated_at: plain,
    },
  },
  policy_override: {
    title: { en: 'Limits of a tenant', fr: 'Limites d’un locataire' },
    purpose: { en: 'To change limits for one tenant.', fr: 'Changer les limites d’un locataire.' },
    retention: withTenant,
    links: [],
    columns: { tenant_id: plain, policy_id: plain, rules: plain, version: plain, updated_at: plain },
  },
  form: {
    title: { en: 'Forms', fr: 'Formulaires' },
    purpose: { en: 'To ask visitors.', fr: 'Interroger les visiteurs.' },
    retention: withTenant,
    links: [],
    columns: {
      tenant_id: plain,
      id: plain,
      slug: plain,
      name: plain,
      published_version: plain,
      archived_at: plain,
      created_at: plain,
      updated_at: plain,
    },
  },
  form_version: {
    title: { en: 'Versions of forms', fr: 'Versions des formulaires' },
    purpose: { en: 'To know what was asked.', fr: 'Savoir ce qui a été demandé.' },
    retention: withTenant,
    links: [],
    columns: {
      tenant_id: plain,
      form_id: plain,
      version: plain,
      definition: plain,
      published_at: plain,
      created_at: plain,
    },
  },
  gate: {
    title: { en: 'Registration lists', fr: 'Listes d’inscription' },
    purpose: { en: 'To give places away in order.', fr: 'Attribuer des places dans l’ordre.' },
    retention: withTenant,
    links: [],
    columns: {
      tenant_id: plain,
      id: plain,
      slug: plain,
      name: plain,
      capacity: plain,
      is_public: plain,
      registered: plain,
      waitlisted: plain,
      last_place: plain,
      created_at: plain,
      updated_at: plain,
    },
  },
  resource: {
    title: { en: 'Resources', fr: 'Ressources' },
    purpose: { en: 'To show visitors what there is.', fr: 'Montrer aux visiteurs ce qu’il y a.' },
    retention: withTenant,
    links: [],
    columns: {
      tenant_id: plain,
      id: plain,
      title: plain,
      summary: plain,
      category: plain,
      url: plain,
      deleted_at: plain,
      created_at: plain,
      updated_at: plain,
    },
  },
}
