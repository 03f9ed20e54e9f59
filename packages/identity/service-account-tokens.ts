import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { ApiError, type Clock, type Ids, serviceAccountUser, type User } from "@headrace/model";
import { calculateJwkThumbprint, errors, exportJWK, jwtVerify, type JWK, type JWTPayload } from "jose";
import { KeyFileError, TokenRequestError } from "./errors.ts";
import { readPrivateFile, writePrivateFile } from "./private-files.ts";

const tokenIssuer = "https://kubernetes.default.svc.cluster.local";
/** What a token is for when nobody said: the Kubernetes API. */
export const apiAudience = tokenIssuer;

const minSeconds = 600;
const maxSeconds = 366 * 86_400;
const maxAudiences = 10;

export interface ServiceAccountTokenRequest {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Empty for the Kubernetes API. */
  readonly audiences: readonly string[];
  /** 600 at least; a year at most. */
  readonly expirationSeconds: number;
  /** The token dies with this pod. */
  readonly pod?: { readonly name: string; readonly uid: string };
}

export interface IssuedToken {
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Which objects exist now: a token is good only as long as what it is bound to. */
export interface BoundObjects {
  serviceAccountUid(key: { namespace: string; name: string }): Promise<string | undefined>;
  podUid(key: { namespace: string; name: string }): Promise<string | undefined>;
}

export interface ServiceAccountTokens {
  /** Throws TokenRequestError, naming the field. */
  issue(request: ServiceAccountTokenRequest): Promise<IssuedToken>;
  /**
   * Whose token this is, and for which of `audiences`. Undefined for text that is no token of ours at all. Throws Unauthorized
   * for one that is forged, expired, for another audience, or bound to what no longer exists.
   */
  review(
    token: string,
    audiences: readonly string[],
  ): Promise<{ user: User; audiences: readonly string[] } | undefined>;
  /** For `/openid/v1/jwks`. */
  readonly jwks: { readonly keys: readonly JWK[] };
}

export interface ServiceAccountTokenOptions {
  readonly keyPath: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly bound: BoundObjects;
}

/** Tokens of service accounts: ES256 JWTs with the claims of Kubernetes' TokenRequest. The key is made on first use. */
export async function openServiceAccountTokens(options: ServiceAccountTokenOptions): Promise<ServiceAccountTokens> {
  const { clock, ids, bound } = options;
  const privateKey = await openSigningKey(options.keyPath);
  const publicKey = createPublicKey(privateKey);
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);

  async function verify(token: string, audiences: readonly string[]): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, publicKey, {
        algorithms: ["ES256"],
        issuer: tokenIssuer,
        audience: [...audiences],
        requiredClaims: ["exp", "sub", "aud"],
        currentDate: new Date(clock.now()),
      });
      return payload;
    } catch (error) {
      throw new ApiError("Unauthorized", whyRefused(error), undefined, { cause: error });
    }
  }

  /** Every pod gets one before it starts: in place, a signature takes a third of the time that a turn through another thread does. */
  function signed(claims: JWTPayload): string {
    const text = [{ alg: "ES256", kid }, claims].map((part) => base64url(Buffer.from(JSON.stringify(part)))).join(".");
    return `${text}.${base64url(sign("sha256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" }))}`;
  }

  return {
    jwks: { keys: [{ ...jwk, kid, alg: "ES256", use: "sig" }] },

    async issue(request) {
      const { namespace, name, uid, pod, expirationSeconds } = request;
      check(request);
      const seconds = Math.floor(clock.now() / 1000);
      const token = signed({
        "kubernetes.io": { namespace, serviceaccount: { name, uid }, ...(pod && { pod }) },
        iss: tokenIssuer,
        sub: serviceAccountUser({ namespace, name }).name,
        aud: request.audiences.length > 0 ? [...request.audiences] : [apiAudience],
        iat: seconds,
        nbf: seconds,
        exp: seconds + expirationSeconds,
        jti: ids.uuid(),
      });
      return { token, expiresAt: (seconds + expirationSeconds) * 1000 };
    },

    async review(token, audiences) {
      if (!looksLikeJwt(token)) return undefined;
      const payload = await verify(token, audiences);
      const claims = readClaims(payload);
      if (!claims) throw new ApiError("Unauthorized", "The token lacks the claims of a service account");
      await mustExist(claims);
      const granted = [payload.aud ?? []].flat().filter((audience) => audiences.includes(audience));
      return { user: userOf(claims, payload.jti), audiences: granted };
    },
  };

  async function mustExist({ namespace, account, pod }: Claims): Promise<void> {
    if ((await bound.serviceAccountUid({ namespace, name: account.name })) !== account.uid) {
      throw new ApiError("Unauthorized", `The token's service account ${namespace}/${account.name} no longer exists`);
    }
    if (pod && (await bound.podUid({ namespace, name: pod.name })) !== pod.uid) {
      throw new ApiError("Unauthorized", `The token's pod ${namespace}/${pod.name} no longer exists`);
    }
  }
}

const base64url = (bytes: Buffer): string => bytes.toString("base64url");

function check(request: ServiceAccountTokenRequest): void {
  const { expirationSeconds, audiences } = request;
  if (!Number.isInteger(expirationSeconds) || expirationSeconds < minSeconds) {
    throw new TokenRequestError(
      "spec.expirationSeconds",
      `Invalid value: ${expirationSeconds}: may not specify a duration less than 10 minutes`,
    );
  }
  if (expirationSeconds > maxSeconds) {
    throw new TokenRequestError(
      "spec.expirationSeconds",
      `Invalid value: ${expirationSeconds}: may not specify a duration larger than ${maxSeconds} seconds`,
    );
  }
  if (audiences.length > maxAudiences || audiences.some((audience) => audience === "" || audience.length > 1024)) {
    throw new TokenRequestError(
      "spec.audiences",
      `Invalid value: at most ${maxAudiences} audiences of 1 to 1024 characters`,
    );
  }
}

interface Named {
  readonly name: string;
  readonly uid: string;
}

/** Whom a token is about, and what it is bound to. */
interface Claims {
  readonly namespace: string;
  readonly account: Named;
  readonly pod: Named | undefined;
}

function readClaims(payload: JWTPayload): Claims | undefined {
  const own = payload["kubernetes.io"];
  if (!isRecord(own) || typeof own["namespace"] !== "string") return undefined;
  const account = readNamed(own["serviceaccount"]);
  if (!account) return undefined;
  return { namespace: own["namespace"], account, pod: readNamed(own["pod"]) };
}

function readNamed(value: unknown): Named | undefined {
  if (!isRecord(value)) return undefined;
  const { name, uid } = value;
  return typeof name === "string" && typeof uid === "string" ? { name, uid } : undefined;
}

/** `jti` names the token. */
function userOf({ namespace, account, pod }: Claims, jti: string | undefined): User {
  const user = serviceAccountUser({ namespace, ...account, ...(pod && { pod }) });
  if (jti === undefined) return user;
  return { ...user, extra: { ...user.extra, "authentication.kubernetes.io/credential-id": [`JTI=${jti}`] } };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function looksLikeJwt(token: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);
}

function whyRefused(error: unknown): string {
  if (error instanceof errors.JWTExpired) return "The token has expired";
  if (error instanceof errors.JWTClaimValidationFailed && error.claim === "aud") {
    return "The token is for another audience";
  }
  return "The token is not valid";
}

async function openSigningKey(path: string) {
  const text = await readPrivateFile(path);
  if (text === undefined) {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    await writePrivateFile(path, privateKey.export({ type: "pkcs8", format: "pem" }).toString());
    return privateKey;
  }
  try {
    return createPrivateKey(text);
  } catch (error) {
    throw new KeyFileError(path, "it holds no private key", { cause: error });
  }
}
