/* Sends the one thing a page asks for. The token of the link stands in the fragment, and leaves it at once. */
const form = document.querySelector('form')
const fault = document.querySelector('main > .fault[role=alert]')
const done = document.querySelector('.done')

if (form) {
  const given = new URLSearchParams(location.hash.slice(1))
  const token = given.get('token')
  // A link that names nobody says so, and its page asks at once who it is.
  if (given.get('ask') === 'email') reveal(form.querySelector('#email'))
  // Neither the history nor what is copied from the address bar keeps it.
  if (token) history.replaceState(null, '', location.pathname + location.search)
  if ('token' in form.dataset && !token) {
    show(form.dataset.noToken)
    form.hidden = true
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void send(token)
  })
}

function show(text) {
  fault.textContent = text ?? ''
  fault.hidden = !text
}

async function send(token) {
  const button = form.querySelector('button')
  const body = Object.fromEntries(new FormData(form))
  if (token) body.token = token
  button.disabled = true
  forget()
  try {
    const tenant = new URLSearchParams(location.search).get('tenant')
    const answer = await fetch(form.getAttribute('action'), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'accept-language': document.documentElement.lang,
        ...(tenant && { 'x-tenant-id': tenant }),
      },
      body: JSON.stringify(body),
    })
    if (answer.ok) succeed()
    else tell(await answer.json())
  } catch {
    show(form.dataset.failed)
  }
  button.disabled = false
}

function succeed() {
  form.hidden = true
  done.hidden = false
  for (const link of document.querySelectorAll('form ~ p')) link.hidden = true
}

function forget() {
  show('')
  for (const input of form.querySelectorAll('input')) {
    input.removeAttribute('aria-invalid')
    form.querySelector(`#${input.id}-fault`).textContent = ''
  }
}

function tell(problem) {
  let first
  for (const { pointer, message } of problem.errors ?? []) {
    const input = form.querySelector(`#${pointer.slice(1)}`)
    if (!input) continue
    reveal(input)
    input.setAttribute('aria-invalid', 'true')
    form.querySelector(`#${input.id}-fault`).textContent = `${labelOf(input)} ${message}`
    first ??= input
  }
  if (first) first.focus()
  else show(problem.detail ?? problem.error)
}

function reveal(input) {
  if (!input) return
  input.disabled = false
  input.closest('.field').hidden = false
}

const labelOf = (input) => form.querySelector(`label[for=${input.id}]`).textContent
