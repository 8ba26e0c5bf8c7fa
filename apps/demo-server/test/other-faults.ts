/** What goes wrong elsewhere, or means something else for another scenario, and the tests about that. */

export interface OtherFault {
  readonly fault: string
  readonly holds: string
  /** From the root of the repository. */
  readonly file: string
  /** The test's title as it stands there. */
  readonly test: string
}

const here = 'apps/demo-server/test/faults.test.ts'
const runs = 'apps/demo-server/test/runs.test.ts'
const processes = 'apps/demo-server/test/process.test.ts'
const security = 'apps/demo-server/test/security.test.ts'
const gates = 'apps/demo-server/test/gates.test.ts'
const feed = 'apps/demo-server/test/feed.test.ts'
const echo = 'apps/demo-server/test/echo.test.ts'
const requests = 'apps/demo-server/test/requests.test.ts'
const answers = 'packages/backend/test/answer-timeout.test.ts'
const books = 'packages/backend/test/books.test.ts'
const cancels = 'packages/backend/test/cancel-query.test.ts'
const channels = 'packages/backend/test/listen.test.ts'
const threads = 'packages/backend/test/resize.test.ts'

export const otherFaults: readonly OtherFault[] = [
  {
    fault: 'a kept connection to the service is closed just as it is used again',
    holds: 'an `HttpError` of the kind _transient_: `retry` gets over it, on a new connection',
    file: here,
    test: 'closes a kept connection just as it is used again',
  },
  {
    fault: 'the service fails while a stream is being answered',
    holds: 'what came before stands; the last line is a problem with the status 502',
    file: here,
    test: 'fails in the middle of a stream',
  },
  {
    fault: 'the service does not confirm an order, in six of the ways above',
    holds: 'nothing is sold; what may have been confirmed is withdrawn as soon as the service can be reached',
    file: here,
    test: '$fault, when it is to confirm an order: nothing is sold',
  },
  {
    fault: 'Postgres kills the connection that takes an order, finds a deadlock, or refuses the commit',
    holds: 'nothing is sold, and a confirmation is withdrawn',
    file: here,
    test: '%s: nothing is sold',
  },
  {
    fault: 'Postgres kills a query that many wait for',
    holds: 'each of them fails with that',
    file: here,
    test: 'kills the query that many wait for',
  },
  {
    fault: 'Postgres was silent, and speaks again',
    holds: '`/readyz` answers 503, and then 200 again',
    file: here,
    test: 'was silent is ready again when it speaks',
  },
  {
    fault: 'a commit is left unanswered',
    holds: 'its client is told 504; Postgres is asked what has become of it, and the books balance',
    file: answers,
    test: 'a commit that is left unanswered has come to pass, and the books know it',
  },
  {
    fault: 'a commit has come to pass, and its answer is lost',
    holds: 'the confirmation stays',
    file: books,
    test: 'has come to pass: the confirmation stays',
  },
  {
    fault: 'a commit is lost before it comes to pass',
    holds: 'the confirmation is withdrawn',
    file: books,
    test: 'has not come to pass: the confirmation is withdrawn',
  },
  {
    fault: 'the service cannot be reached for a withdrawal',
    holds: 'it is asked again until it acknowledges it',
    file: books,
    test: 'is withdrawn when the service cannot be reached at first',
  },
  {
    fault: '500 orders at once, of clients that leave and a service that fails',
    holds: 'what was taken from the stock is what was confirmed',
    file: runs,
    test: 'of many clients at once, some of whom leave or meet a failing service, leave the books in balance',
  },
  {
    fault: 'a cancel races with the answer',
    holds: 'it never hits the query of another',
    file: cancels,
    test: 'that races with the answer never hits another query',
  },
  {
    fault: 'a cancel is not heeded, because the backend stands still',
    holds: 'the connection is given up after 2 s, and another takes its place',
    file: cancels,
    test: 'costs the connection after 2 s, and its place is free again',
  },
  {
    fault: 'a cancel cannot be delivered',
    holds: 'the connection is destroyed, which ends the query',
    file: cancels,
    test: 'because nobody takes the request destroys the connection at once',
  },
  {
    fault: 'the connection that listens to channels is lost',
    holds: 'it is opened again, and each listener is told once that messages may be missing',
    file: channels,
    test: 'is opened again, and every listener is told once',
  },
  {
    fault: 'Postgres is down while channels are listened to',
    holds: 'who listens waits; who comes then fails',
    file: channels,
    test: 'fails who comes now, and keeps those who listened',
  },
  {
    fault: 'a client has died in the middle of a transaction',
    holds: 'its locks are gone after a minute at most',
    file: 'packages/backend/test/session.test.ts',
    test: 'keeps its locks for a minute at most',
  },
  {
    fault: 'a worker thread dies at work',
    holds: 'a `WorkerError`, a defect: 500. Those that wait get another thread',
    file: threads,
    test: 'one that dies at work fails its resize, and those that wait get another',
  },
  {
    fault: 'a worker thread cannot be started',
    holds: 'a `WorkerError` that says why, in the log; the next resize works',
    file: threads,
    test: 'one that cannot start says why, and the next resize works',
  },
  {
    fault: 'a page is not there, has no picture, or one that is damaged',
    holds: 'that page has an error in its place, and the others their thumbnails',
    file: runs,
    test: 'in %s are pictures, in the order of the pages, beside what has failed',
  },
  {
    fault: 'a client leaves',
    holds: 'its query and its request are gone',
    file: runs,
    test: 'when its client leaves, %s leaves nothing running',
  },
  {
    fault: 'a client leaves a stream',
    holds: 'it stops, and so does what it had started',
    file: runs,
    test: 'in %s, stops when its client leaves',
  },
  {
    fault: 'a client leaves while it waits at a gate',
    holds: 'its run is never started, and its place in the line is free',
    file: gates,
    test: 'a client that leaves while it waits is never started, and its place in the line is free',
  },
  {
    fault: 'one more waits at a gate than may',
    holds: '503 with `Retry-After`, at once',
    file: gates,
    test: 'one more than may wait is refused at once, and the others are answered',
  },
  {
    fault: 'a follower of the feed does not read',
    holds: 'it is told and let go, and the others get everything',
    file: feed,
    test: 'over $way in $style is told and let go, and the others get everything',
  },
  {
    fault: 'a client of an echo server resets its connection',
    holds: 'the others do not notice',
    file: echo,
    test: 'outlives clients that reset their connections, reading or not',
  },
  {
    fault: 'a call of the port throws',
    holds: 'a defect: 500, and the next run is answered',
    file: requests,
    test: 'a port that throws is a defect, and the next run is answered',
  },
  {
    fault: 'there is no Postgres when the server starts',
    holds: 'it starts, is not ready, and recovers by itself',
    file: processes,
    test: 'without its database it starts, says so, recovers when the database comes, and logs no secret',
  },
  {
    fault: 'SIGTERM under load',
    holds: 'not ready first, then nothing new, then what runs finishes; nothing is left',
    file: processes,
    test: 'under load, is not ready first, refuses what is new, finishes what runs and leaves nothing',
  },
  {
    fault: 'a second signal',
    holds: 'the end at once, and nothing is left either',
    file: processes,
    test: 'a second signal ends it at once, and leaves nothing either',
  },
  {
    fault: 'the server is killed (SIGKILL)',
    holds: 'Postgres, the service and their files are gone',
    file: processes,
    test: 'leaves neither its servants nor their files',
  },
  {
    fault: 'the server is killed in the middle of an order',
    holds: 'no lock is left: the next server takes the next order',
    file: processes,
    test: 'in the middle of an order leaves no lock: the next server, on the same port, takes the next order',
  },
  {
    fault: 'the process is stopped for seconds (SIGSTOP), and goes on',
    holds: 'each run ends once, and no order is made twice',
    file: processes,
    test: 'it may be stopped for seconds: then each run ends once, and no order is made twice',
  },
  {
    fault: 'the wall clock jumps',
    holds: 'time limits, retries, rates and waits are what they were',
    file: processes,
    test: 'the wall clock may jump: time limits, retries, rates and waits are none the longer and none the shorter',
  },
  {
    fault: 'there are no file descriptors left',
    holds: 'who is not served is told so or cut off, and it serves again afterwards',
    file: processes,
    test: 'it may run out of files: who is not served is told so or cut off, and it serves again afterwards',
  },
  {
    fault: 'nobody reads what the server prints',
    holds: 'nothing',
    file: processes,
    test: 'nobody need read what it prints',
  },
  {
    fault: 'the style is swapped 20 times under load, and swaps fail',
    holds: 'no run fails',
    file: processes,
    test: 'its style may be swapped 20 times under load, and swaps may fail: no run does',
  },
  {
    fault: 'there are more connections than may be',
    holds: 'one more is closed, and there is room again when one has left',
    file: security,
    test: 'holds for connections: one more is closed, and counted, and there is room again when one has left',
  },
  {
    fault: 'a client takes nothing of its answer',
    holds: 'it is cut off after its time; one whose answer takes its time is not',
    file: security,
    test: 'holds for a client that takes nothing of its answer, and not for one whose answer takes its time',
  },
  {
    fault: 'the process that started Postgres is killed',
    holds: 'Postgres and its directory are gone',
    file: 'packages/backend/test/postgres.test.ts',
    test: 'when the process that starts it is killed after %i ms',
  },
]
