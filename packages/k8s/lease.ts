import { cause, defineResource, s, type ResourceOf } from "@headrace/model";

const leaseSpec = s.object(
  {},
  {
    holderIdentity: s.pointer(1, s.string()),
    leaseDurationSeconds: s.pointer(2, s.integer()),
    acquireTime: s.at(3, s.microTime()),
    renewTime: s.at(4, s.microTime()),
    leaseTransitions: s.pointer(5, s.integer()),
    strategy: s.pointer(6, s.string()),
    preferredHolder: s.pointer(7, s.string()),
  },
  { name: "io.k8s.api.coordination.v1.LeaseSpec" },
);

export const Lease = defineResource({
  group: "coordination.k8s.io",
  version: "v1",
  kind: "Lease",
  schemaName: "io.k8s.api.coordination.v1.Lease",
  builtIn: true,
  createsOnUpdate: true,
  requiresResourceVersion: true,
  tracksGeneration: false,
  spec: leaseSpec,
  columns: [{ name: "Holder", value: (lease) => lease.spec.holderIdentity }],
  validate: ({ spec }) => [
    ...(spec.leaseDurationSeconds !== undefined && spec.leaseDurationSeconds <= 0
      ? [cause.invalid("spec.leaseDurationSeconds", spec.leaseDurationSeconds, "must be greater than 0")]
      : []),
    ...(spec.leaseTransitions !== undefined && spec.leaseTransitions < 0
      ? [cause.invalid("spec.leaseTransitions", spec.leaseTransitions, "must be greater than or equal to 0")]
      : []),
  ],
});
export type Lease = ResourceOf<typeof Lease>;
