import { defineResource, s, type ResourceOf } from "@headrace/model";

const authentication = { group: "authentication.k8s.io", version: "v1", scope: "Cluster", builtIn: true } as const;
const authorization = { group: "authorization.k8s.io", version: "v1", scope: "Cluster", builtIn: true } as const;

const extra = s.map(s.list(s.string()));

const userInfo = s.object(
  {},
  {
    username: s.at(1, s.string()),
    uid: s.at(2, s.string()),
    groups: s.at(3, s.list(s.string())),
    extra: s.at(4, extra),
  },
  { name: "io.k8s.api.authentication.v1.UserInfo" },
);

/** Whose token is this? Asked by what stands in front of notebooks and models. */
export const TokenReview = defineResource({
  ...authentication,
  kind: "TokenReview",
  schemaName: "io.k8s.api.authentication.v1.TokenReview",
  spec: s.object(
    {},
    { token: s.at(1, s.string()), audiences: s.at(2, s.list(s.string())) },
    { name: "io.k8s.api.authentication.v1.TokenReviewSpec" },
  ),
  status: s.object(
    {},
    {
      authenticated: s.at(1, s.boolean()),
      user: s.at(2, userInfo),
      error: s.at(3, s.string()),
      audiences: s.at(4, s.list(s.string())),
    },
    { name: "io.k8s.api.authentication.v1.TokenReviewStatus" },
  ),
});
export type TokenReview = ResourceOf<typeof TokenReview>;

/** Who am I? `kubectl auth whoami`. */
export const SelfSubjectReview = defineResource({
  ...authentication,
  kind: "SelfSubjectReview",
  schemaName: "io.k8s.api.authentication.v1.SelfSubjectReview",
  fields: {
    status: s.at(
      2,
      s.optional(
        s.object({}, { userInfo: s.at(1, userInfo) }, { name: "io.k8s.api.authentication.v1.SelfSubjectReviewStatus" }),
      ),
    ),
  },
});
export type SelfSubjectReview = ResourceOf<typeof SelfSubjectReview>;

const resourceAttributes = s.object(
  {},
  {
    namespace: s.at(1, s.string()),
    verb: s.at(2, s.string()),
    group: s.at(3, s.string()),
    version: s.at(4, s.string()),
    resource: s.at(5, s.string()),
    subresource: s.at(6, s.string()),
    name: s.at(7, s.string()),
  },
  { name: "io.k8s.api.authorization.v1.ResourceAttributes" },
);

const nonResourceAttributes = s.object(
  {},
  { path: s.at(1, s.string()), verb: s.at(2, s.string()) },
  { name: "io.k8s.api.authorization.v1.NonResourceAttributes" },
);

const accessStatus = s.object(
  { allowed: s.at(1, s.orZero(s.boolean(), false)) },
  { reason: s.at(2, s.string()), evaluationError: s.at(3, s.string()), denied: s.at(4, s.boolean()) },
  { name: "io.k8s.api.authorization.v1.SubjectAccessReviewStatus" },
);

/** May I? `kubectl auth can-i`. */
export const SelfSubjectAccessReview = defineResource({
  ...authorization,
  kind: "SelfSubjectAccessReview",
  schemaName: "io.k8s.api.authorization.v1.SelfSubjectAccessReview",
  spec: s.object(
    {},
    {
      resourceAttributes: s.at(1, resourceAttributes),
      nonResourceAttributes: s.at(2, nonResourceAttributes),
    },
    { name: "io.k8s.api.authorization.v1.SelfSubjectAccessReviewSpec" },
  ),
  status: accessStatus,
});
export type SelfSubjectAccessReview = ResourceOf<typeof SelfSubjectAccessReview>;

/** May that user? Asked by Kubeflow's backends on behalf of their callers. */
export const SubjectAccessReview = defineResource({
  ...authorization,
  kind: "SubjectAccessReview",
  schemaName: "io.k8s.api.authorization.v1.SubjectAccessReview",
  spec: s.object(
    {},
    {
      resourceAttributes: s.at(1, resourceAttributes),
      nonResourceAttributes: s.at(2, nonResourceAttributes),
      user: s.at(3, s.string()),
      groups: s.at(4, s.list(s.string())),
      extra: s.at(5, extra),
      uid: s.at(6, s.string()),
    },
    { name: "io.k8s.api.authorization.v1.SubjectAccessReviewSpec" },
  ),
  status: accessStatus,
});
export type SubjectAccessReview = ResourceOf<typeof SubjectAccessReview>;
