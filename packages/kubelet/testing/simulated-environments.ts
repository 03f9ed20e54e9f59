import { type Environment, EnvironmentError, type Environments, type ResolveRequest } from "@headrace/environments";

/** Every image is there at once, as a Python that may be run warm. `refuse` says which are not. */
export function createSimulatedEnvironments(
  refuse: (request: ResolveRequest) => EnvironmentError | undefined = () => undefined,
): Environments {
  return {
    async resolve(request) {
      const refusal = refuse(request);
      if (refusal !== undefined) throw refusal;
      return simulatedEnvironment(request.image);
    },
    async close() {},
  };
}

function simulatedEnvironment(image: string): Environment {
  return {
    imageID: `headrace://simulated/${image}`,
    mapping: `${image} is simulated`,
    cell: { digest: "simulated", path: "/simulated", python: "/simulated/bin/python", preload: [], trees: [] },
    variables: { PATH: "/usr/bin:/bin" },
    warm: { ok: true },
    notes: [],
  };
}
