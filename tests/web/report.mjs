// How every tool here speaks to the test that started it: one JSON object per line on stdout, sentences on stderr,
// and an exit code: 0 all checks held, 1 a check failed, 2 wrong usage.
import { fstatSync } from 'node:fs';
import { parseArgs } from 'node:util';

/** A check that did not hold: its message is the sentence the test's author reads. */
export class CheckFailed extends Error {}

/** The caller's command line makes no sense. */
export class WrongUsage extends Error {}

/** One line of the report. */
export function emit(event, fields = {}) {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

/** Parses `--name value` options; an unknown option or a stray word is wrong usage. */
export function options(spec) {
  try {
    return parseArgs({ options: spec, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new WrongUsage(error.message);
  }
}

/** A required text option. */
export function required(values, name) {
  if (!values[name]) throw new WrongUsage(`--${name} is missing`);
  return values[name];
}

/** A number option within its range; `undefined` if it is absent. */
export function number(values, name, { min = 0, max = Number.MAX_SAFE_INTEGER } = {}) {
  if (values[name] === undefined) return undefined;
  const parsed = Number(values[name]);
  if (values[name].trim() === '' || !Number.isFinite(parsed) || parsed < min || parsed > max) {
    throw new WrongUsage(`--${name} must be a number from ${min} to ${max}, not "${values[name]}"`);
  }
  return parsed;
}

/** A http or https address. */
export function address(values, name) {
  const text = required(values, name);
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new WrongUsage(`--${name} must be an http or https URL, not "${text}"`);
  }
  return text;
}

/** `RRGGBB` (with or without `#`) as six lower-case digits. */
export function colour(text) {
  const digits = text.replace(/^#/, '').toLowerCase();
  if (!/^[0-9a-f]{6}$/.test(digits)) throw new WrongUsage(`a colour is six hexadecimal digits, not "${text}"`);
  return digits;
}

/**
 * Resolves when the test closes our stdin. Only a pipe or socket counts: with stdin from /dev/null or a terminal
 * nobody holds an end that could be closed on purpose, so it never resolves then.
 */
export function stdinClosed() {
  const stdin = fstatSync(0);
  if (!stdin.isFIFO() && !stdin.isSocket()) return new Promise(() => {});
  return new Promise((resolve) => {
    process.stdin.on('end', resolve).on('close', resolve).on('error', resolve);
    process.stdin.resume();
  });
}

/** Resolves on SIGTERM or SIGINT, so that the tool can close its browser and say what it has seen so far. */
export function signalled() {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT']) process.once(name, () => resolve(name));
  });
}

export const after = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Runs a tool and turns its outcome into the exit code. */
export async function run(main) {
  let code = 0;
  try {
    await main();
  } catch (error) {
    code = error instanceof WrongUsage ? 2 : 1;
    const known = error instanceof WrongUsage || error instanceof CheckFailed;
    process.stderr.write(`${known ? error.message : (error.stack ?? error)}\n`);
  }
  // Let a full pipe drain before leaving; `process.exit` alone may cut the last lines off.
  await new Promise((resolve) => process.stdout.write('', resolve));
  process.exit(code);
}
