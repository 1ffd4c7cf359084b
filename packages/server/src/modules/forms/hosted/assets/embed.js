/**
 * Shows a hosted form in the page, as high as it needs to be:
 * <script src="https://forms.example/f/embed.js" data-form="contact" async></script>
 * Also: data-tenant, data-lang (en or fr), data-title.
 */
;(() => {
  const script = document.currentScript
  const { form, tenant, lang, title } = script.dataset
  const home = new URL(script.src).origin
  const address = new URL(`/f/${encodeURIComponent(form)}`, home)
  if (tenant) address.searchParams.set('tenant', tenant)
  if (lang) address.searchParams.set('lang', lang)

  const frame = document.createElement('iframe')
  frame.src = address.href
  frame.title = title || form
  Object.assign(frame.style, { display: 'block', width: '100%', height: '40rem', border: '0' })

  addEventListener('message', (event) => {
    if (event.origin !== home || event.source !== frame.contentWindow) return
    const { type, height } = event.data ?? {}
    if (type !== 'rempart:height' || !Number.isFinite(height)) return
    frame.style.height = `${Math.min(Math.max(height, 100), 20_000)}px`
  })
  let pages = 0
  frame.addEventListener('load', () => {
    // The frame learns from this who asks, and answers to nobody else.
    frame.contentWindow.postMessage({ type: 'rempart:ask' }, home)
    pages += 1
    // The next page begins at its top, which may be far above what is on the screen.
    if (pages > 1 && frame.getBoundingClientRect().top < 0) frame.scrollIntoView()
  })
  script.after(frame)
})()
