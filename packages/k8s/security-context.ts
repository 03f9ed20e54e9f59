import { s, type TypeOf } from "@headrace/model";

const capabilities = s.object(
  {},
  { add: s.at(1, s.list(s.string())), drop: s.at(2, s.list(s.string())) },
  { name: "io.k8s.api.core.v1.Capabilities" },
);

const seLinuxOptions = s.object(
  {},
  { user: s.at(1, s.string()), role: s.at(2, s.string()), type: s.at(3, s.string()), level: s.at(4, s.string()) },
  { name: "io.k8s.api.core.v1.SELinuxOptions" },
);

const windowsSecurityContextOptions = s.object(
  {},
  {
    gmsaCredentialSpecName: s.at(1, s.string()),
    gmsaCredentialSpec: s.at(2, s.string()),
    runAsUserName: s.at(3, s.string()),
    hostProcess: s.at(4, s.boolean()),
  },
  { name: "io.k8s.api.core.v1.WindowsSecurityContextOptions" },
);

const seccompProfile = s.object(
  { type: s.at(1, s.string({ enum: ["Unconfined", "RuntimeDefault", "Localhost"] })) },
  { localhostProfile: s.at(2, s.string()) },
  { name: "io.k8s.api.core.v1.SeccompProfile" },
);

const appArmorProfile = s.object(
  { type: s.at(1, s.string({ enum: ["Unconfined", "RuntimeDefault", "Localhost"] })) },
  { localhostProfile: s.at(2, s.string()) },
  { name: "io.k8s.api.core.v1.AppArmorProfile" },
);

export const securityContext = s.object(
  {},
  {
    capabilities: s.at(1, capabilities),
    privileged: s.at(2, s.boolean()),
    seLinuxOptions: s.at(3, seLinuxOptions),
    windowsOptions: s.at(10, windowsSecurityContextOptions),
    runAsUser: s.at(4, s.integer({ format: "int64" })),
    runAsGroup: s.at(8, s.integer({ format: "int64" })),
    runAsNonRoot: s.at(5, s.boolean()),
    readOnlyRootFilesystem: s.at(6, s.boolean()),
    allowPrivilegeEscalation: s.at(7, s.boolean()),
    procMount: s.at(9, s.string({ enum: ["Default", "Unmasked"] })),
    seccompProfile: s.at(11, seccompProfile),
    appArmorProfile: s.at(12, appArmorProfile),
  },
  { name: "io.k8s.api.core.v1.SecurityContext" },
);
export type SecurityContext = TypeOf<typeof securityContext>;

const sysctl = s.object(
  { name: s.at(1, s.string({ nonEmpty: true })), value: s.at(2, s.orZero(s.string(), "")) },
  {},
  { name: "io.k8s.api.core.v1.Sysctl" },
);

export const podSecurityContext = s.object(
  {},
  {
    seLinuxOptions: s.at(1, seLinuxOptions),
    windowsOptions: s.at(8, windowsSecurityContextOptions),
    runAsUser: s.at(2, s.integer({ format: "int64" })),
    runAsGroup: s.at(6, s.integer({ format: "int64" })),
    runAsNonRoot: s.at(3, s.boolean()),
    supplementalGroups: s.at(4, s.list(s.integer({ format: "int64" }))),
    supplementalGroupsPolicy: s.at(12, s.string({ enum: ["Merge", "Strict"] })),
    fsGroup: s.at(5, s.integer({ format: "int64" })),
    sysctls: s.at(7, s.list(sysctl)),
    fsGroupChangePolicy: s.at(9, s.string({ enum: ["OnRootMismatch", "Always"] })),
    seccompProfile: s.at(10, seccompProfile),
    appArmorProfile: s.at(11, appArmorProfile),
    seLinuxChangePolicy: s.at(13, s.string()),
  },
  { name: "io.k8s.api.core.v1.PodSecurityContext" },
);
export type PodSecurityContext = TypeOf<typeof podSecurityContext>;
