export { ActionFailure, useAction } from "./action.tsx";
export { Answered, FoundPage } from "./answered.tsx";
export { areaUnder, linearScale, toCsv, type Scale } from "./chart-scale.ts";
export {
  BarChart,
  ChartFrame,
  ConfusionMatrix,
  LineChart,
  PlainTable,
  RocChart,
  ScatterChart,
  seriesColour,
  Sparkline,
  type ChartPoint,
  type ChartSeries,
  type ChartTable,
} from "./charts.tsx";
export { ContentPreview, FileTree, type FileEntry } from "./content-preview.tsx";
export { CrumbTrail, type Crumb } from "./crumbs.ts";
export { ConfirmDialog } from "./dialog.tsx";
export { HtmlFrame, Markdown } from "./documents.tsx";
export { RequestError } from "./errors.ts";
export { ConnectionBar, EmptyState, ErrorPanel, errorText, Notice, Skeleton, type NoticeTone } from "./feedback.tsx";
export { DropTarget, FileField } from "./file-field.tsx";
export { matchesFilter, parseFilter, printFilter, type Filter, type Filterable } from "./filter.ts";
export { FilterBar, type FilterField } from "./filter-bar.tsx";
export { CheckField, Field, FormPage, FormSection, PairsField, SelectField, TextField, type Pair } from "./form.tsx";
export {
  formatBytes,
  formatDuration,
  formatElapsed,
  formatNumber,
  formatTime,
  formatValue,
  middleEllipsis,
  parseTime,
  shortId,
} from "./format.ts";
export type { GraphEdge, GraphNode } from "./graph-node.ts";
export { GraphView } from "./graph-view.tsx";
export { KitProvider, useKit, useKitMessages, useMessages, useNow, useNowWhile, usePage, type Kit } from "./kit.tsx";
export { stateKey } from "./kit-messages.ts";
export { distinctValues, NoMatch, Selection, useChosen, useListing, type Chosen } from "./listing.tsx";
export { LiveLists, type LivePhase, type LiveQuery } from "./live-list.ts";
export { LogView } from "./log-view.tsx";
export { StateLabel, StateMark, StatusStrip, type StripBar } from "./marks.tsx";
export { chooseLanguage, defineMessages, languages, translator, type Language, type Translate } from "./messages.ts";
export {
  Link,
  navigationGroups,
  useNavigate,
  useParams,
  useQueryItem,
  useQueryString,
  type NavigationEntry,
  type NavigationGroup,
  type PageRoute,
  type PageSet,
  type SearchHit,
} from "./navigation.tsx";
export { DetailPage, ListPage, MissingPage, Switch, Tabs, useTab } from "./pages.tsx";
export { Split } from "./panel.tsx";
export { PickField } from "./pick-field.tsx";
export { Popover } from "./popover.tsx";
export { createRequester, isRecord, type Requester } from "./request.ts";
export { SourceView } from "./source-view.tsx";
export { isFinal, states, urgency, type State } from "./state.ts";
export {
  ColumnChooser,
  RowToggle,
  Table,
  timeColumn,
  useHiddenColumns,
  useScrollView,
  useSorted,
  type TableColumn,
  type TableSort,
  type TableTree,
} from "./table.tsx";
export { useTableSort } from "./table-sort.ts";
export { Bytes, CopyButton, CopyId, DefinitionList, Duration, Measured, Sentence, Time } from "./text.tsx";
export { Ticker } from "./ticker.ts";
export { useAnswer, useFreshAnswer, type Asked } from "./use-answer.ts";
export { liveAnswer, useLiveList, useLiveNamed, useLiveOne, type LiveListResult } from "./use-live-list.ts";
export { rowWindow, scrollToRow } from "./window.ts";
