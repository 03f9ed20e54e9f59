import { defineResource, s, type ResourceOf } from "@headrace/model";

const userInfo = s.object(
  {},
  {
    username: s.at(1, s.string()),
    uid: s.at(2, s.string()),
    groups: s.at(3, s.list(s.string())),
    extra: s.at(4, s.map(s.list(s.string()))),
  },
  { name: "io.k8s.api.authentication.v1.UserInfo" },
);

/** Whose token is this? Asked by what stands in front of notebooks and models. */
export const TokenReview = defineResource({
  group: "authentication.k8s.io",
  version: "v1",
  kind: "TokenReview",
  scope: "Cluster",
  builtIn: true,
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
