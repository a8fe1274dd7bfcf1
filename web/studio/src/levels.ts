// How loud everybody is, as the server hears it: for meters, five times a second.
import type { Levels } from '../../sdk/src/meetingcast.js';

/** Less is silence for a meter. */
const FLOOR_DB = -60;
/** Nothing was told for so long: what was told before is not so any more. */
const STALE_MS = 1_000;

export class Heard {
  #levels: Levels | null = null;
  #at = 0;

  take(levels: Levels, now: number): void {
    this.#levels = levels;
    this.#at = now;
  }

  /** Decibels below full scale of a stream: 0 the loudest, -60 the least that counts. */
  of(participant: string, stream: string, now: number): number {
    const inputs = this.#fresh(now)?.inputs ?? [];
    return bounded(inputs.find((input) => input.participant === participant && input.stream === stream)?.dbov);
  }

  /** The same of what the cast's audience hears. */
  program(now: number): number {
    return bounded(this.#fresh(now)?.program_dbov ?? undefined);
  }

  #fresh(now: number): Levels | null {
    return now - this.#at < STALE_MS ? this.#levels : null;
  }
}

function bounded(dbov = FLOOR_DB): number {
  return Math.min(0, Math.max(FLOOR_DB, dbov));
}

/** Shows a level in a meter that counts decibels. */
export function drawMeter(meter: HTMLMeterElement, db: number): void {
  meter.value = db;
  meter.title = db <= FLOOR_DB ? 'silence' : `${Math.round(db)} dB`;
}

/** Of a meter that [drawMeter] draws. */
export const METER = { min: String(FLOOR_DB), max: '0', value: String(FLOOR_DB) } as const;

/** What of a document says whether it is seen. */
export type Page = Pick<Document, 'visibilityState' | 'addEventListener' | 'removeEventListener'>;

/** Asks for something as long as the page is seen, and not while nobody looks. What is given back ends it. */
export function whileVisible(page: Page, ask: (on: boolean) => void): () => void {
  let asked = false;
  const follow = (): void => {
    const on = page.visibilityState === 'visible';
    if (on !== asked) ask((asked = on));
  };
  page.addEventListener('visibilitychange', follow);
  follow();
  return () => {
    page.removeEventListener('visibilitychange', follow);
    if (asked) ask((asked = false));
  };
}
