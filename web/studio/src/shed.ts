// What an overloaded server does without, as a sentence.
import type { ShedRendition } from '../../sdk/src/meetingcast.js';

/** `null`: it does everything. */
export function shedSentence(snapshots: boolean, renditions: readonly ShedRendition[]): string | null {
  const less = renditions.map(({ rendition, fps }) => `${rendition} has ${Number(fps.toFixed(1))} pictures a second`);
  if (snapshots && less.length === 0) return null;
  const parts = [...less, ...(snapshots ? [] : ['no snapshots are made'])];
  return `The server has more to do than it can: ${parts.join(', ')}. The program itself has all its pictures.`;
}
