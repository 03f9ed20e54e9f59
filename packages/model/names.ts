/** The rules for names, each with upstream's sentence for what breaks it. A check returns what is wrong, or undefined. */
type NameCheck = (value: string) => string | undefined;

const label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const subdomain = `${label}(\\.${label})*`;
const label1035 = "[a-z]([-a-z0-9]*[a-z0-9])?";
const qualified = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const labelValue = `(${qualified})?`;
const configKey = "[-._a-zA-Z0-9]+";

/** A uuid as we write them, for expressions that look for one. */
export const uuidPattern = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";

const tooLong = (limit: number): string => `must be no more than ${limit} bytes`;

/** A check of length and pattern; the pattern's sentence ends as upstream's does, with examples and the expression. */
function pattern(expression: string, limit: number, sentence: string, examples: readonly string[]): NameCheck {
  const whole = new RegExp(`^${expression}$`);
  const eg = examples.map((example) => `'${example}'`).join(",  or ");
  const wrong = `${sentence} (e.g. ${eg}, regex used for validation is '${expression}')`;
  return (value) => (value.length > limit ? tooLong(limit) : whole.test(value) ? undefined : wrong);
}

export const dnsLabelProblem = pattern(
  label,
  63,
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  ["my-name", "123-abc"],
);

export const dnsSubdomainProblem = pattern(
  subdomain,
  253,
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  ["example.com"],
);

export const dns1035LabelProblem = pattern(
  label1035,
  63,
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  ["my-name", "abc-123"],
);

export const labelValueProblem = pattern(
  labelValue,
  63,
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  ["MyValue", "my_value", "12345"],
);

const namePartProblem = pattern(
  qualified,
  63,
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  ["MyName", "my.name", "123-abc"],
);

const configKeyPattern = pattern(
  configKey,
  253,
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
  ["key.name", "KEY_NAME", "key-name"],
);

/** Keys of ConfigMaps and Secrets, which become file names. */
export const configKeyProblem: NameCheck = (value) => {
  if (value === ".") return "must not be '.'";
  if (value === "..") return "must not be '..'";
  if (value.startsWith("..")) return "must not start with '..'";
  return configKeyPattern(value);
};

/** `name` or `prefix/name`: keys of labels and annotations, finalizers, conditions, extended resources. */
export const qualifiedNameProblem: NameCheck = (value) => {
  const parts = value.split("/");
  const [prefix, name] = parts.length === 2 ? parts : [undefined, parts[0]];
  if (parts.length > 2 || name === undefined) {
    return "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
  }
  if (prefix === "") return "prefix part must be non-empty";
  const prefixProblem = prefix === undefined ? undefined : dnsSubdomainProblem(prefix);
  if (prefixProblem) return `prefix part ${prefixProblem}`;
  return name === "" ? "name part must be non-empty" : namePartProblem(name);
};

/** Names that only have to fit into one segment of a path (RBAC's). */
export const pathSegmentProblem: NameCheck = (value) => {
  if (value === "." || value === "..") return `may not be '${value}'`;
  if (value.includes("/")) return "may not contain '/'";
  return value.includes("%") ? "may not contain '%'" : undefined;
};

/** Environment variables: any printable ASCII but `=`, as since Kubernetes 1.34. */
export const environmentNameProblem: NameCheck = (value) =>
  /^[ -<>-~]+$/.test(value)
    ? undefined
    : "a valid environment variable name must consist only of printable ASCII characters other than '='";

/** `spec.ports[].name`: an IANA service name. */
export const portNameProblem: NameCheck = (value) => {
  if (value.length > 15) return "must be no more than 15 characters";
  if (!/^[-a-z0-9]+$/.test(value)) return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
  if (!/[a-z]/.test(value)) return "must contain at least one letter (a-z)";
  if (value.includes("--")) return "must not contain consecutive hyphens";
  return /^-|-$/.test(value) ? "must not begin or end with a hyphen" : undefined;
};
