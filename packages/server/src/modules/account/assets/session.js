/* Signs in with cookies that no script can read, and looks after the passkeys of who is signed in. */
const page = document.querySelector('main')
const said = JSON.parse(page.dataset.said)
const form = document.querySelector('form')
const fault = document.querySelector('main > .fault[role=alert]')
const done = document.querySelector('.done')
const canPasskeys = typeof globalThis.PublicKeyCredential?.parseCreationOptionsFromJSON === 'function'
const { locale } = new Intl.DateTimeFormat(document.documentElement.lang).resolvedOptions()

const starts = { 'sign-in': startSignIn, passkeys: startPasskeys }
starts[page.dataset.page]()

/** Asks the API; an access token that has ended meanwhile is replaced once. Throws its problem for a refusal. */
async function call(method, path, body, isSecond = false) {
  const tenant = new URLSearchParams(location.search).get('tenant')
  const answer = await fetch(`/api/v1${path}`, {
    method,
    headers: {
      'accept-language': document.documentElement.lang,
      'x-rempart-csrf': '1',
      ...(body && { 'content-type': 'application/json' }),
      ...(tenant && { 'x-tenant-id': tenant }),
    },
    ...(body && { body: JSON.stringify(body) }),
  })
  if (answer.ok) return answer.status === 204 ? undefined : answer.json()
  const problem = await answer.json()
  const hasEnded = problem.code === 'authentication-required' || problem.code === 'credential-invalid'
  if (!hasEnded || isSecond) throw problem
  await call('POST', '/auth/refresh', {}, true)
  return call(method, path, body, true)
}

/** Does what a button is for, and says what came of it. */
async function attempt(work) {
  const buttons = [...document.querySelectorAll('button')].filter((button) => !button.disabled)
  for (const button of buttons) button.disabled = true
  show('', '')
  try {
    show('', await work())
  } catch (error) {
    show(reasonOf(error), '')
    meet(error)
  }
  for (const button of buttons) button.disabled = false
}

function show(wrong, right) {
  fault.textContent = wrong ?? ''
  fault.hidden = !wrong
  done.textContent = right ?? ''
  done.hidden = !right
}

function reasonOf(error) {
  if (error?.code && error.title) return error.detail ?? error.error
  return error instanceof DOMException ? said.cancelled : said.failed
}

/** Offers what a refusal asks for. */
function meet(error) {
  const again = document.querySelector('#again')
  const confirm = document.querySelector('#confirm')
  if (!again || !confirm) return
  if (error?.code === 'step-up-required') {
    confirm.hidden = !canPasskeys
    again.hidden = false
  }
  if (error?.status === 401 && error.code !== 'step-up-required' && error.code !== 'passkey-refused') {
    form.hidden = true
    again.hidden = false
  }
}

async function showPasskey(options) {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options)
  const credential = await navigator.credentials.get({ publicKey })
  return { credential: credential.toJSON() }
}

function startSignIn() {
  const passkey = document.querySelector('#use-passkey')
  passkey.hidden = !canPasskeys
  let session
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const { email, password, code } = Object.fromEntries(new FormData(form))
    void attempt(async () => {
      if (session && code) {
        await call('POST', '/auth/login/mfa', { mfa_session_token: session, code }, true)
        return enter()
      }
      const answer = await call('POST', '/auth/login', { email, password, transport: 'cookie' }, true)
      if (!answer.mfa_required) return enter()
      session = answer.mfa_session_token
      form.code.disabled = false
      form.code.closest('.field').hidden = false
      form.code.focus()
      return said.wantsPasskey
    })
  })
  passkey.addEventListener('click', () => {
    void attempt(async () => {
      const options = await call('POST', '/passkeys/authentication/options', { transport: 'cookie' }, true)
      await call('POST', '/passkeys/authentication', await showPasskey(options), true)
      return enter()
    })
  })
}

function enter() {
  location.assign(`/account/passkeys${location.search}`)
}

function startPasskeys() {
  document.querySelector('#again a').href += location.search
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void attempt(async () => {
      if (!canPasskeys) return said.unsupported
      const options = await call('POST', '/passkeys/registration/options')
      const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options)
      const credential = await navigator.credentials.create({ publicKey })
      const label = form.label.value.trim()
      await call('POST', '/passkeys/registration', { credential: credential.toJSON(), ...(label && { label }) })
      form.reset()
      await list()
      return said.added
    })
  })
  document.querySelector('#confirm').addEventListener('click', () => {
    void attempt(async () => {
      await call('POST', '/passkeys/step-up', await showPasskey(await call('POST', '/passkeys/step-up/options')))
      document.querySelector('#confirm').hidden = true
      document.querySelector('#again').hidden = true
      return said.confirmed
    })
  })
  document.querySelector('#sign-out').addEventListener('click', () => {
    void attempt(async () => {
      await call('POST', '/auth/logout', {})
      location.assign(`/account/sign-in${location.search}`)
    })
  })
  void attempt(list)
}

async function list() {
  const { items } = await call('GET', '/passkeys')
  form.hidden = false
  const nothing = document.createElement('li')
  nothing.textContent = said.none
  document.querySelector('.items').replaceChildren(...(items.length === 0 ? [nothing] : items.map(entryOf)))
}

function entryOf(passkey) {
  const day = (instant) => new Date(instant).toLocaleDateString(locale)
  const used = passkey.lastUsedAt ? `${said.used} ${day(passkey.lastUsedAt)}` : said.unused
  const facts = [`${said.created} ${day(passkey.createdAt)}`, used, ...(passkey.isSynced ? [said.synced] : [])]
  const entry = document.createElement('li')
  const name = document.createElement('strong')
  name.textContent = passkey.label
  const text = document.createElement('span')
  text.textContent = passkey.isSuspected ? said.suspected : facts.join(', ')
  if (passkey.isSuspected) text.className = 'fault'
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'second'
  button.textContent = said.remove
  button.setAttribute('aria-label', `${said.remove}: ${passkey.label}`)
  button.addEventListener('click', () => {
    void attempt(async () => {
      await call('DELETE', `/passkeys/${passkey.id}`)
      await list()
      return said.removed
    })
  })
  entry.append(name, text, button)
  return entry
}
