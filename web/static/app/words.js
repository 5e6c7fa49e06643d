// What the app says. The English sentence is the key; the Vietnamese comes with the shell, from the service's own catalogue.

export let words = { vi: {}, outcomes: [], barriers: [], checklist: [], answers: [], tasks: [], cards: [], providers: [], errors: {} };
export let lang = "vi";

export async function loadWords(chosen) {
  words = await (await fetch("/app/words.json")).json();
  speak(chosen);
}

export function speak(chosen) {
  lang = chosen === "en" ? "en" : "vi";
  document.documentElement.lang = lang;
}

// t says a sentence that stands here as a literal; a test looks for it in the catalogue. Values stand where it has %s or %d.
export function t(sentence, ...values) { return say(sentence, ...values); }

// many chooses the sentence for one thing or for more; the number is its first value.
export function many(n, one, more, ...values) { return n === 1 ? say(one, ...values) : say(more, number(n), ...values); }

// say is t for what came from the list of words.
export function say(sentence, ...values) {
  let i = 0;
  return (lang === "vi" ? words.vi[sentence] ?? sentence : sentence).replace(/%(?:\[(\d+)\])?[sd]/g, (_, at) => String(values[at ? at - 1 : i++] ?? ""));
}

export function number(n) { return String(n).replace(/\B(?=(\d{3})+$)/g, lang === "vi" ? "." : ","); }

// named is a code of a list of words in the reader's language.
export function named(list, code) {
  const word = list.find(w => w.code === code);
  return word ? say(word.name) : code;
}

export function provider(code) { return words.providers.find(p => p.code === code)?.name ?? code; }
export function providerOfBIN(bin) { return words.providers.find(p => p.bin === bin); }

const zone = 7 * 3600_000; // Asia/Ho_Chi_Minh, which has no summer time

// day is the market's date of a moment, YYYY-MM-DD.
export function day(ms) { return new Date(ms + zone).toISOString().slice(0, 10); }

// onDay writes YYYY-MM-DD as one says it.
export function onDay(date) { return date.split("-").reverse().join("/"); }

export function clock(ms) { return new Date(ms + zone).toISOString().slice(11, 16); }

// age says how long ago a moment was.
export function age(ms, now) {
  const minutes = Math.floor(Math.max(0, now - ms) / 60_000);
  if (minutes < 2) return t("just now");
  if (minutes < 60) return t("%d minutes ago", minutes);
  if (day(ms) === day(now)) return t("at %s", clock(ms));
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return t("%d hours ago", hours);
  return many(Math.floor(hours / 24), "1 day ago", "%s days ago");
}
