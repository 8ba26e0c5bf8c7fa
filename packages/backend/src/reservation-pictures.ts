/**
 * The pictures of the reservation service: JPEGs of two megapixels, drawn when they are first asked for.
 *
 * Always the same bytes for the same name, on one machine: a gradient, circles and the page's number, under the
 * grain that makes a photograph as large as it is. Digits are rectangles, because a machine may have no font.
 */
const WIDTH = 1_760
const HEIGHT = 1_168
const GRAIN = 256

const numbered = /^P-([1-9]|10)$/

/** Drawn, or being drawn. */
const drawn = new Map<number, Promise<Buffer>>()

export function hasPicture(name: string): boolean {
  return numbered.test(name) || name === 'not-a-picture' || name === 'truncated'
}

/** `undefined` when there is none of that name. */
export function pictureOf(name: string): Promise<Buffer> | undefined {
  if (name === 'not-a-picture')
    return Promise.resolve(Buffer.from('This is text, whatever its type may say.\n'))
  if (name === 'truncated') return drawOnce(1).then((bytes) => bytes.subarray(0, bytes.length / 2))
  const [, number] = numbered.exec(name) ?? []
  return number === undefined ? undefined : drawOnce(Number(number))
}

function drawOnce(number: number): Promise<Buffer> {
  const known = drawn.get(number)
  if (known) return known
  const picture = draw(number)
  drawn.set(number, picture)
  picture.catch(() => drawn.delete(number))
  return picture
}

async function draw(number: number): Promise<Buffer> {
  // Loaded with the first picture, and not with the service.
  const { default: sharp } = await import('sharp')
  const grain = {
    input: toGrain(number),
    raw: { width: GRAIN, height: GRAIN, channels: 3 as const },
    tile: true,
    blend: 'overlay' as const,
  }
  return await sharp(Buffer.from(toSvg(number)))
    .composite([grain])
    .jpeg({ quality: 80 })
    .toBuffer()
}

function toSvg(number: number): string {
  const hue = number * 36
  const circles = Array.from({ length: 40 }, (_, index) => {
    const [x, y, radius] = [
      (index * 397 * number) % WIDTH,
      (index * 211 * number) % HEIGHT,
      20 + ((index * 53) % 180),
    ]
    return `<circle cx="${x}" cy="${y}" r="${radius}" fill="hsl(${hue + index * 20},80%,50%)" fill-opacity=".35"/>`
  })
  const digits = Array.from(String(number), (digit, index) => toDigit(Number(digit), 120 + index * 340))
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}">
    <linearGradient id="sky" x2="1" y2="1">
      <stop stop-color="hsl(${hue},70%,60%)"/><stop offset="1" stop-color="hsl(${hue + 120},70%,30%)"/>
    </linearGradient>
    <rect width="100%" height="100%" fill="url(#sky)"/>
    ${circles.join('')}
    <g fill="white">${digits.join('')}</g>
  </svg>`
}

/** The bars of a seven-segment display: where each is, and in which digits it is lit. */
const bars = [
  { x: 40, y: 0, width: 160, height: 40, digits: [0, 2, 3, 5, 6, 7, 8, 9] },
  { x: 0, y: 40, width: 40, height: 160, digits: [0, 4, 5, 6, 8, 9] },
  { x: 200, y: 40, width: 40, height: 160, digits: [0, 1, 2, 3, 4, 7, 8, 9] },
  { x: 40, y: 200, width: 160, height: 40, digits: [2, 3, 4, 5, 6, 8, 9] },
  { x: 0, y: 240, width: 40, height: 160, digits: [0, 2, 6, 8] },
  { x: 200, y: 240, width: 40, height: 160, digits: [0, 1, 3, 4, 5, 6, 7, 8, 9] },
  { x: 40, y: 400, width: 160, height: 40, digits: [0, 2, 3, 5, 6, 8, 9] },
]

function toDigit(digit: number, left: number): string {
  return bars
    .filter(({ digits }) => digits.includes(digit))
    .map(
      ({ x, y, width, height }) =>
        `<rect x="${left + x}" y="${120 + y}" width="${width}" height="${height}"/>`,
    )
    .join('')
}

/** Grey noise that is the same each time: a linear congruential generator, seeded with the number. */
function toGrain(number: number): Buffer {
  const grain = Buffer.alloc(GRAIN * GRAIN * 3)
  let state = number
  for (let index = 0; index < grain.length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    grain[index] = 96 + (state >>> 26)
  }
  return grain
}
