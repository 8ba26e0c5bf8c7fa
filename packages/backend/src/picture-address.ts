/**
 * Where on the service a picture may be: nothing but a path. Addresses come from pages, and whoever writes
 * those must not choose what else is asked: no other host, no way up, no query.
 */
import type { PictureAddress } from '@overlap/workload'

const LENGTH_LIMIT = 1_024

/** Segments that are not `.` or `..`, in the characters of a URL's path. Encoded, none of `.`, `/`, `\` and NUL. */
const path = /^(?:\/(?!\.{1,2}(?:\/|$))(?:[\w.~!$&'()*+,;=:@-]|%(?!2[ef]|5c|00)[\da-f]{2})+)+$/i

export function isPictureAddress(text: string): text is PictureAddress {
  return text.length <= LENGTH_LIMIT && path.test(text)
}
