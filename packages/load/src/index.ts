export { runLoad } from './run-load.ts'
export type {
  AnswersOfStatus,
  Load,
  LoadOptions,
  LoadProgress,
  LoadReport,
  Times,
  UrlReport,
} from './run-load.ts'
