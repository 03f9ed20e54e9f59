export type { AuditLog } from "./audit.ts";
export { createAuthorizer, stepReportResource, storageUser, type AuthorizerOptions } from "./authorizer.ts";
export { KeyFileError, TokenRequestError, UnsafeAddressError } from "./errors.ts";
export {
  createIdentity,
  openUsers,
  pipelinesAudience,
  requireSafeAddress,
  type AuthMode,
  type Identity,
  type IdentityOptions,
} from "./identity.ts";
export type { Pki } from "./pki.ts";
export type { PodConnectionOptions } from "./pod-connection.ts";
export { createTokenReview, createTokenSubresource, type TokenReviewOptions } from "./token-answers.ts";
export { ruleAllows, type PolicyRule } from "./rules.ts";
export {
  apiAudience,
  type BoundObjects,
  type IssuedToken,
  type ServiceAccountTokenRequest,
  type ServiceAccountTokens,
} from "./service-account-tokens.ts";
export type { UserTokens } from "./user-tokens.ts";
