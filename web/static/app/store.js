// The phone's own database. Packs are sealed, see vault.js; the outbox is not, so that what somebody did can always be sent or handed
// over, even when the PIN is forgotten.
//
// meta: by key. profiles: who uses the phone. packs: a market's pack of a profile. outbox: what waits, and what became of what was sent.

let opening;

// Unkept is thrown where the phone could not keep something, or read it: its storage is full, or was taken away.
export class Unkept extends Error {
  constructor(cause) {
    super(String(cause?.message ?? cause));
    this.name = "Unkept";
  }
}

function open() {
  return opening ??= new Promise((done, failed) => {
    const r = indexedDB.open("cho40", 1);
    r.onupgradeneeded = () => {
      r.result.createObjectStore("meta");
      r.result.createObjectStore("profiles", { keyPath: "name" });
      r.result.createObjectStore("packs", { keyPath: ["profile", "market"] });
      r.result.createObjectStore("outbox", { keyPath: "id" }).createIndex("profile", "profile");
    };
    r.onsuccess = () => {
      r.result.onversionchange = () => { r.result.close(); opening = undefined; };
      r.result.onclose = () => { opening = undefined; }; // the browser took it away, as when its storage is cleared; the next asker opens it anew
      done(r.result);
    };
    r.onerror = () => { opening = undefined; failed(r.error); };
  });
}

// work runs one transaction. do gets its stores by name and may keep a value in the box that it is also given; what is in it is the answer.
// It resolves once everything is on the disk; else it throws Unkept, and nothing of it is.
async function work(stores, mode, task) {
  try {
    const tx = await begin(stores, mode);
    return await new Promise((done, failed) => {
      const box = {};
      tx.oncomplete = () => done(box.value);
      tx.onerror = e => failed(e.target.error);
      tx.onabort = () => failed(tx.error ?? "aborted");
      task(Object.fromEntries(stores.map(s => [s, tx.objectStore(s)])), box);
    });
  } catch (e) { throw new Unkept(e); }
}

async function begin(stores, mode) {
  const start = db => db.transaction(stores, mode, { durability: "strict" });
  try { return start(await open()); } catch (e) {
    if (e.name !== "InvalidStateError") throw e;
    opening = undefined; // it was shut behind our back
    return start(await open());
  }
}

const asked = (store, ask) => work([store], "readonly", (tx, box) => { ask(tx[store]).onsuccess = e => { box.value = e.target.result; }; });

export const get = (store, key) => asked(store, s => s.get(key));
export const all = store => asked(store, s => s.getAll());
export const itemsOf = profile => asked("outbox", s => s.index("profile").getAll(profile));
export const put = (store, value, key) => work([store], "readwrite", tx => { tx[store].put(value, key); });
export const drop = (store, key) => work([store], "readwrite", tx => { tx[store].delete(key); });

// keepItems stores items of a profile, each with the next number of the phone's own count: all of them or none.
export const keepItems = items => work(["meta", "outbox"], "readwrite", tx => {
  tx.meta.get("seq").onsuccess = e => {
    let seq = e.target.result ?? 0;
    for (const item of items) {
      item.seq = ++seq;
      tx.outbox.add(item);
    }
    tx.meta.put(seq, "seq");
  };
});

// changeItem lets change alter an item as it stands now; an item that is gone stays gone.
export const changeItem = (id, change) => work(["outbox"], "readwrite", tx => {
  tx.outbox.get(id).onsuccess = e => {
    if (!e.target.result) return;
    change(e.target.result);
    tx.outbox.put(e.target.result);
  };
});

// changeProfile lets change alter a profile as it stands now, whatever another tab did to it, and answers with what it then is. One that is
// gone stays gone.
export const changeProfile = (name, change) => work(["profiles"], "readwrite", (tx, box) => {
  tx.profiles.get(name).onsuccess = e => {
    box.value = e.target.result;
    if (!box.value) return;
    change(box.value);
    tx.profiles.put(box.value);
  };
});

// forget takes a profile off the phone, unless something of its outbox still waits for an answer: then the answer is false. That the
// service is still to be told stays, see sync.leave.
export const forget = profile => work(["meta", "profiles", "packs", "outbox"], "readwrite", (tx, box) => {
  tx.outbox.index("profile").getAll(profile).onsuccess = e => {
    box.value = e.target.result.every(settled);
    if (!box.value) return;
    for (const item of e.target.result) tx.outbox.delete(item.id);
    tx.profiles.get(profile).onsuccess = e => { if (e.target.result?.enrolled) tx.meta.put(true, "left the PIN"); };
    tx.profiles.delete(profile);
    tx.packs.delete(IDBKeyRange.bound([profile], [profile, []]));
  };
});

// settled: the service has it, or it refused it and somebody took it along as a file.
export const settled = item => item.state === "done" || item.noted || item.handed && (item.state === "refused" || item.state === "clash");

// uuid mints a UUIDv7. A phone that believes it is 1970 mints one of 1970; it is no less its own.
export function uuid(now = Date.now()) {
  const b = crypto.getRandomValues(new Uint8Array(16));
  let ms = Math.max(0, Math.floor(now));
  for (let i = 5; i >= 0; i--) { b[i] = ms % 256; ms = Math.floor(ms / 256); }
  b[6] = b[6] & 0x0f | 0x70;
  b[8] = b[8] & 0x3f | 0x80;
  const hex = [...b].map(x => x.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

// device is this phone's own name for itself, minted once.
export async function device() {
  const minted = uuid();
  return work(["meta"], "readwrite", (tx, box) => {
    tx.meta.get("device").onsuccess = e => {
      box.value = e.target.result ?? minted;
      if (!e.target.result) tx.meta.put(minted, "device");
    };
  });
}
