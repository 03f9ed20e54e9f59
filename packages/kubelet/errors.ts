/**
 * A container that cannot be started as its pod describes it: a ConfigMap that is not there, a variable that refers to
 * nothing. Waits with this reason and is tried again, since what is missing may come.
 */
export class ContainerConfigError extends Error {
  override readonly name = "ContainerConfigError";
  readonly code = "kubelet/container-config";
  readonly reason: "CreateContainerConfigError" | "FailedMount";

  constructor(reason: "CreateContainerConfigError" | "FailedMount", message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** A pod that asks for what this node does not do. It fails at once, with what to change: waiting would not help. */
export class UnsupportedError extends Error {
  override readonly name = "UnsupportedError";
  readonly code = "kubelet/unsupported";
  /** Path in the pod: `spec.containers[0].lifecycle`. */
  readonly field: string;

  constructor(field: string, what: string, remedy: string) {
    super(`Cannot run the pod: ${field} ${what}. ${remedy}`);
    this.field = field;
  }
}
