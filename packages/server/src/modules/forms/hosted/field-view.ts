import { html, type Markup } from '../../../core/pages/html.ts'
import { type FormField, type FormLocale, textIn } from '../definition/schema.ts'
import { autocompleteOf } from './autocomplete.ts'
import { dayOf, liveRules } from './live-rules.ts'
import { pageWords } from './words.ts'

/** A field as it is to be shown. */
export interface FieldView {
  readonly field: FormField
  readonly locale: FormLocale
  /** The name of its control. */
  readonly control: string
  readonly isRequired: boolean
  /** What stood in it when the form was sent. */
  readonly typed: readonly string[]
  readonly error: string | undefined
  /** When it applies, for a field with a condition. */
  readonly hint: string | undefined
  /** Its condition, for the page's script. */
  readonly showWhen: string | undefined
  /** Whether what was typed so far shows it. */
  readonly isShown: boolean
  /** `YYYY-MM-DD`. */
  readonly today: string
}

/** Beyond this many choices a list to unfold is shorter than a page of buttons. */
const mostButtons = 7

/** The id of the first control of a field: where a link of the error summary leads. */
export const controlId = (control: string): string => `f-${control}`

/** A field with its label, help, error and control. */
export function fieldView(view: FieldView): Markup {
  const { field } = view
  const attributes = attributesOf({
    class: view.error === undefined ? 'field' : 'field wrong',
    'data-field': field.name,
    'data-kind': kindOf(field),
    'data-show-when': view.showWhen,
    'data-unshown': view.showWhen !== undefined && !view.isShown,
    'data-rules': rulesOf(view),
  })
  return isGroup(field)
    ? html`<div${attributes}>
<fieldset${attributesOf({ ...described(view), ...groupState(view) })}>
<legend>${labelText(view)}</legend>
${notes(view)}
${buttons(view)}
</fieldset>
</div>`
    : html`<div${attributes}>
<label for="${controlId(view.control)}">${labelText(view)}</label>
${notes(view)}
${control(view)}
</div>`
}

type Attributes = Readonly<Record<string, string | number | boolean | undefined>>

/** Attributes of an element, each with a space before it; those that are undefined or false are left out. */
export function attributesOf(attributes: Attributes): Markup[] {
  return Object.entries(attributes).flatMap(([name, value]) => {
    if (value === undefined || value === false) return []
    return [value === true ? html` ${name}` : html` ${name}="${value}"`]
  })
}

function kindOf(field: FormField): string {
  if (field.type !== 'choice') return field.type
  return field.multiple === true ? 'choices' : 'choice'
}

function isGroup(field: FormField): boolean {
  if (field.type === 'consent') return true
  return field.type === 'choice' && (field.multiple === true || field.choices.length <= mostButtons)
}

function rulesOf({ field, today, locale }: FieldView): string | undefined {
  const rules = liveRules(field, today, locale)
  return rules.length === 0 ? undefined : JSON.stringify(rules)
}

function labelText({ field, locale, isRequired }: FieldView): Markup {
  const label = textIn(field.label, locale)
  return isRequired ? html`${label}` : html`${label} <span class="optional">(${pageWords[locale].optional})</span>`
}

function notes({ field, locale, control: name, hint, error }: FieldView): Markup {
  const id = controlId(name)
  return html`${field.help && html`<p class="help" id="${id}-help">${textIn(field.help, locale)}</p>`}
${hint && html`<p class="help hint" id="${id}-hint">${hint}</p>`}
<p class="error" id="${id}-error"${attributesOf({ hidden: error === undefined })}>${
    error && html`<span class="unseen">${pageWords[locale].errorPrefix}</span> ${error}`
  }</p>`
}

/** What describes a control; the place of the error is named from the start, for the one a script puts there. */
function described({ field, control: name, hint }: FieldView): Attributes {
  const id = controlId(name)
  const parts = [field.help && `${id}-help`, hint && `${id}-hint`, `${id}-error`]
  return { 'aria-describedby': parts.filter((part) => part !== undefined).join(' ') }
}

const state = ({ isRequired, error }: FieldView): Attributes => ({
  // `required` would have a browser hold back a field that does not apply, and a screen reader call it wrong while it is empty.
  'aria-required': isRequired && 'true',
  'aria-invalid': error !== undefined && 'true',
})

/** Of the roles a group can have, `radiogroup` alone can be required or wrong. */
function groupState(view: FieldView): Attributes {
  return kindOf(view.field) === 'choice' ? { role: 'radiogroup', ...state(view) } : {}
}

function control(view: FieldView): Markup {
  const { field, typed } = view
  const common: Attributes = {
    id: controlId(view.control),
    name: view.control,
    ...described(view),
    ...state(view),
    autocomplete: autocompleteOf(field),
    placeholder: 'placeholder' in field && field.placeholder ? textIn(field.placeholder, view.locale) : undefined,
  }
  const [value = ''] = typed
  if (field.type === 'choice') return html`<select${attributesOf(common)}>${options(view)}</select>`
  // A line break right after the tag is dropped by browsers; this one is, and the visitor's own stays.
  if (field.type === 'longText')
    return html`<textarea${attributesOf({ ...common, rows: 6 })}>
${value}</textarea>`
  return html`<input${attributesOf({ ...inputKind(view), ...common, value: value === '' ? undefined : value })}>`
}

function inputKind({ field, today }: FieldView): Attributes {
  switch (field.type) {
    case 'email':
      return { type: 'email', spellcheck: 'false', autocapitalize: 'none' }
    case 'phone':
      return { type: 'tel' }
    case 'date':
      return { type: 'date', min: dayOf(field.minDate, today), max: dayOf(field.maxDate, today) }
    case 'number':
      // A number control hides what it cannot read, so that nobody could correct it, and turns with the wheel.
      return { type: 'text', inputmode: field.integer === true ? 'numeric' : 'decimal' }
    default:
      return { type: 'text' }
  }
}

function options({ field, locale, typed, isRequired }: FieldView): Markup[] {
  const choices = field.type === 'choice' ? field.choices : []
  const words = pageWords[locale]
  return [
    html`<option value="">${isRequired ? words.choose : words.noAnswer}</option>`,
    ...choices.map(
      ({ value, label }) =>
        html`<option${attributesOf({ value, selected: typed.includes(value) })}>${textIn(label, locale)}</option>`,
    ),
  ]
}

function buttons(view: FieldView): Markup[] {
  return choicesOf(view).map(({ value, text }, index) => {
    const id = index === 0 ? controlId(view.control) : `${controlId(view.control)}-${index + 1}`
    const isRadio = kindOf(view.field) === 'choice'
    const attributes = attributesOf({
      type: isRadio ? 'radio' : 'checkbox',
      id,
      name: view.control,
      value,
      checked: view.typed.includes(value),
      ...(isRadio ? {} : { 'aria-invalid': view.error !== undefined && 'true' }),
      ...(view.field.type === 'consent' && { 'aria-required': view.isRequired && 'true' }),
    })
    return html`<div class="option"><input${attributes}><label for="${id}">${text}</label></div>`
  })
}

function choicesOf({ field, locale, isRequired }: FieldView): readonly { value: string; text: string }[] {
  if (field.type === 'consent') return [{ value: 'true', text: textIn(field.consentText, locale) }]
  if (field.type !== 'choice') return []
  const choices = field.choices.map(({ value, label }) => ({ value, text: textIn(label, locale) }))
  // A radio button cannot be let go again.
  const canBeLetGo = field.multiple !== true && !isRequired
  return canBeLetGo ? [...choices, { value: '', text: pageWords[locale].noAnswer }] : choices
}
