// What a list of samples is held against.

/** Whether two `rrggbb` colours differ by at most `tolerance` in every channel. */
export const near = (tolerance) => (a, b) =>
  [0, 2, 4].every((at) => Math.abs(parseInt(a.slice(at, at + 2), 16) - parseInt(b.slice(at, at + 2), 16)) <= tolerance);

/**
 * Sentences on why `samples`, with repetitions taken together, are not exactly the `expected` values one after the other.
 * A sample that matches none of them is a fault too, unless `othersOk`.
 */
export function inOrder(noun, samples, expected, matches, othersOk = false) {
  const seen = [];
  const strange = new Set();
  for (const sample of samples) {
    // The value that is on counts first, so that two expected values close to each other do not flap.
    const found = seen.length > 0 && matches(sample, seen.at(-1)) ? seen.at(-1) : expected.find((value) => matches(sample, value));
    if (found === undefined) strange.add(sample);
    else if (found !== seen.at(-1)) seen.push(found);
  }
  const faults = [];
  if (seen.join() !== expected.join()) faults.push(`${noun}s seen: ${seen.join(', ') || 'none'}; expected: ${expected.join(', ')}`);
  if (strange.size > 0 && !othersOk) faults.push(`unexpected ${noun}s: ${[...strange].slice(0, 8).join(', ')}`);
  return faults;
}
