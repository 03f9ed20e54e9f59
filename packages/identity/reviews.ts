import type { Answer, SubresourceHandler } from "@headrace/apiserver";
import type { TokenRequest } from "@headrace/k8s";
import {
  badRequest,
  formatTime,
  invalid,
  isApiError,
  type Attributes,
  type Authorizer,
  type KubeObject,
  type ResourceDefinition,
  type User,
} from "@headrace/model";
import { TokenRequestError } from "./errors.ts";
import { SelfSubjectAccessReview, SelfSubjectReview, SubjectAccessReview, TokenReview } from "./review-kinds.ts";
import { apiAudience, type ServiceAccountTokens } from "./service-account-tokens.ts";
import type { UserTokens } from "./user-tokens.ts";

export interface ReviewOptions {
  readonly authorizer: Authorizer;
  readonly users: UserTokens;
  readonly serviceAccounts: ServiceAccountTokens;
}

/** The kinds by which others ask who somebody is and what he may do. They are answered and never kept. */
export function createReviews(options: ReviewOptions): readonly Answer[] {
  const { authorizer } = options;
  return [
    answer(SelfSubjectReview, async (review, user) => ({ ...review, status: { userInfo: userInfo(user) } })),
    answer(TokenReview, async (review) => ({ ...review, status: await reviewToken(review.spec, options) })),
    answer(SelfSubjectAccessReview, async (review, user) => ({
      ...review,
      status: await decide(authorizer, user, review.spec),
    })),
    answer(SubjectAccessReview, async (review) => ({
      ...review,
      status: await decide(authorizer, subjectOf(review.spec), review.spec),
    })),
  ];
}

function answer<T extends KubeObject>(
  definition: ResourceDefinition<T>,
  review: (object: T, user: User) => Promise<T>,
): Answer {
  // The server has validated the object against this very definition.
  return { definition, create: (object, { user }) => review(object as T, user) };
}

async function reviewToken(
  { token = "", audiences = [] }: TokenReview["spec"],
  { users, serviceAccounts }: ReviewOptions,
): Promise<NonNullable<TokenReview["status"]>> {
  if (token === "") throw badRequest("Cannot review a token: spec.token is empty");
  const user = users.find(token);
  if (user) return { authenticated: true, user: userInfo(user), audiences: [apiAudience] };
  try {
    const reviewed = await serviceAccounts.review(token, audiences.length > 0 ? audiences : [apiAudience]);
    if (!reviewed) return { authenticated: false, error: "The token is not known here" };
    return { authenticated: true, user: userInfo(reviewed.user), audiences: reviewed.audiences };
  } catch (error) {
    if (isApiError(error, "Unauthorized")) return { authenticated: false, error: error.message };
    throw error;
  }
}

type AccessSpec = SelfSubjectAccessReview["spec"];

async function decide(
  authorizer: Authorizer,
  user: User,
  spec: AccessSpec,
): Promise<{ allowed: boolean; reason: string }> {
  const { allowed, reason } = await authorizer.authorize(attributesOf(user, spec));
  return { allowed, reason };
}

function attributesOf(user: User, { resourceAttributes, nonResourceAttributes }: AccessSpec): Attributes {
  if ((resourceAttributes === undefined) === (nonResourceAttributes === undefined)) {
    throw badRequest(
      "Cannot review access: exactly one of spec.resourceAttributes and spec.nonResourceAttributes must be given",
    );
  }
  if (nonResourceAttributes) {
    const { path = "", verb = "" } = nonResourceAttributes;
    return { user, verb, path, group: "", resource: "", namespace: "", name: "" };
  }
  const {
    verb = "",
    group = "",
    resource = "",
    subresource = "",
    namespace = "",
    name = "",
  } = resourceAttributes ?? {};
  return { user, verb, group, resource: subresource === "" ? resource : `${resource}/${subresource}`, namespace, name };
}

function subjectOf({ user = "", groups = [], uid, extra }: SubjectAccessReview["spec"]): User {
  if (user === "" && groups.length === 0) {
    throw badRequest("Cannot review access: at least one of spec.user and spec.groups must be given");
  }
  return { name: user, groups, ...(uid !== undefined && { uid }), ...(extra && { extra }) };
}

function userInfo({ name, uid, groups, extra }: User): NonNullable<NonNullable<TokenReview["status"]>["user"]> {
  return { username: name, groups, ...(uid !== undefined && { uid }), ...(extra && { extra }) };
}

/**
 * `serviceaccounts/token`: a token for what the request names. Bound to a pod, it is good as long as the pod; binding to other kinds is
 * refused.
 */
export function createTokenSubresource(serviceAccounts: ServiceAccountTokens): SubresourceHandler {
  return async ({ body, key, object }) => {
    const request = (await body()) as TokenRequest;
    const { audiences = [], expirationSeconds = 3600, boundObjectRef } = request.spec;
    const pod = boundPod(boundObjectRef, key.name);
    try {
      const { token, expiresAt } = await serviceAccounts.issue({
        ...key,
        uid: object.metadata.uid ?? "",
        audiences,
        expirationSeconds,
        ...(pod && { pod }),
      });
      return { status: 201, value: { ...request, status: { token, expirationTimestamp: formatTime(expiresAt) } } };
    } catch (error) {
      if (error instanceof TokenRequestError) throw invalidRequest(key.name, error.field, error.message);
      throw error;
    }
  };
}

function boundPod(
  reference: TokenRequest["spec"]["boundObjectRef"],
  account: string,
): { name: string; uid: string } | undefined {
  if (reference === undefined) return undefined;
  const { kind = "", name = "", uid = "" } = reference;
  if (kind !== "Pod") {
    throw invalidRequest(account, "spec.boundObjectRef.kind", `Unsupported value: "${kind}": supported values: "Pod"`);
  }
  if (name === "" || uid === "") {
    throw invalidRequest(account, "spec.boundObjectRef", "Required value: the name and the uid of the pod");
  }
  return { name, uid };
}

function invalidRequest(name: string, field: string, message: string) {
  const resource = { group: "authentication.k8s.io", plural: "tokenrequests", kind: "TokenRequest" };
  return invalid(resource, name, [{ reason: "FieldValueInvalid", field, message }]);
}
