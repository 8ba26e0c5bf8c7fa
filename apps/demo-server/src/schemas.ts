/** The shapes of answers: Fastify makes its serializers from them, and `/openapi.json` shows them. */

const text = { type: 'string' }
const integer = { type: 'integer' }
const object = (properties: Readonly<Record<string, object>>) => ({
  type: 'object',
  required: Object.keys(properties),
  properties,
})
const ms = (description: string) => ({ type: ['number', 'null'], description })

export const availability = object({ sku: text, onHand: integer, reserved: integer, available: integer })
export const reservation = object({ sku: text, reserved: integer })
export const stock = object({ sku: text, onHand: integer })
export const receipt = object({ order: text, sku: text, units: integer, onHand: integer })
export const gallery = {
  type: 'object',
  description: 'A page with its `thumbnails`, or with what is wrong with it.',
  required: ['page'],
  properties: {
    page: text,
    thumbnails: {
      type: 'array',
      description: 'In the order of the widths.',
      items: object({
        width: integer,
        height: integer,
        url: { type: 'string', description: 'A WebP picture: `data:image/webp;base64,…`.' },
      }),
    },
    error: {
      ...object({ name: text, message: text }),
      properties: {
        name: { type: 'string', description: 'HttpError or PictureError.' },
        status: { type: 'integer', description: 'That the service answered with, if it did.' },
        message: text,
      },
    },
  },
}
export const loopbackEcho = object({
  bytes: { ...integer, description: 'That have come back.' },
  chunks: { ...integer, description: 'In how many chunks they were read.' },
  mostHeldBytes: { ...integer, description: 'How many of them the echo held at the same time, at most.' },
  bytesReadInPause: { ...integer, description: 'How many it had read when its client began to.' },
})
export const turn = {
  type: 'object',
  description: 'A request, and when it ran, in milliseconds since the run began; or why it did not.',
  required: ['key', 'urgency'],
  properties: {
    key: text,
    urgency: integer,
    startedMs: { type: 'number' },
    endedMs: { type: 'number' },
    error: object({ name: text, message: text }),
  },
}
export const message = object({
  id: integer,
  channel: text,
  text: { type: ['string', 'null'], description: '`null`: messages may have been missed.' },
})

const named = {
  scenario: text,
  style: { type: 'string', description: 'The style that ran it.' },
}
const trace = {
  type: 'array',
  description:
    'Only with `trace=true`: the calls in the order of their start. Milliseconds since the run began.',
  items: object({
    call: text,
    startedMs: { type: 'number' },
    sentMs: ms('When a connection was lent to it. `null`: never.'),
    answeringMs: ms('When the head of the answer had come. `null`: never, or it is no request.'),
    endedMs: ms('`null`: not before the run did.'),
    outcome: { type: ['string', 'null'], description: 'succeeded, failed or cancelled.' },
  }),
}

/** `result`: that of the scenario. */
export const runResponse = (result: object) => ({
  description: 'What the scenario answered, and, when asked for, what its calls did meanwhile.',
  type: 'object',
  required: ['scenario', 'style', 'result'],
  properties: { ...named, result, trace },
})

/** `result`: one of many. */
export const answersResponse = (result: object) => ({
  description:
    'The answers as they arrive, one `result` each, and at last an `end`, or a `problem` if it failed on the way.',
  content: {
    'application/x-ndjson': {
      schema: {
        description: 'One of them in each line.',
        type: 'object',
        properties: {
          result,
          end: { ...object(named), properties: { ...named, trace } },
          problem: { type: 'object' },
        },
      },
    },
    'text/event-stream': { schema: { ...text, description: 'When it is accepted: an event for each.' } },
  },
})

export const lanesResponse = {
  description: 'The styles, and what runs in them.',
  ...object({
    active: { type: 'string', description: 'The style of runs that ask for none.' },
    styles: {
      type: 'array',
      items: object({
        name: text,
        active: { type: 'boolean' },
        running: { type: 'integer', description: 'Runs that have not settled.' },
        draining: {
          type: 'integer',
          description: 'Those among them that it got as the active style, which it is no more.',
        },
        echo: {
          type: ['string', 'null'],
          description: 'Where its TCP echo server listens: host and port.',
        },
      }),
    },
    exhibits: {
      type: 'array',
      description: 'No styles, and never active: they run for a request that names them.',
      items: object({
        name: text,
        running: {
          type: 'integer',
          description: 'Runs that have not settled. What settled ones have left running is not counted.',
        },
      }),
    },
  }),
}

const proxy = object({
  name: text,
  enabled: { type: 'boolean', description: '`false`: connections are refused.' },
  connections: { type: 'integer', description: 'Through it, now.' },
  toxics: {
    type: 'array',
    items: object({
      name: text,
      type: text,
      stream: text,
      toxicity: { type: 'number' },
      attributes: { type: 'object', additionalProperties: { type: 'integer' } },
    }),
  },
})

export const proxyResponse = { description: 'The proxy.', ...proxy }

export const faultsResponse = {
  description: 'The proxies.',
  ...object({ proxies: { type: 'array', items: proxy } }),
}

export const feedResponse = {
  description: 'The messages; or, if `text/event-stream` is accepted, one event for each as they come.',
  content: {
    'application/json': {
      schema: object({
        messages: {
          type: 'array',
          items: object({
            id: text,
            channel: text,
            text: {
              type: ['string', 'null'],
              description: '`null`: messages may have been missed before it.',
            },
          }),
        },
        last: { type: 'string', description: 'To be sent as `after` the next time.' },
      }),
    },
    'text/event-stream': { schema: text },
  },
}

const number = { type: 'number' }
const nullable = (schema: object) => ({ anyOf: [schema, { type: 'null' }] })
const times = {
  ...object({ p50: number, p90: number, p99: number, max: number }),
  description: 'Milliseconds since the time of the request had come.',
}

export const loadResponse = {
  description: 'The load, and what has come of it so far.',
  ...object({
    state: { enum: ['idle', 'running', 'finished', 'stopped', 'failed'] },
    order: {
      ...nullable({ type: 'object', additionalProperties: true }),
      description: 'What was asked for last.',
    },
    elapsedMs: integer,
    now: {
      ...nullable(
        object({
          style: text,
          warmingUp: { type: 'boolean', description: 'Nothing is counted yet.' },
          recent: {
            ...nullable(object({ perSecond: number, ms: nullable(times) })),
            description: 'Its successes since this was told last.',
          },
        }),
      ),
      description: 'The style that is under load.',
    },
    styles: {
      type: 'array',
      items: object({
        style: text,
        seconds: { ...number, description: 'For which it was under load.' },
        outcomes: {
          ...object({ succeeded: integer, refused: integer, failed: integer, unsent: integer }),
          description:
            'Requests: answered; refused with 503; failed or cut off; not sent, because every connection waited.',
        },
        perSecond: { ...number, description: 'Successes.' },
        ms: nullable(times),
        bins: {
          type: 'array',
          items: { type: 'array', items: integer },
          description: '`[n, count]`: so many took from 2^(n/4) ms on, up to 2^((n+1)/4) ms.',
        },
        lateMs: {
          type: ['number', 'null'],
          description: 'The 99th percentile of how much later than its time a request was sent.',
        },
      }),
    },
    server: {
      ...nullable(
        object({
          eventLoopDelayMs: { ...number, description: 'The 99th percentile since this was told last.' },
          connections: object({ inUse: integer, max: integer, waiting: integer }),
          runs: integer,
        }),
      ),
      description: 'Connections are those to Postgres.',
    },
  }),
}

const ratioParts = { of: text, theirs: number, holds: { enum: ['about', 'above 1'] } }
const ratio = {
  ...object(ratioParts),
  properties: {
    ...ratioParts,
    byArithmetic: { type: 'boolean', description: 'It is not the talks’, but that of arithmetic.' },
  },
}

export const experimentsResponse = {
  description: 'The table.',
  type: 'array',
  items: object({
    id: text,
    what: text,
    theirs: text,
    floor: { type: ['string', 'null'], description: 'The least that it can be, by arithmetic.' },
    point: text,
    ours: { type: 'string', description: 'How it is made here.' },
    ratio: nullable(ratio),
    seconds: { ...number, description: 'How long it takes here, about.' },
  }),
}

export const experimentResponse = {
  description: 'What was measured.',
  ...object({
    id: text,
    parts: { type: 'array', items: object({ label: text, seconds: number }) },
    note: { type: ['string', 'null'], description: 'What came back that is no time.' },
    ratio: { type: ['number', 'null'] },
    expected: { type: ['number', 'null'], description: 'The talks’ ratio.' },
    held: {
      type: ['boolean', 'null'],
      description: 'Whether the shape has come back. `null`: there is none.',
    },
  }),
}

export const scenariosResponse = {
  description: 'The manifest.',
  type: 'array',
  items: object({
    name: text,
    firstSentence: text,
    group: text,
    input: { type: 'array', items: text },
    origin: text,
  }),
}

export const suiteResponse = {
  description: 'The clauses, and what came of them.',
  ...object({
    styles: { type: 'array', items: text, description: 'Those that can be judged.' },
    clauses: {
      type: 'array',
      items: object({
        scenario: text,
        id: text,
        title: { type: 'string', description: 'What it claims.' },
        file: { type: 'string', description: 'Where it is written: `/api/source/suite/:file`.' },
        line: { ...integer, description: 'In which line of it, from 1 on.' },
      }),
    },
    run: {
      description: 'The run that is going on, or the last one. `null`: there was none.',
      anyOf: [
        { type: 'null' },
        object({
          startedAt: text,
          endedAt: { type: ['string', 'null'] },
          state: { type: 'string', description: 'running, finished, stopped or failed.' },
          styles: { type: 'array', items: text },
          scenario: { type: ['string', 'null'], description: '`null`: all of them.' },
          judging: { type: ['string', 'null'], description: 'The style that is being judged.' },
          done: { ...integer, description: 'Clauses that have been judged.' },
          total: { ...integer, description: 'Clauses that are to be judged.' },
          problems: {
            type: 'array',
            description: 'Styles of which not all was judged, because their process has ended before.',
            items: object({ style: text, message: text }),
          },
        }),
      ],
    },
    judged: {
      type: 'array',
      description: 'The last verdicts of each scenario in each style.',
      items: object({
        style: text,
        scenario: text,
        judgedAt: text,
        changed: { type: 'boolean', description: 'These are not the sources that the server has loaded.' },
        clauses: {
          type: 'array',
          items: {
            type: 'object',
            required: ['clause', 'held', 'ms'],
            properties: {
              clause: { type: 'string', description: 'Its id.' },
              held: { type: 'boolean' },
              ms: { type: 'number', description: 'How long it took.' },
              message: { type: 'string', description: 'What was seen instead, where it was not held.' },
              seed: { ...integer, description: 'Of the random walk that has failed: `SEED`.' },
              path: { type: 'string', description: 'Where in that walk: `SEED_PATH`.' },
            },
          },
        },
      }),
    },
  }),
}

export const problemResponse = {
  description: 'What was wrong (RFC 9457).',
  content: {
    'application/problem+json': {
      schema: {
        type: 'object',
        required: ['type', 'title', 'status', 'detail'],
        properties: {
          type: text,
          title: text,
          status: integer,
          detail: text,
          errors: {
            type: 'array',
            items: object({ field: text, expected: text, received: { type: ['string', 'null'] } }),
          },
        },
      },
    },
  },
}

/** An answer that is not JSON. */
export const textResponse = (contentType: string, description: string) => ({
  description,
  content: { [contentType]: { schema: text } },
})
