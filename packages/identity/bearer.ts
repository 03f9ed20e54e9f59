import { ApiError, type Authenticator } from "@headrace/model";
import type { ServiceAccountTokens } from "./service-account-tokens.ts";
import type { UserTokens } from "./user-tokens.ts";

const maxToken = 16_384;

export interface BearerOptions {
  readonly users: UserTokens;
  readonly serviceAccounts: ServiceAccountTokens;
  /** What tokens of service accounts may be meant for. */
  readonly audiences: readonly string[];
}

/** Reads `Authorization: Bearer …`: a user's token or a service account's. */
export function createBearerAuthenticator({ users, serviceAccounts, audiences }: BearerOptions): Authenticator {
  return {
    async authenticate({ headers }) {
      const token = bearerToken(headers["authorization"]);
      if (token === undefined) return undefined;
      if (token.length > maxToken) throw new ApiError("Unauthorized", "The bearer token is too long to be one of ours");
      const user = users.find(token);
      if (user) return user;
      const reviewed = await serviceAccounts.review(token, audiences);
      if (reviewed) return reviewed.user;
      throw new ApiError("Unauthorized", "The bearer token is not known here: it may have been revoked");
    },
  };
}

function bearerToken(authorization: string | undefined): string | undefined {
  const match = /^bearer +(\S+) *$/i.exec(authorization ?? "");
  return match?.[1];
}
