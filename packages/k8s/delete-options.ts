import { s, type TypeOf } from "@headrace/model";

const preconditions = s.object(
  {},
  { uid: s.pointer(1, s.string()), resourceVersion: s.pointer(2, s.string()) },
  { name: "io.k8s.apimachinery.pkg.apis.meta.v1.Preconditions" },
);

/** Body of a DELETE. `orphanDependents` is the older word for propagationPolicy. */
export const deleteOptions = s.object(
  {},
  {
    apiVersion: s.string(),
    kind: s.string(),
    gracePeriodSeconds: s.pointer(1, s.integer({ format: "int64" })),
    preconditions: s.at(2, preconditions),
    orphanDependents: s.pointer(3, s.boolean()),
    propagationPolicy: s.pointer(4, s.string({ enum: ["Orphan", "Background", "Foreground"] })),
    dryRun: s.at(5, s.list(s.string({ enum: ["All"] }))),
    ignoreStoreReadErrorWithClusterBreakingPotential: s.pointer(6, s.boolean()),
  },
  { name: "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions" },
);
export type DeleteOptionsBody = TypeOf<typeof deleteOptions>;
