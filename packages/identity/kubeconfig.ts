import { writePrivateFile } from "./private-files.ts";

export interface KubeconfigOptions {
  readonly path: string;
  /** `https://127.0.0.1:6443` */
  readonly server: string;
  /** The authority's certificate, PEM. */
  readonly ca: string;
  readonly token: string;
  readonly namespace: string;
}

/** Writes a kubeconfig (0600) with one context, `headrace`. Quoted strings of JSON are YAML too. */
export async function writeKubeconfig(options: KubeconfigOptions): Promise<void> {
  const { path, server, ca, token, namespace } = options;
  const lines = [
    "apiVersion: v1",
    "kind: Config",
    "current-context: headrace",
    "clusters:",
    "  - name: headrace",
    "    cluster:",
    `      server: ${JSON.stringify(server)}`,
    `      certificate-authority-data: ${Buffer.from(ca).toString("base64")}`,
    "contexts:",
    "  - name: headrace",
    "    context:",
    "      cluster: headrace",
    "      user: headrace",
    `      namespace: ${JSON.stringify(namespace)}`,
    "users:",
    "  - name: headrace",
    "    user:",
    `      token: ${JSON.stringify(token)}`,
    "",
  ];
  await writePrivateFile(path, lines.join("\n"));
}
