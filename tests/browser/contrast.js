/**
 * Every text on the page with less contrast than WCAG 1.4.3 asks for (4.5, or 3 for large text), and every box to type in
 * whose border has less than 3 against what surrounds it (1.4.11): one line each. Evaluated in the page.
 */
;(() => {
  const channels = (color) => {
    const parts = color.match(/[\d.]+/g).map(Number)
    return { rgb: parts.slice(0, 3), alpha: parts[3] ?? 1 }
  }
  const linear = (value) => (value <= 10.31475 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4)
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
  const contrast = (color, rgb) => {
    const [light, dark] = [luminance(channels(color).rgb), luminance(rgb)].sort((a, b) => b - a)
    return (light + 0.05) / (dark + 0.05)
  }
  /** The colour behind an element: of the nearest ancestor that has one of its own. */
  const backdrop = (element) => {
    const { rgb, alpha } = channels(getComputedStyle(element).backgroundColor)
    return alpha === 1 || element.parentElement === null ? rgb : backdrop(element.parentElement)
  }
  const isSeen = (element) =>
    element.checkVisibility() && element.getBoundingClientRect().width > 1 && !element.closest('[aria-hidden]')
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '')

  const textFault = (element) => {
    const { color, fontSize, fontWeight } = getComputedStyle(element)
    const size = Number.parseFloat(fontSize)
    const found = contrast(color, backdrop(element))
    const isLarge = size >= 24 || (size >= 18.66 && Number(fontWeight) >= 700)
    return found < (isLarge ? 3 : 4.5) ? [`text ${found.toFixed(2)}: ${element.textContent.trim().slice(0, 40)}`] : []
  }
  const borderFault = (element) => {
    const found = contrast(getComputedStyle(element).borderTopColor, backdrop(element.parentElement))
    return found < 3 ? [`border ${found.toFixed(2)}: ${element.name}`] : []
  }
  const seen = [...document.querySelectorAll('body *')].filter(isSeen)
  const boxes = seen.filter((each) =>
    each.matches('input:not([type=hidden], [type=radio], [type=checkbox]), select, textarea'),
  )
  return [...seen.filter(hasText).flatMap(textFault), ...boxes.flatMap(borderFault)]
})()
