import {
  applyDefaults,
  invalid,
  isApiError,
  notFound,
  validate,
  type ApiRequest,
  type ApiResponse,
  type Clock,
  type KubeObject,
} from "@headrace/model";
import { deletionOptions } from "./deletion-options.ts";
import { fieldValidationOf, incomingObject, isDryRun, requireSameKey, sifted } from "./incoming.ts";
import { listOptions } from "./list-options.ts";
import { formOf } from "./negotiation.ts";
import type { Answer, DeletionOptions } from "./options.ts";
import { incomingPatch } from "./patch.ts";
import { renderObject, renderPage, renderValue, type Presentation } from "./render.ts";
import { selectionOf } from "./selection.ts";
import { inPieces, versionOf, versionsOf, type Version } from "./source.ts";
import { deleted } from "./statuses.ts";
import { includeObjectOf } from "./table.ts";
import type { ResourceTarget } from "./target.ts";
import { watch } from "./watch.ts";
import type { WriteCall, Writer } from "./writer.ts";

export interface ActionsOptions {
  readonly writer: Writer;
  /** Throws Forbidden unless the caller may do what the target says. */
  readonly authorize: (request: ApiRequest, target: ResourceTarget) => Promise<void>;
  readonly clock: Clock;
}

/** What the verbs do to objects and to those subresources that are part of them. The caller has been authorised. */
export interface Actions {
  get(request: ApiRequest, target: ResourceTarget): Promise<ApiResponse>;
  list(request: ApiRequest, target: ResourceTarget): Promise<ApiResponse>;
  watch(request: ApiRequest, target: ResourceTarget): Promise<ApiResponse>;
  create(request: ApiRequest, target: ResourceTarget): Promise<ApiResponse>;
  update(request: ApiRequest, target: ResourceTarget): Promise<ApiResponse>;
  patch(request: ApiRequest, target: ResourceTarget): Promise<ApiResponse>;
  delete(request: ApiRequest, target: ResourceTarget): Promise<ApiResponse>;
  deletecollection(request: ApiRequest, target: ResourceTarget): Promise<ApiResponse>;
}

export function createActions({ writer, authorize, clock }: ActionsOptions): Actions {
  /** Found out before anything is written: an answer that cannot be given must leave no trace. */
  const presentationOf = (request: ApiRequest, { served }: ResourceTarget): Presentation => ({
    form: formOf(request.headers["accept"]),
    definition: served.definition,
    include: includeObjectOf(request.query),
    clock,
  });

  const writeCall = ({ user, query }: ApiRequest, { served }: ResourceTarget): WriteCall => ({
    served,
    user,
    dryRun: isDryRun(query),
  });

  async function answerComputed(
    request: ApiRequest,
    target: ResourceTarget,
    { definition, create }: Answer,
    object: KubeObject,
  ): Promise<ApiResponse> {
    const presentation = presentationOf(request, target);
    const { namespace } = target;
    const placed = { ...object, metadata: { ...object.metadata, ...(namespace !== "" && { namespace }) } };
    const complete = applyDefaults(definition.schema, placed);
    const causes = validate(definition.schema, complete);
    if (causes.length > 0) throw invalid(definition, object.metadata.name ?? "", causes);
    return renderObject(versionOf(await create(complete as KubeObject, request)), presentation, 201);
  }

  /** A hundred at a time, so that they share commits. */
  async function removeAll(call: WriteCall, versions: readonly Version[], options: DeletionOptions): Promise<void> {
    for (let from = 0; from < versions.length; from += 100) {
      const chunk = versions.slice(from, from + 100);
      await Promise.all(chunk.map(({ object }) => writer.remove(call, keyOf(object), options).catch(unlessGone)));
    }
  }

  return {
    async get(request, target) {
      const { served, namespace, name } = target;
      const version = await served.source.get({ namespace, name });
      if (version === undefined) throw notFound(served.definition, name);
      return renderObject(version, presentationOf(request, target));
    },

    async list(request, target) {
      const { served, namespace } = target;
      const selection = selectionOf(request.query, served.definition);
      const page = await served.source.page({ namespace, selection, ...listOptions(request.query) });
      return renderPage(page, presentationOf(request, target));
    },

    async watch(request, target) {
      const { served, namespace, name } = target;
      const selection = selectionOf(request.query, served.definition, name === "" ? undefined : name);
      const { query, signal } = request;
      const presentation = presentationOf(request, target);
      return watch({ source: served.source, namespace, selection, query, presentation, clock, signal });
    },

    async create(request, target) {
      const call = writeCall(request, target);
      const presentation = presentationOf(request, target);
      const { object, warnings } = await incomingObject(request, target.served.definition);
      requireSameKey(object, target.namespace);
      const { served, namespace } = target;
      if (served.answer) return answerComputed(request, target, served.answer, object);
      return withWarnings(renderObject(await writer.create(call, namespace, object), presentation, 201), warnings);
    },

    async update(request, target) {
      const { served, namespace, name, subresource } = target;
      const { definition } = served;
      const call = writeCall(request, target);
      const presentation = presentationOf(request, target);
      const { object, warnings } = await incomingObject(request, definition);
      requireSameKey(object, namespace, name);
      const named = { ...object, metadata: { ...object.metadata, name } };
      const change = (): KubeObject => {
        if (!object.metadata.resourceVersion && definition.requiresResourceVersion) throw revisionRequired(target);
        return named;
      };
      try {
        const version = await writer.update(call, { namespace, name }, subresource, change);
        return withWarnings(renderObject(version, presentation), warnings);
      } catch (error) {
        const creates = definition.createsOnUpdate && subresource === "" && !object.metadata.resourceVersion;
        if (!creates || !isApiError(error, "NotFound")) throw error;
        await authorize(request, { ...target, verb: "create" });
        const version = await writer.create(call, namespace, named);
        return withWarnings(renderObject(version, presentation, 201), warnings);
      }
    },

    async patch(request, target) {
      const { served, namespace, name, subresource } = target;
      const { definition } = served;
      const call = writeCall(request, target);
      const presentation = presentationOf(request, target);
      const validation = fieldValidationOf(request.query);
      const apply = await incomingPatch(request, definition);
      let warnings: readonly string[] = [];
      const version = await writer.update(call, { namespace, name }, subresource, (current) => {
        const patched = sifted(apply(current), definition, validation);
        ({ warnings } = patched);
        requireSameKey(patched.object, namespace, name);
        return patched.object;
      });
      return withWarnings(renderObject(version, presentation), warnings);
    },

    async delete(request, target) {
      const { namespace, name } = target;
      const call = writeCall(request, target);
      const presentation = presentationOf(request, target);
      const { version, isGone } = await writer.remove(call, { namespace, name }, await deletionOptions(request));
      if (!isGone || showsDeleted.has(target.served.resource)) return renderObject(version, presentation);
      return renderValue(deleted(target.served, version.object), { ...presentation.form, as: "Object" });
    },

    async deletecollection(request, target) {
      const { served, namespace } = target;
      const call = writeCall(request, target);
      const presentation = presentationOf(request, target);
      const options = await deletionOptions(request);
      const selection = selectionOf(request.query, served.definition);
      const page = await served.source.page({ namespace, selection, ...listOptions(request.query) });
      const versions = await versionsOf(page);
      await removeAll(call, versions, options);
      return renderPage({ ...page, ...inPieces(versions) }, presentation);
    },
  };
}

/** Kinds whose DELETE answers with the object even when it is gone, where others get a Status: upstream's typed clients insist. */
const showsDeleted: ReadonlySet<string> = new Set([
  "persistentvolumeclaims",
  "persistentvolumes",
  "pods",
  "podtemplates",
  "resourcequotas",
  "serviceaccounts",
  "services",
  "storageclasses.storage.k8s.io",
]);

/** Somebody else was faster, with the same intention. */
function unlessGone(error: unknown): void {
  if (!isApiError(error, "NotFound")) throw error;
}

const keyOf = ({ metadata }: KubeObject) => ({ namespace: metadata.namespace ?? "", name: metadata.name ?? "" });

function revisionRequired({ served, name }: ResourceTarget) {
  const cause = {
    reason: "FieldValueInvalid",
    field: "metadata.resourceVersion",
    message: "Invalid value: 0x0: must be specified for an update",
  };
  return invalid(served.definition, name, [cause]);
}

/** Kubernetes' form of a warning: code 299, no agent, the text in quotes. Several stand in one header, with commas. */
function withWarnings(response: ApiResponse, warnings: readonly string[]): ApiResponse {
  if (warnings.length === 0) return response;
  const quoted = warnings.map((text) => `299 - ${JSON.stringify(text.replaceAll(/[^ -~]/g, "?"))}`);
  return { ...response, headers: { ...response.headers, warning: quoted.slice(0, mostWarnings).join(", ") } };
}

/** Headers have limits of their own. */
const mostWarnings = 50;
