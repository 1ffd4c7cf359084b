import { html, type Markup } from '../pages/html.ts'
import type { MailContent, MailSurroundings } from './templates/content.ts'

/** A mail as it is sent: both bodies say the same. */
export interface RenderedMail {
  readonly subject: string
  readonly text: string
  readonly html: string
}

const words = {
  en: { copy: 'If the button does not work, copy this address into your browser:', by: 'This message was sent by' },
  fr: {
    copy: 'Si le bouton ne fonctionne pas, copiez cette adresse dans votre navigateur :',
    by: 'Ce message a été envoyé par',
  },
} as const

/** Lays a mail out as text and as HTML: no image, no script, nothing that is loaded from elsewhere. */
export function layOut(content: MailContent, surroundings: MailSurroundings): RenderedMail {
  return {
    subject: content.subject,
    text: asText(content, surroundings),
    html: `<!doctype html>\n${asHtml(content, surroundings).text}`,
  }
}

function asText(content: MailContent, { locale, site }: MailSurroundings): string {
  const action =
    content.action === undefined
      ? []
      : [`${content.action.label}${locale === 'fr' ? ' :' : ':'}\n${content.action.url}`]
  return `${[...content.paragraphs, ...action, content.caution, `-- \n${words[locale].by} ${site}.`].join('\n\n')}\n`
}

const font = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
const paragraph = 'margin:0 0 16px;font-size:16px;line-height:24px;color:#1f2933'
const small = 'margin:0 0 16px;font-size:14px;line-height:21px;color:#52606d'

// Styles stand on the elements: many mail programs drop a style sheet.
function asHtml(content: MailContent, { locale, site }: MailSurroundings): Markup {
  const { subject, paragraphs, action, caution } = content
  return html`<html lang="${locale}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light">
<title>${subject}</title>
</head>
<body style="margin:0;padding:0;background:#f3f5f7;${font}">
<div role="article" aria-label="${subject}" lang="${locale}" style="max-width:560px;margin:0 auto;padding:24px 16px">
<p style="${small};font-weight:600">${site}</p>
<div style="background:#ffffff;border:1px solid #d9e0e6;border-radius:8px;padding:32px 24px 16px">
<h1 style="margin:0 0 16px;font-size:22px;line-height:30px;color:#102a43">${subject}</h1>
${paragraphs.map((each) => html`<p style="${paragraph}">${each}</p>\n`)}${action && button(action, words[locale].copy)}<p style="${small}">${caution}</p>
</div>
<p style="${small};margin:16px 0 0">${words[locale].by} ${site}.</p>
</div>
</body>
</html>
`
}

function button({ label, url }: { readonly label: string; readonly url: string }, copy: string): Markup {
  return html`<p style="margin:24px 0"><a href="${url}" style="display:inline-block;background:#0b4f8a;color:#ffffff;font-size:16px;line-height:24px;font-weight:600;text-decoration:none;padding:12px 24px;border-radius:6px">${label}</a></p>
<p style="${small}">${copy}<br><a href="${url}" style="color:#0b4f8a;word-break:break-all">${url}</a></p>
`
}
