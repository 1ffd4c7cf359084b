import type { Context } from '../../../core/context.ts'
import { html, type Markup } from '../../../core/pages/html.ts'
import { calendarDay } from '../../../core/shapes/time-zone.ts'
import type { FormField, FormLocale } from '../definition/schema.ts'
import { textIn } from '../definition/schema.ts'
import type { PublishedForm } from '../public.ts'
import { asksForName } from './autocomplete.ts'
import { conditionHint } from './condition-hint.ts'
import { controlId, type FieldView, fieldView } from './field-view.ts'
import { settledCondition } from './live-rules.ts'
import { emailControl, readSentForm, tokenControl, typedValues } from './sent-form.ts'
import { shownFields } from './shown-fields.ts'
import type { Pairs } from './urlencoded-body.ts'
import { type Notice, pageWords } from './words.ts'

/** A form to be shown, empty or as it was sent. */
export interface FormView {
  readonly form: PublishedForm
  readonly token: string
  /** Milliseconds until the server takes the form. */
  readonly waitMs: number
  /** Where the form is sent. */
  readonly action: string
  /** The same page in the form's other language; absent where it speaks one. */
  readonly otherLanguage: { readonly href: string; readonly locale: FormLocale } | undefined
  /** What was sent; empty on the first showing. */
  readonly pairs: Pairs
  readonly notice: (Notice & { readonly more?: string | undefined }) | undefined
  readonly faults: readonly Fault[]
  /** What the server asks for before it takes the form. */
  readonly challenge: Markup | undefined
}

/** What is wrong with one answer. */
export interface Fault {
  /** The control it stands beside; undefined for an answer that the form never asked for. */
  readonly control: string | undefined
  readonly message: string
}

/** The content of a form's page. */
export function formContent(context: Context, view: FormView): Markup {
  const { locale } = context
  const { definition } = view.form
  const words = pageWords[locale]
  const fields = fieldViews(context, view)
  return html`${view.notice && summary(view.notice, view, fields, locale)}
<header>
<p class="owner">${context.tenant.name}</p>
<h1>${textIn(definition.title, locale)}</h1>
${definition.description && html`<p class="lead">${textIn(definition.description, locale)}</p>`}
</header>
<form method="post" action="${view.action}" accept-charset="utf-8" novalidate data-wait="${view.waitMs}" data-sending="${words.sending}" data-error="${words.errorPrefix}" data-left="${words.charactersLeft}" data-over="${words.charactersOver}">
<input type="hidden" name="${tokenControl}" value="${view.token}">
${fields.map(fieldView)}
<div class="reserve" aria-hidden="true"><label for="${controlId(view.form.trapName)}">${words.trap}</label><input type="text" id="${controlId(view.form.trapName)}" name="${view.form.trapName}" tabindex="-1" autocomplete="off"></div>
<button type="submit">${words.send}</button>
</form>
${
  view.otherLanguage &&
  html`<footer><a href="${view.otherLanguage.href}" lang="${view.otherLanguage.locale}" hreflang="${view.otherLanguage.locale}">${words.otherLanguage}</a></footer>`
}`
}

function summary(
  notice: NonNullable<FormView['notice']>,
  { faults, challenge }: FormView,
  fields: readonly FieldView[],
  locale: FormLocale,
): Markup {
  const line = ({ control, message }: Fault): Markup => {
    const asked = fields.find((each) => each.control === control)
    if (asked === undefined) return html`<li>${message}</li>`
    return html`<li><a href="#${controlId(asked.control)}">${textIn(asked.field.label, locale)} – ${message}</a></li>`
  }
  const place = ({ control }: Fault): number => fields.findIndex((each) => each.control === control)
  // As the page has them; what it never asked for comes first.
  const inOrder = faults.toSorted((left, right) => place(left) - place(right))
  return html`<div class="${challenge === undefined ? 'summary' : 'summary step'}" role="alert" tabindex="-1" autofocus aria-labelledby="summary-title">
<h2 id="summary-title">${notice.title}</h2>
<p>${notice.text}${notice.more && html` ${notice.more}`}</p>
${faults.length > 0 ? html`<ul>${inOrder.map(line)}</ul>` : undefined}
${challenge}
</div>`
}

function fieldViews(context: Context, view: FormView): FieldView[] {
  const { form } = view
  const { locale, tenant, clock } = context
  const at = { nowMs: clock.now(), timeZone: tenant.timeZone, locale }
  const today = calendarDay(at.nowMs, at.timeZone)
  const fields = askedFields(form, locale)
  const byName = new Map(fields.map(({ field }) => [field.name, field]))
  const typed = typedValues(view.pairs)
  const { email, data } = readSentForm(form, view.pairs)
  const shown = shownFields(form.compiled, byName.has('email') ? { ...data, email } : data, at)
  const errors = new Map(view.faults.map(({ control, message }) => [control, message]))
  return fields.map(({ field, control }) => {
    const isEmail = control === emailControl(form)
    const { showWhen } = isEmail ? {} : field
    return {
      field,
      locale,
      control,
      isRequired: isEmail || field.required === true,
      typed: typed.get(control) ?? [],
      error: errors.get(control),
      hint: showWhen && conditionHint(showWhen, byName, locale),
      showWhen: showWhen && JSON.stringify(settledCondition(showWhen, byName, today)),
      isShown: isEmail || shown.has(field.name),
      today,
    }
  })
}

/** The form's fields, with the one for the sender's address, which every submission needs, after a name or first of all. */
function askedFields(form: PublishedForm, locale: FormLocale): { field: FormField; control: string }[] {
  const asked = form.definition.fields.map((field) => ({ field, control: field.name }))
  const control = emailControl(form)
  if (form.compiled.positions.has(control)) return asked
  const afterNames = asked.findIndex(({ field }) => !asksForName(field))
  const label = { [locale]: pageWords[locale].email }
  const email: FormField = { name: control, type: 'email', label, required: true }
  return asked.toSpliced(afterNames === -1 ? asked.length : afterNames, 0, { field: email, control })
}
