// Amounts: exact arithmetic, and their text.
// An amount is a BigInt of 10^-18 currency units, so that sums are exact. Floats are used only for charts.

const DIGITS = 18;

/** Parse a decimal text such as "-12.5". */
function parseAmount(text) {
  const [, sign, whole, fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  const size = BigInt(whole + fraction.padEnd(DIGITS, "0"));
  return sign ? -size : size;
}

function absolute(amount) {
  return amount < 0n ? -amount : amount;
}

function sumAmounts(amounts) {
  return amounts.reduce((total, amount) => total + amount, 0n);
}

function toNumber(amount) {
  return Number(amount) / 10 ** DIGITS;
}

/** `part` divided by `whole`, to six decimals; null if `whole` is zero. */
function ratio(part, whole) {
  return whole ? Number((part * 1000000n) / whole) / 1000000 : null;
}

/** All digits, without trailing zeros. */
function exact(amount) {
  const digits = absolute(amount).toString().padStart(DIGITS + 1, "0");
  const fraction = digits.slice(-DIGITS).replace(/0+$/, "");
  return (amount < 0n ? "-" : "") + digits.slice(0, -DIGITS) + (fraction ? `.${fraction}` : "");
}

/** Rounded to the cent, with thousands separators. */
function cents(amount) {
  const cent = 10n ** BigInt(DIGITS - 2);
  const rounded = ((absolute(amount) + cent / 2n) / cent).toString().padStart(3, "0");
  return `${amount < 0n && Number(rounded) ? "−" : ""}${thousands(rounded.slice(0, -2))}.${rounded.slice(-2)}`;
}

/** A float rounded to a whole number, for estimates. */
function estimate(number) {
  return thousands(Math.round(number).toString());
}

function thousands(digits) {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}

function count(number) {
  return number.toLocaleString("en");
}

function percent(share) {
  if (share === null) return "–";
  const size = Math.abs(share) * 100;
  const digits = size < 9.95 && size > 0 ? 1 : 0;
  return size > 0 && size < 0.05 ? "<0.1%" : `${(share * 100).toFixed(digits).replace("-", "−")}%`;
}

function signedPercent(share) {
  if (Math.abs(share) < 0.0005) return "±0%";
  return (share > 0 ? "+" : "") + percent(share);
}
