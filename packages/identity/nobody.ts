import { anonymousUser, type User } from "@headrace/model";

/** On an anonymous user: why it was taken for nobody else. */
export const whyAnonymous = "headrace.io/why-anonymous";

/** The anonymous user, with the reason why a request from here is not somebody's. */
export function nobody(reason: string): User {
  return { ...anonymousUser, extra: { [whyAnonymous]: [reason] } };
}
