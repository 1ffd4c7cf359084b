/**
 * Answers a challenge of the server: has the ALTCHA widget do the work it asks for, then goes on with the proof in the
 * address, for a page cannot add a header to the form it sends.
 */
const place = document.querySelector('[data-challenge]')
const form = document.querySelector('form[data-wait]')
const { challenge, worker, language, auto } = place.dataset

globalThis.$altcha.algorithms.set(JSON.parse(challenge).parameters.algorithm, () => new Worker(worker))

const widget = document.createElement('altcha-widget')
widget.setAttribute('challenge', challenge)
widget.setAttribute('language', language)
widget.setAttribute('auto', 'onload')
widget.setAttribute('configuration', JSON.stringify({ hideFooter: true, hideLogo: true, minDuration: 0 }))
widget.addEventListener('verified', (event) => goOn(event.detail.payload))
place.replaceChildren(widget)

function goOn(proof) {
  // A field of the form may be called `action`.
  const address = new URL(form?.getAttribute('action') ?? location.href, location.href)
  address.searchParams.set('proof', proof)
  if (form) form.setAttribute('action', address.href)
  // A proof that was not taken is not sent again and again by itself.
  if (auto === undefined) return
  if (form) setTimeout(() => HTMLFormElement.prototype.submit.call(form), Number(form.dataset.wait))
  else location.replace(address)
}
