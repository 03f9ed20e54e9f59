import {
  cause,
  defineResource,
  humanDuration,
  type KubeObject,
  nameColumn,
  type ObjectOf,
  type ResourceDefinition,
  s,
  type StatusCause,
} from "@headrace/model";
import { objectReference } from "./reference.ts";

const eventSource = s.object(
  {},
  { component: s.at(1, s.string()), host: s.at(2, s.string()) },
  { name: "io.k8s.api.core.v1.EventSource" },
);

const eventSeries = s.object(
  {},
  { count: s.at(1, s.integer()), lastObservedTime: s.at(2, s.microTime()) },
  { name: "io.k8s.api.core.v1.EventSeries" },
);

const eventFields = {
  involvedObject: s.at(2, s.orZero(objectReference, {})),
  reason: s.at(3, s.optional(s.string())),
  message: s.at(4, s.optional(s.string())),
  source: s.at(5, s.withDefault(eventSource, {})),
  firstTimestamp: s.at(6, s.optional(s.time())),
  lastTimestamp: s.at(7, s.optional(s.time())),
  count: s.at(8, s.optional(s.integer())),
  type: s.at(9, s.optional(s.string())),
  eventTime: s.at(10, s.optional(s.microTime())),
  series: s.at(11, s.optional(eventSeries)),
  action: s.at(12, s.optional(s.string())),
  related: s.at(13, s.optional(objectReference)),
  reportingComponent: s.at(14, s.orZero(s.string(), "")),
  reportingInstance: s.at(15, s.orZero(s.string(), "")),
};

export interface Event extends KubeObject, ObjectOf<typeof eventFields> {}

/** What happened to an object, in the core group's form. Events vanish after an hour. */
export const Event: ResourceDefinition<Event> = defineResource({
  group: "",
  version: "v1",
  kind: "Event",
  schemaName: "io.k8s.api.core.v1.Event",
  shortNames: ["ev"],
  builtIn: true,
  createsOnUpdate: true,
  ttlSeconds: 3600,
  fields: eventFields,
  columns: [
    { name: "Last Seen", value: (event, now) => seen(lastSeen(event), event, now) },
    { name: "Type", value: (event) => event.type },
    { name: "Reason", value: (event) => event.reason },
    { name: "Object", value: (event) => subject(event) },
    { name: "Subobject", priority: 1, value: (event) => event.involvedObject.fieldPath },
    { name: "Source", priority: 1, value: (event) => source(event) },
    { name: "Message", value: (event) => event.message?.trim() },
    {
      name: "First Seen",
      priority: 1,
      value: (event, now) => seen(event.firstTimestamp ?? event.eventTime, event, now),
    },
    { name: "Count", type: "integer", priority: 1, value: (event) => event.series?.count ?? event.count ?? 1 },
    { ...nameColumn, priority: 1 },
  ],
  selectableFields: [
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "type",
  ],
  validate: (event) => validateNamespaces(event),
});

/** An event lives where its object does; those of cluster-scoped objects in `default`. */
function validateNamespaces({ metadata, involvedObject }: Event): readonly StatusCause[] {
  const { namespace = "" } = involvedObject;
  const fits = namespace
    ? namespace === metadata.namespace
    : ["default", "kube-system"].includes(metadata.namespace ?? "");
  return fits ? [] : [cause.invalid("involvedObject.namespace", namespace, "does not match event.namespace")];
}

function lastSeen(event: Event): string | undefined {
  return event.series?.lastObservedTime ?? event.lastTimestamp ?? event.firstTimestamp ?? event.eventTime;
}

function seen(time: string | undefined, event: Event, now: number): string {
  const at = time ?? event.metadata.creationTimestamp;
  return at ? humanDuration(now - Date.parse(at)) : "<unknown>";
}

function subject({ involvedObject: { kind = "", name = "" } }: Event): string {
  return `${kind.toLowerCase()}/${name}`;
}

function source(event: Event): string {
  const component = event.source?.component ?? event.reportingComponent;
  const host = event.source?.host ?? event.reportingInstance;
  return host ? `${component}, ${host}` : component;
}
