/** The fault table as Markdown, made from the rows that the tests run. */
import { errorKinds } from '@overlap/workload'
import { databaseFaults, shutdowns } from './database-faults.ts'
import type { Ending } from './endings.ts'
import { otherFaults } from './other-faults.ts'
import { serviceFaults } from './service-faults.ts'

interface Row {
  readonly fault: string
  readonly injected: string
  readonly ends: Ending
}

export function faultTables(): string {
  const others = otherFaults.map(({ fault, holds, file, test }) => [
    fault,
    holds,
    `[${test.replaceAll('$', '\\$')}](../${file})`,
  ])
  return [
    '## The reservation service',
    endings('a service that …', serviceFaults),
    '## Postgres',
    endings('a Postgres that …', [...databaseFaults, ...shutdowns]),
    '## Elsewhere',
    table(['fault', 'what holds', 'test'], others),
  ].join('\n\n')
}

function endings(head: string, rows: readonly Row[]): string {
  const cells = rows.map(({ fault, injected, ends }) => [fault, injected, ...tell(ends)])
  return table([head, 'injected by', 'error', 'kind', 'status', 'tried again'], cells)
}

function tell(ends: Ending): string[] {
  if (ends === 'answers') return ['none', '', '200', '']
  const { error, kind, status, code } = ends
  const codes =
    code === undefined
      ? []
      : [
          [code]
            .flat()
            .map((one) => `\`${one}\``)
            .join(' or '),
        ]
  const details = [...(status === undefined ? [] : [`answer ${status}`]), ...codes].join(', ')
  const { retriable, status: told } = errorKinds[kind]
  return [`\`${error}\`${details && ` (${details})`}`, `_${kind}_`, String(told), retriable ? 'yes' : 'no']
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
