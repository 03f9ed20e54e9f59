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
    gmsaCredentialSpecName: s.pointer(1, s.string()),
    gmsaCredentialSpec: s.pointer(2, s.string()),
    runAsUserName: s.pointer(3, s.string()),
    hostProcess: s.pointer(4, s.boolean()),
  },
  { name: "io.k8s.api.core.v1.WindowsSecurityContextOptions" },
);

const seccompProfile = s.object(
  { type: s.at(1, s.string({ enum: ["Unconfined", "RuntimeDefault", "Localhost"] })) },
  { localhostProfile: s.pointer(2, s.string()) },
  { name: "io.k8s.api.core.v1.SeccompProfile" },
);

const appArmorProfile = s.object(
  { type: s.at(1, s.string({ enum: ["Unconfined", "RuntimeDefault", "Localhost"] })) },
  { localhostProfile: s.pointer(2, s.string()) },
  { name: "io.k8s.api.core.v1.AppArmorProfile" },
);

export const securityContext = s.object(
  {},
  {
    capabilities: s.at(1, capabilities),
    privileged: s.pointer(2, s.boolean()),
    seLinuxOptions: s.at(3, seLinuxOptions),
    windowsOptions: s.at(10, windowsSecurityContextOptions),
    runAsUser: s.pointer(4, s.integer({ format: "int64" })),
    runAsGroup: s.pointer(8, s.integer({ format: "int64" })),
    runAsNonRoot: s.pointer(5, s.boolean()),
    readOnlyRootFilesystem: s.pointer(6, s.boolean()),
    allowPrivilegeEscalation: s.pointer(7, s.boolean()),
    procMount: s.pointer(9, s.string({ enum: ["Default", "Unmasked"] })),
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
    runAsUser: s.pointer(2, s.integer({ format: "int64" })),
    runAsGroup: s.pointer(6, s.integer({ format: "int64" })),
    runAsNonRoot: s.pointer(3, s.boolean()),
    supplementalGroups: s.at(4, s.list(s.integer({ format: "int64" }))),
    supplementalGroupsPolicy: s.pointer(12, s.string({ enum: ["Merge", "Strict"] })),
    fsGroup: s.pointer(5, s.integer({ format: "int64" })),
    sysctls: s.at(7, s.list(sysctl)),
    fsGroupChangePolicy: s.pointer(9, s.string({ enum: ["OnRootMismatch", "Always"] })),
    seccompProfile: s.at(10, seccompProfile),
    appArmorProfile: s.at(11, appArmorProfile),
    seLinuxChangePolicy: s.pointer(13, s.string()),
  },
  { name: "io.k8s.api.core.v1.PodSecurityContext" },
);
export type PodSecurityContext = TypeOf<typeof podSecurityContext>;
