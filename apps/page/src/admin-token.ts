import { signal } from '@preact/signals'

/** What the reader has given for the admin token: for all panels, in no address, and forgotten with the page. */
export const adminToken = signal('')
