/**
 * On each answer of the routes that are no runs and no page, for whoever opens it in a window: nothing is loaded, nothing is
 * sent, and no page of another site may frame it or have it. What a run answers is JSON, and says no more than that
 * it is nothing else.
 *
 * Written by hand, because many answers do not go through Fastify's hooks: streams, handshakes and the runs.
 *
 * Source: https://cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html
 */
export const strictHeaders = {
  'content-security-policy':
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const

const own = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
].join('; ')

/** The page loads what is its own, and nothing else: no code and no style stands in its HTML. */
export const pageHeaders = { 'content-security-policy': `${own}; frame-ancestors 'none'` } as const

/** A panel may be framed by slides, which come from this machine. */
export const embedHeaders = {
  'content-security-policy': `${own}; frame-ancestors 'self' http://localhost:* http://127.0.0.1:*`,
} as const
