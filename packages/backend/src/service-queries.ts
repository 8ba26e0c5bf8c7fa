/** The query strings of one run's requests: what the reservation service is asked to do beside answering. */

export class ServiceQueries {
  #failures: number

  /** `failures`: how many requests, from the first on, are to be answered with 503; `Infinity`: all of them. */
  constructor(failures: number) {
    this.#failures = failures
  }

  /** Of the next request. Empty when there is nothing to say, as in every run that is in a hurry. */
  next(delayMs: number): string {
    if (this.#failures === 0) return delayMs === 0 ? '' : `?delayMs=${delayMs}`
    this.#failures--
    return `?delayMs=${delayMs}&status=503`
  }
}
