// Who uses the phone: signing in, the PIN, several people on one phone.
import * as store from "./store.js";
import * as vault from "./vault.js";
import { call, enter, now, Problem } from "./sync.js";
import { button, field, fill, h, link, tile, toast, wrong } from "./ui.js";
import { onDay, day, t } from "./words.js";

// door shows whose turn it is; entered gets the profile, its key and, where the service knows it too, the PIN. asked names a profile that must sign in again.
export async function door(entered, asked) {
  const profiles = await store.all("profiles");
  const box = h("div", { class: "door stack" });
  const show = (...inside) => fill(box, ...inside);

  const form = (head, inside, go, press, more) => {
    const said = h("div", {});
    const f = h("form", {
      class: "card stack form", onsubmit: async e => {
        e.preventDefault();
        const b = f.querySelector("button");
        b.disabled = true;
        said.replaceChildren();
        try { await press(Object.fromEntries(new FormData(f))); } catch (e) {
          if (e instanceof store.Unkept) throw e;
          fill(said, wrong(e instanceof Problem ? [e.message, ...(e.problem?.errors ?? []).map(x => " " + x.detail)].join("") : e.name === "Said" ? e.message : t("There is no signal. For the first sign-in on this phone one is needed.")));
        } finally { b.disabled = false; }
      },
    }, h("h1", {}, head), inside, said, h("div", { class: "actions" }, h("button", { class: "btn big" }, go), more));
    return f;
  };
  const said = sentence => Object.assign(new Error(sentence), { name: "Said" });

  const signIn = (name, why) => {
    let code = false;
    const codeField = h("div", {});
    show(form(t("Sign in"), [why && h("p", { class: "note info" }, why), field(t("Name"), { name: "name", value: name ?? "", autocomplete: "username", required: true, readonly: !!name }), field(t("Password"), { name: "password", type: "password", autocomplete: "current-password", required: true }), codeField], t("Sign in"), async in_ => {
      let me;
      try {
        me = await enter(code ? in_ : { name: in_.name, password: in_.password });
      } catch (e) {
        if (e.code !== "code-needed" || code) throw e;
        code = true;
        fill(codeField, field(t("Code of the authenticator app"), { name: "code", inputmode: "numeric", autocomplete: "one-time-code" }));
        throw said(e.message);
      }
      newPIN(me);
    }, profiles.length > 0 && button(t("Back"), pick, "second")));
  };

  const newPIN = me => {
    show(form(t("A PIN for this phone"), [
      h("p", {}, t("Six digits open the app without a signal, for 14 days. They also keep the names on this phone shut when it is lost.")),
      field(t("New PIN, 6 digits"), { name: "pin", type: "password", inputmode: "numeric", pattern: "[0-9]{6}", maxlength: 6, autocomplete: "new-password", required: true }),
      field(t("The PIN again"), { name: "again", type: "password", inputmode: "numeric", maxlength: 6, autocomplete: "new-password", required: true })], t("Keep the PIN"), async in_ => {
      if (in_.pin !== in_.again) throw said(t("The two PINs differ. Type them again."));
      let until = Date.now() + vault.LIVES, enrolled = false;
      try {
        const others = (await store.all("profiles")).some(p => p.name !== me.name && p.enrolled);
        if (!others) { // the service knows one person's PIN on a phone; of others it asks the password
          until = Date.parse((await (await call("POST", "/session/phone", { pin: in_.pin })).json()).until);
          enrolled = true;
        }
      } catch (e) {
        if (!(e instanceof Problem) || e.status !== 403) throw e; // other roles than volunteers sign in with the password each time
        if (/^(\d)\1*$/.test(in_.pin)) throw said(t("Choose a PIN that is not one digit six times."));
      }
      const { lock, key } = await vault.lock(in_.pin);
      const before = await store.get("profiles", me.name);
      const profile = { name: me.name, lock, until, enrolled, tries: 0, markets: before?.markets, read: before?.read };
      for (const p of await store.all("packs")) if (p.profile === me.name) await store.drop("packs", [p.profile, p.market]); // sealed under the key from before
      await store.put("profiles", profile);
      navigator.storage?.persist?.();
      entered(profile, key);
    }));
  };

  const typePIN = profile => {
    if (now() > profile.until || !profile.lock || profile.tries >= vault.TRIES) return signIn(profile.name, t("The PIN has run out. Sign in with the password once, where there is a signal. What waits on this phone stays."));
    show(form(profile.name, [field(t("PIN"), { name: "pin", type: "password", inputmode: "numeric", maxlength: 6, autocomplete: "off", required: true, autofocus: true })], t("Open"), async in_ => {
      // The try is counted before it is made, on what is kept and not on what this tab remembers: tries in several tabs are no more than in one.
      let counts = false;
      const kept = await store.changeProfile(profile.name, p => {
        counts = Boolean(p.lock) && p.tries < vault.TRIES;
        if (counts) p.tries++;
      });
      if (!kept) return signIn(profile.name);
      const key = counts && await vault.unlock(kept.lock, in_.pin);
      if (!key) {
        if (kept.tries < vault.TRIES) throw said(t("This PIN is not right. Tries left: %d.", vault.TRIES - kept.tries));
        const shut = await store.changeProfile(profile.name, p => { if (p.tries >= vault.TRIES) delete p.lock; });
        if (!shut?.lock) for (const p of await store.all("packs")) if (p.profile === profile.name) await store.drop("packs", [p.profile, p.market]); // the outbox stays
        return typePIN(shut ?? kept);
      }
      const opened = await store.changeProfile(profile.name, p => { p.tries = 0; });
      entered(opened ?? kept, key, kept.enrolled ? in_.pin : "");
    }, [button(t("I forgot the PIN"), () => signIn(profile.name), "second"), profiles.length > 0 && button(t("Somebody else"), pick, "second")]));
    box.querySelector("input")?.focus();
  };

  const pick = () => {
    if (profiles.length === 0) return signIn();
    show(h("h1", {}, t("Who are you?")), h("ul", { class: "who-list" }, profiles.map(p => h("li", {}, button([tile("mark"), h("span", {}, p.name)], () => typePIN(p), "second big")))),
      h("div", { class: "actions" }, button(t("Somebody new on this phone"), () => signIn(), "second")));
  };

  if (asked) {
    if (asked.enrolled && asked.lock) typePIN(asked); else signIn(asked.name, t("To send what waits, sign in again. Nothing on this phone is lost."));
  } else if (profiles.length === 1) typePIN(profiles[0]);
  else pick();
  return box;
}

// me is the page of who uses the phone.
export function me(profile, items, forgotten, leave) {
  const waits = items.filter(i => !store.settled(i)).length;
  return h("div", { class: "stack" }, link(t("Back"), "/", "go"), h("h1", {}, profile.name),
    h("p", {}, t("The PIN opens this phone until %s.", onDay(day(profile.until)))),
    h("div", { class: "actions" }, button(t("Shut the app"), leave)),
    h("section", { class: "card stack" }, h("h2", {}, t("Take me off this phone")),
      h("p", {}, waits > 0 ? t("%d things still wait on this phone. Send them first, or hand them over as a file.", waits) : t("The names and lists on this phone are deleted. What was sent stays with the service.")),
      h("div", { class: "actions" }, button(t("Take me off this phone"), async () => {
        if (!await store.forget(profile.name)) return toast(t("Something still waits on this phone, so nothing was deleted."));
        forgotten();
      }, "stop", { disabled: waits > 0 }))));
}
