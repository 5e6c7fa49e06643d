// Names and codes in a pack are sealed on the phone: AES-GCM under a key of the profile, which is itself sealed under one made of the
// PIN (PBKDF2, SHA-256). The key is in memory while the app is open, and nowhere else; a phone that is found shows nothing but how many
// things wait. docs/phone.md says what six digits can and cannot keep.

export const LIVES = 14 * 24 * 3600_000; // of a PIN, as on the service
export const TRIES = 5;
const ROUNDS = 310_000;

const text = new TextEncoder();

export const base64 = bytes => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
export const bytesOf = s => Uint8Array.from(atob(s.replace(/-/g, "+").replace(/_/g, "/")), c => c.charCodeAt(0));

async function pinKey(pin, salt, rounds) {
  const raw = await crypto.subtle.importKey("raw", text.encode(pin), "PBKDF2", false, ["deriveKey"]);
  return crypto.subtle.deriveKey({ name: "PBKDF2", hash: "SHA-256", salt, iterations: rounds }, raw, { name: "AES-GCM", length: 256 }, false, ["wrapKey", "unwrapKey"]);
}

// lock makes a new key for a profile and seals it under the PIN.
export async function lock(pin) {
  const salt = crypto.getRandomValues(new Uint8Array(16)), iv = crypto.getRandomValues(new Uint8Array(12));
  const fresh = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt", "decrypt"]);
  const sealed = await crypto.subtle.wrapKey("raw", fresh, await pinKey(pin, salt, ROUNDS), { name: "AES-GCM", iv });
  const lock = { salt, iv, rounds: ROUNDS, sealed: new Uint8Array(sealed) };
  return { lock, key: await unlock(lock, pin) };
}

// unlock opens a profile's key; undefined when the PIN is not right.
export async function unlock(lock, pin) {
  try {
    return await crypto.subtle.unwrapKey("raw", lock.sealed, await pinKey(pin, lock.salt, lock.rounds), { name: "AES-GCM", iv: lock.iv }, "AES-GCM", false, ["encrypt", "decrypt"]);
  } catch (e) {
    if (e.name === "OperationError") return undefined;
    throw e;
  }
}

export async function seal(key, value) {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  return { iv, data: new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, text.encode(JSON.stringify(value)))) };
}

export async function open(key, sealed) {
  return JSON.parse(new TextDecoder().decode(await crypto.subtle.decrypt({ name: "AES-GCM", iv: sealed.iv }, key, sealed.data)));
}

// hash is fieldwork.Hash: what a pack says instead of an account.
export async function hash(packKey, bin, number) {
  const key = await crypto.subtle.importKey("raw", bytesOf(packKey), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return base64((await crypto.subtle.sign("HMAC", key, text.encode(bin + ":" + number))).slice(0, 16));
}

// signed reports whether a pack's bytes carry the signature of the key. Browsers without Ed25519 (Chrome before 137) take the library's.
export async function signed(publicKey, signature, bytes) {
  const pub = bytesOf(publicKey), sig = bytesOf(signature);
  try {
    const key = await crypto.subtle.importKey("raw", pub, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", key, sig, bytes);
  } catch {
    const { verifyAsync } = await import("./noble/ed25519.js");
    return verifyAsync(sig, new Uint8Array(bytes), pub);
  }
}
