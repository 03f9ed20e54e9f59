export type { AuditLog } from "./audit.ts";
export { createAuthorizer, stepReportResource, type AuthorizerOptions } from "./authorizer.ts";
export { KeyFileError, TokenRequestError } from "./errors.ts";
export { createIdentity, pipelinesAudience, type AuthMode, type Identity, type IdentityOptions } from "./identity.ts";
export { isLoopbackAddress } from "./local-user.ts";
export type { Pki } from "./pki.ts";
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
