import assert from "node:assert/strict";
import { test } from "node:test";
import { LauncherFault } from "./errors.ts";
import { endpointOf, googleSettingsFor, readLauncherSettings, settingsFor } from "./providers.ts";

const secretRef = "{ secretName: keys, accessKeyKey: id, secretKeyKey: word }";
const providers = `
s3:
  default:
    endpoint: s3.amazonaws.com
    region: eu-west-1
    disableSSL: false
    maxRetries: 2
    credentials: { fromEnv: false, secretRef: ${secretRef} }
  overrides:
    - bucketName: lake
      keyPrefix: raw/
      endpoint: lake.example:9000
      disableSSL: true
      credentials: { secretRef: { secretName: lake, accessKeyKey: a, secretKeyKey: b } }
gs:
  default:
    credentials: { secretRef: { secretName: google, tokenKey: key.json } }
  overrides:
    - bucketName: other
      credentials: { secretRef: { secretName: other, tokenKey: key.json } }
`;

const s3 = (bucket: string, key: string) => ({ scheme: "s3", bucket, key });

test("the first override whose bucket and prefix match counts, over the default", () => {
  const settings = readLauncherSettings({ defaultPipelineRoot: "s3://lake/team", providers });
  assert.equal(settings.pipelineRoot, "s3://lake/team");
  assert.ok(settings.s3 && settings.gs);
  const chosen = settingsFor(settings.s3, s3("lake", "raw/x"));
  assert.equal(endpointOf(chosen)?.href, "http://lake.example:9000/");
  assert.deepEqual([chosen.credentials.secretName, chosen.region, chosen.maxRetries], ["lake", "eu-west-1", 2]);
  const plain = settingsFor(settings.s3, s3("lake", "cooked/x"));
  assert.equal(endpointOf(plain)?.href, "https://s3.eu-west-1.amazonaws.com/");
  assert.equal(plain.credentials.secretName, "keys");
  assert.equal(googleSettingsFor(settings.gs, s3("other", "x"))?.credentials.secretName, "other");
  assert.equal(googleSettingsFor(settings.gs, s3("any", "x"))?.credentials.secretName, "google");
});

test("settings that cannot be used are refused with the field's name", () => {
  const faults = [
    ["azure: {}", /^providers\.azure: Unsupported value/],
    ["s3: [", /^providers: Invalid value/],
    ["s3: { default: { endpoint: x } }", /^providers\.s3\.default\.credentials\.secretRef: Required value/],
    [
      "s3: { default: { credentials: { fromEnv: true } } }",
      /^providers\.s3\.default\.credentials\.fromEnv: Unsupported/,
    ],
    [`s3: { default: { maxRetries: many, credentials: { secretRef: ${secretRef} } } }`, /maxRetries: Invalid value/],
    ["gs: { default: { credentials: { secretRef: { secretName: x } } } }", /secretRef\.tokenKey: Required value/],
    ["gs: { overrides: [{ credentials: {} }] }", /^providers\.gs\.overrides\[0\]\.bucketName: Required value/],
  ] as const;
  for (const [text, expected] of faults) {
    assert.throws(
      () => readLauncherSettings({ providers: text }),
      (error) => error instanceof LauncherFault && expected.test(error.message),
      text,
    );
  }
});
