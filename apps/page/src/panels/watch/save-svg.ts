/**
 * The picture as a file for a slide. What draws slides knows little of style sheets, so each element carries its own
 * colours and letters, as they are on the page.
 */

const SVG = 'http://www.w3.org/2000/svg'

/** Room for it, and around all, in pixels. */
const TITLE = 48
const MARGIN = 16

const properties = [
  'fill',
  'fill-opacity',
  'stroke',
  'stroke-width',
  'stroke-opacity',
  'stroke-dasharray',
  'font-family',
  'font-size',
  'font-weight',
]

/** `title`: of the picture, which then stands above it. */
function toFile(svg: SVGSVGElement, title: string): string {
  // A cast, because a clone is of the same kind.
  const copy = svg.cloneNode(true) as SVGSVGElement
  copy.setAttribute('xmlns', SVG)
  const originals = [...svg.querySelectorAll('*')]
  for (const [index, element] of [...copy.querySelectorAll('*')].entries()) {
    const original = originals[index]
    if (original) writeStyle(element, getComputedStyle(original))
  }
  for (const grip of copy.querySelectorAll('.grip')) grip.remove()
  for (const element of copy.querySelectorAll('[class]')) element.removeAttribute('class')
  const { width, height } = svg.viewBox.baseVal
  const size = { width: width + 2 * MARGIN, height: height + TITLE }
  const { backgroundColor, color } = getComputedStyle(document.body)
  for (const [name, value] of Object.entries(size)) copy.setAttribute(name, String(value))
  copy.setAttribute('viewBox', `${-MARGIN} ${-TITLE} ${size.width} ${size.height}`)
  const heading = create('text', { x: 0, y: -20, fill: color, 'font-family': 'sans-serif', 'font-size': 18 })
  heading.textContent = title
  copy.prepend(create('rect', { x: -MARGIN, y: -TITLE, ...size, fill: backgroundColor }), heading)
  return new XMLSerializer().serializeToString(copy)
}

function create(name: string, attributes: Readonly<Record<string, string | number>>): Element {
  const element = document.createElementNS(SVG, name)
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, String(value))
  return element
}

function writeStyle(element: Element, style: CSSStyleDeclaration) {
  for (const property of properties) {
    // A pattern is named in the element itself.
    if (property === 'fill' && element.getAttribute('fill')?.startsWith('url(')) continue
    // Letters have a rim on the page, which not everybody draws behind them.
    if (element instanceof SVGTextContentElement && property.startsWith('stroke')) continue
    element.setAttribute(property, style.getPropertyValue(property))
  }
}

export function save(svg: SVGSVGElement, title: string, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([toFile(svg, title)], { type: 'image/svg+xml' }))
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href))
}
