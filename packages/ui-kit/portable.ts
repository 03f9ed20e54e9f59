export { parseFilter } from "./filter.ts";
export {
  formatBytes,
  formatDuration,
  formatElapsed,
  formatNumber,
  formatSpan,
  formatTime,
  formatValue,
  parseTime,
  shortId,
} from "./format.ts";
export {
  chooseLanguage,
  defineMessages,
  languages,
  placeholders,
  translator,
  type Language,
  type Messages,
  type Translate,
} from "./messages.ts";
