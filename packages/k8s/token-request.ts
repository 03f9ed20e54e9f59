import { objectMeta, s, type TypeOf } from "@headrace/model";

const boundObjectReference = s.object(
  {},
  { kind: s.at(1, s.string()), apiVersion: s.at(2, s.string()), name: s.at(3, s.string()), uid: s.at(4, s.string()) },
  { name: "io.k8s.api.authentication.v1.BoundObjectReference" },
);

const tokenRequestSpec = s.object(
  {},
  {
    audiences: s.at(1, s.list(s.string())),
    boundObjectRef: s.at(3, boundObjectReference),
    /** At least ten minutes. */
    expirationSeconds: s.pointer(4, s.withDefault(s.integer({ format: "int64", min: 600 }), 3600)),
  },
  { name: "io.k8s.api.authentication.v1.TokenRequestSpec" },
);

const tokenRequestStatus = s.object(
  { token: s.at(1, s.orZero(s.string(), "")) },
  { expirationTimestamp: s.at(2, s.time()) },
  { name: "io.k8s.api.authentication.v1.TokenRequestStatus" },
);

/** Body and answer of `serviceaccounts/token`. */
export const tokenRequest = s.object(
  { apiVersion: s.string(), kind: s.string(), spec: s.at(2, s.orZero(tokenRequestSpec, {})) },
  { metadata: s.at(1, objectMeta), status: s.at(3, tokenRequestStatus) },
  { name: "io.k8s.api.authentication.v1.TokenRequest" },
);
export type TokenRequest = TypeOf<typeof tokenRequest>;
