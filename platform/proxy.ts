/** The proxy that this host must use to reach the world, for the sandbox's relay; nothing where it reaches the world by itself. */
export function hostProxy(variables: Readonly<Record<string, string>>): {
  readonly proxy?: { readonly url: string; readonly direct: string };
} {
  const either = (name: string): string => variables[name] || variables[name.toUpperCase()] || "";
  const given = either("https_proxy") || either("http_proxy") || either("all_proxy");
  const url = given === "" || given.includes("://") ? given : `http://${given}`;
  // The relay speaks to proxies by CONNECT: a SOCKS proxy is none that it could use.
  if (!URL.canParse(url) || new URL(url).protocol !== "http:") return {};
  return { proxy: { url, direct: either("no_proxy") } };
}
