import type { Answer, SubresourceHandler } from "@headrace/apiserver";
import type { TokenRequest } from "@headrace/k8s";
import { badRequest, formatTime, invalid, isApiError, type User } from "@headrace/model";
import { TokenRequestError } from "./errors.ts";
import { apiAudience, type ServiceAccountTokens } from "./service-account-tokens.ts";
import { TokenReview } from "./token-review.ts";
import type { UserTokens } from "./user-tokens.ts";

export interface TokenReviewOptions {
  readonly users: UserTokens;
  readonly serviceAccounts: ServiceAccountTokens;
}

/** `TokenReview`: by it others ask whose a token is. Answered and never kept. */
export function createTokenReview(options: TokenReviewOptions): Answer {
  return {
    definition: TokenReview,
    async create(object) {
      // The server has validated the object against this very definition.
      const review = object as TokenReview;
      const answered: TokenReview = { ...review, status: await reviewToken(review.spec, options) };
      return answered;
    },
  };
}

async function reviewToken(
  { token = "", audiences = [] }: TokenReview["spec"],
  { users, serviceAccounts }: TokenReviewOptions,
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
