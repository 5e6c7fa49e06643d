// Keeps the shell on the phone. SHELL stands before this file when the service sends it: the version, which changes with any part of
// the shell; the paths of the parts; the version of the scanner, which is large and is kept apart once it was needed.
// Nothing of the API is ever kept here: what a phone may know of people lies in its own database, see vault.js.
const shell = "cho40-shell-" + SHELL.version, scanner = "cho40-scanner-" + SHELL.scanner;

addEventListener("install", e => e.waitUntil(caches.open(shell).then(c => c.addAll(SHELL.paths.map(p => new Request(p, { cache: "reload", credentials: "omit" }))))));

addEventListener("activate", e => e.waitUntil((async () => {
  for (const name of await caches.keys()) {
    if (name.startsWith("cho40-") && name !== shell && name !== scanner) await caches.delete(name);
  }
  await clients.claim();
})()));

// A new version waits until the app says that nothing is being written.
addEventListener("message", e => { if (e.data === "take over") skipWaiting(); });

addEventListener("fetch", e => {
  const url = new URL(e.request.url);
  if (e.request.method !== "GET" || url.origin !== location.origin) return;
  const path = url.pathname === "/app/" ? "/app" : url.pathname;
  if (SHELL.paths.includes(path)) e.respondWith(kept(shell, path, e.request));
  else if (path.startsWith("/static/app/zxing/")) e.respondWith(kept(scanner, path, e.request));
});

async function kept(name, path, request) {
  const cache = await caches.open(name);
  const found = await cache.match(path);
  if (found) return found;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(path, answer.clone());
  return answer;
}
