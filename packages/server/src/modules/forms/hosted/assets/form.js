/**
 * Makes a hosted form answer while it is filled in: questions appear when they apply, a wrong answer says so when it is
 * left, a second press on the button sends nothing twice. The page works without this file, and the server judges
 * everything again.
 */
const page = document.documentElement
const form = document.querySelector('form[data-wait]')
const summary = document.querySelector('.summary')
const rows = form ? [...form.querySelectorAll('[data-field]')].map(readRow) : []

function readRow(row) {
  const { field, kind, showWhen, rules } = row.dataset
  return {
    row,
    name: field,
    kind,
    showWhen: showWhen && JSON.parse(showWhen),
    rules: rules ? JSON.parse(rules) : [],
    controls: [...row.querySelectorAll('input, select, textarea')],
    error: row.querySelector('.error'),
  }
}

/* What stands in a field, as the server reads it; undefined for nothing. */

function rawValue({ kind, controls }) {
  if (kind === 'choices') return controls.filter((control) => control.checked).map((control) => control.value)
  if (kind === 'consent') return controls[0].checked || undefined
  const control = controls[0].type === 'radio' ? controls.find((each) => each.checked) : controls[0]
  return control ? control.value.trim() : undefined
}

function answerOf(field) {
  const raw = rawValue(field)
  if (raw === undefined || raw.length === 0) return undefined
  return field.kind === 'number' ? numberFrom(raw) : raw
}

function numberFrom(text) {
  const digits = text.replace(/[ \u00a0\u202f]/g, '')
  return /^[+-]?\d+(?:[.,]\d+)?$/.test(digits) ? Number(digits.replace(',', '.')) : Number.NaN
}

/* Rules: what each one refuses. */

const refuses = {
  'text-too-short': (value, limit) => [...value].length < limit,
  'text-too-long': (value, limit) => [...value].length > limit,
  'email-invalid': (value) => !/^[^\s@]+@[^\s@.]+(?:\.[^\s@.]+)+$/.test(value),
  'number-expected': (value) => Number.isNaN(value),
  'number-integer': (value) => !Number.isInteger(value),
  'number-too-small': (value, limit) => value < limit,
  'number-too-large': (value, limit) => value > limit,
  'date-too-early': (value, limit) => value < limit,
  'date-too-late': (value, limit) => value > limit,
  'choices-too-few': (value, limit) => value.length < limit,
  'choices-too-many': (value, limit) => value.length > limit,
}

function brokenRule(field, value) {
  return value === undefined ? undefined : field.rules.find(({ code, limit }) => refuses[code]?.(value, limit))
}

/* Conditions. */

const compares = {
  answered: (value) => value !== undefined,
  equals: (value, wanted) => value === wanted,
  oneOf: (value, _, list) => list.includes(value),
  includes: (value, wanted) => Array.isArray(value) && value.includes(wanted),
  lessThan: (value, bound) => value < bound,
  atMost: (value, bound) => value <= bound,
  moreThan: (value, bound) => value > bound,
  atLeast: (value, bound) => value >= bound,
}
const opposites = { notAnswered: 'answered', notEquals: 'equals', noneOf: 'oneOf', excludes: 'includes' }

function holds(condition, values) {
  if (condition.all) return condition.all.every((each) => holds(each, values))
  if (condition.any) return condition.any.some((each) => holds(each, values))
  const { field, op, value, values: list } = condition
  const isTrue = compares[opposites[op] ?? op](values.get(field), value, list)
  return opposites[op] ? !isTrue : isTrue
}

/** Shows the fields that apply, in their order: what shows one has been read by the time it is reached. */
function reveal() {
  const values = new Map()
  for (const field of rows) {
    const isShown = field.showWhen === undefined || holds(field.showWhen, values)
    if (field.row.hidden === isShown) {
      field.row.hidden = !isShown
      // What is not shown is not sent.
      for (const control of field.controls) control.disabled = !isShown
    }
    const value = isShown ? answerOf(field) : undefined
    if (value !== undefined && !brokenRule(field, value)) values.set(field.name, value)
  }
}

/* Hints. */

function judge(field) {
  const broken = brokenRule(field, answerOf(field))
  if (broken) say(field, broken.message)
  else if (answerOf(field) !== undefined) clear(field)
}

function say({ row, error, controls }, message) {
  row.classList.add('wrong')
  const prefix = Object.assign(document.createElement('span'), { className: 'unseen', textContent: form.dataset.error })
  error.replaceChildren(prefix, ` ${message}`)
  error.hidden = false
  for (const control of controls) control.setAttribute('aria-invalid', 'true')
}

function clear({ row, error, controls }) {
  row.classList.remove('wrong')
  error.hidden = true
  error.replaceChildren()
  for (const control of controls) control.removeAttribute('aria-invalid')
  row.querySelector('[role=radiogroup]')?.removeAttribute('aria-invalid')
}

/** Counts what is left of a long text, once little is. */
function count(field) {
  const rule = field.kind === 'longText' && field.rules.find(({ code }) => code === 'text-too-long')
  if (!rule) return
  const left = rule.limit - [...field.controls[0].value.trim()].length
  const isClose = left < Math.max(50, rule.limit / 5)
  let line = field.row.querySelector('.count')
  if (!line) {
    line = Object.assign(document.createElement('p'), { className: 'count' })
    line.setAttribute('role', 'status')
    field.row.append(line)
  }
  const words = left < 0 ? form.dataset.over : form.dataset.left
  line.textContent = isClose ? words.replace('{count}', Math.abs(left).toLocaleString(page.lang)) : ''
}

const fieldOf = (event) => rows.find(({ row }) => row.contains(event.target))

/* Sending. */

const readyAt = performance.now() + Number(form?.dataset.wait ?? 0)
let isSending = false

function send(event) {
  if (isSending) return event.preventDefault()
  isSending = true
  const button = event.submitter ?? form.querySelector('button')
  button.dataset.text = button.textContent
  button.textContent = form.dataset.sending
  button.setAttribute('aria-disabled', 'true')
  const wait = readyAt - performance.now()
  if (wait <= 0) return
  // The server refuses what comes sooner than a person fills in a form; somebody may be as quick with autofill.
  event.preventDefault()
  setTimeout(() => HTMLFormElement.prototype.submit.call(form), wait)
}

/** A page that comes back from the browser's memory can be sent again. */
function restore() {
  isSending = false
  for (const button of form.querySelectorAll('button[data-text]')) {
    button.textContent = button.dataset.text
    button.removeAttribute('aria-disabled')
  }
  reveal()
}

if (form) {
  form.addEventListener('input', (event) => {
    reveal()
    const field = fieldOf(event)
    if (!field) return
    count(field)
    // While it is typed, an answer is only ever set right.
    if (field.row.classList.contains('wrong') && !brokenRule(field, answerOf(field))) judge(field)
  })
  form.addEventListener('change', (event) => {
    const field = fieldOf(event)
    if (field) judge(field)
  })
  form.addEventListener('submit', send)
  addEventListener('pageshow', restore)
  reveal()
}
page.classList.add('live')
summary?.focus()

/* In a frame of another site: tells it the height to give, and to nobody before it has asked. */

if (parent !== window) {
  page.classList.add('framed')
  let reader
  const report = () => {
    if (reader) parent.postMessage({ type: 'rempart:height', height: Math.ceil(document.body.offsetHeight) }, reader)
  }
  addEventListener('message', (event) => {
    if (event.source !== parent || event.data?.type !== 'rempart:ask') return
    reader = event.origin
    report()
  })
  new ResizeObserver(report).observe(document.body)
}
