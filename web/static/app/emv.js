// Reads the text of a payment code as qrgen.Decode does: what it refuses and what it takes are tried with the same vectors. Strict is
// what a conforming code must satisfy; lenient a code that a vendor already has, with harmless faults of its maker as warnings.

const napas = "A000000727", vnpay = "A000000775";
const schemes = {
  [napas]: "vietqr", [vnpay]: "vnpay", "vn.momo": "momo", "vn.zalopay": "zalopay", "vn.airpay.www": "airpay", "00": "evn",
  A005266284662577: "laoqr", A000000677010111: "promptpay", A000000677010112: "promptpay",
};
const around = /^[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+|[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+$/g;
const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
const encoder = new TextEncoder(), decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const digits = s => /^[0-9]*$/.test(s);
const printable = s => /^[\x20-\x7e]*$/.test(s);
const long = s => [...s].length;

// Refused is thrown; its code is one of qrgen's.
export class Refused extends Error {
  constructor(code) { super(code); this.code = code; }
}

export function crc16(text) {
  let crc = 0xffff;
  for (const byte of encoder.encode(text)) {
    crc ^= byte << 8;
    for (let i = 0; i < 8; i++) crc = (crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc;
}

// walk splits a text into its objects; what stands before a fault is kept. Lengths count characters, or bytes.
function walk(text, bytes) {
  const all = [], units = bytes ? encoder.encode(text) : [...text];
  const say = (from, to) => bytes ? decoder.decode(units.subarray(from, to)) : units.slice(from, to).join("");
  for (let i = 0; i < units.length;) {
    let rest, value;
    try { rest = [...say(i, units.length)].slice(0, 4).join(""); } catch { return { all, bad: "length_overrun" }; }
    if (long(rest) < 4) return { all, bad: "truncated_tlv" };
    if (!/^[0-9]{2}/.test(rest)) return { all, bad: "bad_tag" };
    if (!/^..[0-9]{2}$/u.test(rest)) return { all, bad: "bad_length" };
    const end = i + 4 + Number(rest.slice(2));
    if (end > units.length) return { all, bad: "length_overrun" };
    try { value = say(i + 4, end); } catch { return { all, bad: "length_overrun" }; }
    all.push({ tag: rest.slice(0, 2), value });
    i = end;
  }
  return { all, bad: "" };
}

const find = (all, tag) => all.find(o => o.tag === tag);
const first = (all, tag) => find(all, tag)?.value ?? "";
const twice = all => new Set(all.map(o => o.tag)).size < all.length;

// payees lists the account templates: an app takes the one it knows, so a code with two may pay two people.
function payees(root, bytes) {
  const all = [];
  for (const o of root) {
    if (o.tag < "02" || o.tag > "51" || o.value === "") continue;
    const p = { tag: o.tag, scheme: "card", guid: "", bin: "", account: "", value: o.value };
    all.push(p);
    if (o.tag < "26") { p.account = o.value; continue; }
    const inner = walk(o.value, bytes).all;
    p.guid = first(inner, "00");
    p.scheme = Object.hasOwn(schemes, p.guid) ? schemes[p.guid] : "payment";
    if (p.scheme === "vietqr") {
      const beneficiary = walk(first(inner, "01"), bytes).all;
      p.bin = first(beneficiary, "00");
      p.account = first(beneficiary, "01");
    } else if (p.scheme === "vnpay") p.account = first(inner, "01");
  }
  return all;
}

// describe says what a text is that decode refused: a scheme's name, url, wifi, text or empty.
export function describe(text) {
  text = text.replace(around, "");
  const lower = text.slice(0, 16).toLowerCase();
  if (text === "") return "empty";
  if (text.startsWith("0002")) {
    let found = "payment";
    for (const p of payees(walk(text.slice(0, 2953), false).all, false)) {
      if (p.scheme === "vietqr") return "vietqr";
      if (found === "payment" || found === "card") found = p.scheme;
    }
    return found;
  }
  if (text.startsWith("2|99|")) return "momo";
  if (/^(https?:\/\/|www\.)/.test(lower)) return "url";
  return lower.startsWith("wifi:") ? "wifi" : "text";
}

// identifier is a form that the base format gives to identifiers: hexadecimal, or a reversed domain name.
function identifier(guid) {
  if (guid.length > 32 || !printable(guid)) return false;
  const hex = /^[0-9A-Fa-f]+$/.test(guid);
  return hex && guid.length === 32 || hex && guid.length >= 10 && /^[ADFadf]/.test(guid) || guid.replace(/^\.+|\.+$/g, "").includes(".");
}

// amountFault is what is wrong with an amount: digits, at most one mark behind them, and behind the mark zeros only.
function amountFault(text) {
  if (long(text) > 13) return "amount_too_long";
  const [whole, ...fraction] = text.split(".");
  if (whole === "" || !digits(whole) || /[^0]/.test(fraction.join("."))) return "bad_amount";
  return /[^0]/.test(whole) ? "" : "amount_zero";
}

const slots = [["01", "bill_number"], ["02", "mobile_number"], ["03", "store_label"], ["04", "loyalty_number"], ["05", "reference_label"],
  ["06", "customer_label"], ["07", "terminal_label"], ["08", "purpose"], ["09", "consumer_data_request"]];
const slotMax = { "09": 3 };

// decode returns the `decoded` of qrgen/testdata/vectors.json, with warnings, payees and the text beside it. It throws Refused.
export function decode(whole, { strict = false } = {}) {
  const d = { version: "", scheme: "" }, warnings = [];
  const fail = code => { throw new Refused(code); };
  const warn = code => { if (!warnings.includes(code)) warnings.push(code); };
  const forgive = code => strict ? fail(code) : warn(code);
  const empties = (all, account) => { for (const o of all) if (o.value === "" && !(account && o.tag === "01")) forgive("empty_value"); };
  const repeats = all => { if (twice(all)) fail("duplicate_tag"); };
  const put = (name, value) => { if (value) d[name] = value; };
  const keep = (name, tag, value) => { (d[name] ??= {})[tag] = value; };

  const text = whole.replace(around, "");
  const size = encoder.encode(text).length;
  if (size === 0) fail("empty");
  if (size > 2953) fail("too_long");
  if (text !== whole) forgive("surrounding_whitespace");
  if (hidden.test(text)) fail("control_character");
  const check = /6304([0-9A-Fa-f]{4})$/.exec(text);
  if (!check) fail("crc_missing");
  if (crc16(text.slice(0, -4)) !== parseInt(check[1], 16)) fail("bad_crc");
  d.crc = check[1].toUpperCase();
  if (d.crc !== check[1]) forgive("crc_lowercase");
  if (size > 512) warn("over_512");

  // Several generators count bytes: a text that falls apart by characters and not by bytes was made by one.
  const split = bytes => {
    const { all, bad } = walk(text, bytes);
    if (bad) return { all, bad };
    if (all[all.length - 1].tag !== "63") return { all, bad: "crc_not_last" };
    for (const o of all) {
      if (o.tag !== "38" && o.tag !== "62") continue;
      const inner = walk(o.value, bytes);
      if (inner.bad) return { all, bad: inner.bad };
      if (o.tag === "38" && first(inner.all, "00") === napas) {
        const deep = walk(first(inner.all, "01"), bytes);
        if (deep.bad) return { all, bad: deep.bad };
      }
    }
    return { all, bad: "" };
  };
  let bytes = false, { all: root, bad } = split(false);
  if (bad && !printable(text)) {
    const other = split(true);
    if (!other.bad) { forgive("length_counts_bytes"); bytes = true; root = other.all; bad = ""; }
  }
  if (bad) fail(bad);
  repeats(root);
  if (root[root.length - 1].value.length !== 4) fail("crc_not_last");
  empties(root);

  const version = find(root, "00");
  if (!version) fail("missing_version");
  if (root[0].tag !== "00") fail("version_not_first");
  if (version.value !== "01") fail("unsupported_version");
  d.version = "01";
  const poi = first(root, "01");
  put("poi", poi);
  if (poi === "") forgive("missing_poi");
  else if (poi === "11") d.mode = "static";
  else if (poi === "12") d.mode = "dynamic";
  else fail("bad_poi");

  // Who is paid: the identifier decides, not the tag.
  const who = payees(root, bytes);
  const ours = who.find(p => p.scheme === "vietqr" && p.tag === "38") ?? who.find(p => p.scheme === "vietqr");
  const at38 = find(root, "38");
  if (at38 && who.find(p => p.tag === "38")?.scheme !== "vietqr") {
    const inner = walk(at38.value, bytes).all;
    repeats(inner);
    empties(inner);
    const guid = first(inner, "00");
    if (guid === "") fail("missing_guid");
    if (!identifier(guid) || !ours && strict) fail("bad_guid");
  }
  let chosen = ours;
  if (who.length === 0) fail("missing_merchant_account");
  if (ours) {
    d.scheme = "vietqr";
    for (const p of who) if (p.scheme === "vietqr" && p.tag !== "38") forgive("napas_guid_outside_38");
    const inner = walk(ours.value, bytes);
    if (inner.bad) fail(inner.bad);
    repeats(inner.all);
    empties(inner.all);
    const holder = first(inner.all, "01");
    if (holder === "") fail("missing_beneficiary");
    const parts = walk(holder, bytes);
    if (parts.bad) fail(parts.bad);
    repeats(parts.all);
    empties(parts.all, true);
    d.bin = first(parts.all, "00");
    if (d.bin === "") fail("missing_bin");
    if (!/^[0-9]{6}$/.test(d.bin)) fail("bad_bin");
    d.account = first(parts.all, "01");
    if (d.account === "") fail("missing_account");
    if (long(d.account) > 19) fail("account_too_long");
    if (!/^[0-9A-Za-z]+$/.test(d.account)) fail("bad_account");
    const outer = first(inner.all, "02"), nested = first(parts.all, "02");
    if (nested !== "") {
      forgive("service_nested");
      if (outer !== "" && outer !== nested) fail("bad_service");
    }
    const service = outer || nested;
    if (service === "") { d.service_implied = "QRPUSH"; warn("missing_service"); }
    else if (["QRIBFTTA", "QRIBFTTC", "QRPUSH", "QRCASH"].includes(service)) d.service = service;
    else fail("bad_service");
  } else if (strict) fail("not_vietqr");
  else {
    chosen = who.find(p => p.scheme === "vnpay");
    d.scheme = chosen ? "vnpay" : "other";
    if (chosen) put("merchant_id", chosen.account);
    warn(chosen ? "scheme_vnpay" : "scheme_other");
  }
  if (chosen) { put("mai_tag", chosen.tag); put("guid", chosen.guid); }
  for (const p of who) if (p.tag !== chosen?.tag) keep("other_mai", p.tag, p.value);

  const mcc = first(root, "52");
  put("mcc", mcc);
  if (mcc !== "" && !/^[0-9]{4}$/.test(mcc)) fail("bad_mcc");
  d.currency = first(root, "53");
  if (d.currency === "") fail("missing_currency");
  if (!/^[0-9]{3}$/.test(d.currency)) fail("bad_currency");
  if (d.currency !== "704") fail("wrong_currency");
  const amount = first(root, "54");
  if (amount === "") { if (d.mode === "dynamic") warn("dynamic_without_amount"); }
  else {
    const wrong = amountFault(amount);
    if (wrong) fail(wrong);
    d.amount = amount;
    d.amount_vnd = Number(amount.split(".")[0]);
    if (amount.split(".")[1]) forgive("amount_has_decimals");
    if (d.mode === "static") warn("static_with_amount");
  }
  const tip = first(root, "55"), fixed = first(root, "56"), percent = first(root, "57");
  put("tip_indicator", tip); put("fee_fixed", fixed); put("fee_percent", percent);
  if (!["", "01", "02", "03"].includes(tip)) fail("bad_tip_indicator");
  if ((tip === "02") !== (fixed !== "") || fixed !== "" && amountFault(fixed)) forgive("tip_fields_inconsistent");
  if ((tip === "03") !== (percent !== "") || percent !== "" && !(/^[0-9]{1,2}(\.[0-9]{1,2})?$/.test(percent) && /[1-9]/.test(percent))) forgive("tip_fields_inconsistent");
  d.country = first(root, "58");
  if (d.country === "") fail("missing_country");
  if (d.country !== "VN") fail("wrong_country");

  const plain = (value, max) => {
    if (long(value) > max) forgive("field_over_limit");
    if (!printable(value)) forgive("non_ascii");
  };
  for (const [tag, name, max] of [["59", "merchant_name", 25], ["60", "merchant_city", 15], ["61", "postal_code", 10]]) {
    put(name, first(root, tag));
    plain(first(root, tag), max);
  }
  const additional = first(root, "62");
  if (additional !== "") {
    const { all } = walk(additional, bytes);
    repeats(all);
    empties(all);
    for (const o of all) {
      if (o.value === "") continue;
      const slot = slots.find(([tag]) => tag === o.tag);
      keep("additional", slot ? slot[1] : o.tag, o.value);
      if (!slot) continue;
      plain(o.value, slotMax[o.tag] ?? 25);
      if (o.tag === "09" && (/[^AME]/.test(o.value) || new Set(o.value).size < o.value.length)) forgive("bad_consumer_data_request");
    }
  }
  const language = first(root, "64");
  if (language !== "") {
    const { all, bad } = walk(language, bytes);
    const l = {};
    for (const [tag, name] of [["00", "preference"], ["01", "name"], ["02", "city"]]) if (first(all, tag)) l[name] = first(all, tag);
    if (Object.keys(l).length) d.language = l;
    if (bad || twice(all) || !/^[A-Za-z]{2}$/.test(first(all, "00")) || first(all, "01") === "") forgive("bad_language_template");
    if (long(first(all, "01")) > 25 || long(first(all, "02")) > 15) forgive("field_over_limit");
  }
  for (const o of root) {
    if (o.value === "" || o.tag < "65") continue;
    keep(o.tag < "80" ? "reserved" : "unreserved", o.tag, o.value);
    if (o.tag < "80") continue;
    const { all, bad } = walk(o.value, bytes);
    if (bad || first(all, "00") === "") forgive("unreserved_without_guid");
  }
  const service = d.service ?? d.service_implied;
  if (service === "QRPUSH" || service === "QRCASH") {
    for (const tag of ["52", "59", "60"]) if (first(root, tag) === "") forgive("missing_merchant_field");
    if (service === "QRCASH" && !(d.additional?.reference_label && d.additional?.terminal_label)) forgive("missing_cash_label");
  }
  return { decoded: d, warnings, payees: who, text };
}
