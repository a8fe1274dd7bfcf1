// The run-down: what is to be on the program one after the other, by its times or by hand.
import type { Audio, Conference, Cue, CueNow, Source } from '../../sdk/src/meetingcast.js';
import { chosen, element, make } from './element.js';
import { attempt } from './notice.js';

const FADE_MS = 500;
const DAY_MS = 24 * 3600 * 1000;

/** What the desk has chosen beyond the plain ones: its layout, or what is on the air. */
export interface Choices {
  /** What is on the air, or armed for the start. */
  readonly present: Source | null;
  /** As set under "More layouts". Throws for tiles that are no JSON. */
  readonly layout: Source;
}

export class RunDown {
  readonly #conference: Conference;
  readonly #choices: Choices;
  readonly #list = element('cues', HTMLOListElement);
  readonly #next = element('next-cue', HTMLButtonElement);
  readonly #clear = element('clear-cues', HTMLButtonElement);
  readonly #name = element('cue-name', HTMLInputElement);
  readonly #source = element('cue-source', HTMLSelectElement);
  readonly #when = element('cue-when', HTMLSelectElement);
  readonly #at = element('cue-at', HTMLInputElement);
  readonly #after = element('cue-after', HTMLInputElement);
  readonly #changed = (): void => void this.#refresh();
  #cues: CueNow[] = [];
  #closed = false;

  constructor(conference: Conference, choices: Choices) {
    this.#conference = conference;
    this.#choices = choices;
    const form = element('add-cue', HTMLFormElement);
    form.onsubmit = (event) => {
      event.preventDefault();
      void attempt(form.querySelector('button'), () => this.#add());
    };
    this.#when.onchange = () => this.#needTime();
    this.#next.onclick = () => void attempt(this.#next, () => this.#take(() => conference.meetingCast.nextCue()));
    this.#clear.onclick = () => void attempt(this.#clear, async () => {
      await conference.meetingCast.clearCues();
      await this.#refresh();
    });
    conference.meetingCast.on('cues_changed', this.#changed);
    this.#needTime();
    this.draw();
    void this.#refresh();
  }

  close(): void {
    this.#closed = true;
    this.#conference.meetingCast.off('cues_changed', this.#changed);
  }

  /** Who is in may have changed, or whether the cast is live. */
  draw(): void {
    const { participants, localId, meetingCast } = this.#conference;
    const ids = [...new Set([localId, ...participants.keys()])];
    const before = this.#source.value;
    const options = [['present', 'what is chosen now'], ['grid', 'the grid'], ['slate', 'the slate'], ['layout', 'the layout above'], ...ids.map((id) => [`of ${id}`, id])];
    this.#source.replaceChildren(...options.map(([value = '', text = '']) => make('option', { value }, text)));
    if (options.some(([value]) => value === before)) this.#source.value = before;
    const live = meetingCast.cast?.state === 'live';
    this.#next.disabled = !live || !this.#cues.some(({ state }) => state === 'next');
    this.#clear.disabled = this.#cues.length === 0;
    const rows = this.#cues.map((cue) => this.#row(cue, live));
    // Drawn anew only when something changed: a button that is replaced loses the focus.
    const text = rows.map((row) => row.outerHTML).join('');
    if (this.#list.dataset['drawn'] === text) return;
    this.#list.dataset['drawn'] = text;
    this.#list.replaceChildren(...(rows.length > 0 ? rows : [make('li', { class: 'quiet' }, 'Nothing is planned.')]));
  }

  async #refresh(): Promise<void> {
    // A moment without network is told elsewhere already; a list that was not told stays as it was.
    const rundown = await this.#conference.meetingCast.rundown().catch(() => null);
    if (!rundown || this.#closed) return;
    this.#cues = rundown.cues;
    this.draw();
  }

  async #take(take: () => Promise<unknown>): Promise<void> {
    try {
      await take();
    } finally {
      await this.#refresh();
    }
  }

  async #add(): Promise<void> {
    const fade = element('transition', HTMLSelectElement).value === 'fade';
    const cue: Cue = {
      name: this.#name.value.trim(),
      source: this.#chosen(),
      audio: chosen('audio') as Audio,
      ...(fade ? { transition: { type: 'fade', duration_ms: FADE_MS } as const } : {}),
      ...this.#time(),
    };
    // The list as it is now: somebody else may have put another.
    const { cues } = await this.#conference.meetingCast.rundown();
    const { cues: put } = await this.#conference.meetingCast.putCues([...cues.map(asPut), cue]);
    this.#cues = put;
    this.#name.value = '';
    this.draw();
  }

  #chosen(): Source {
    const which = this.#source.value;
    if (which.startsWith('of ')) return { participant: which.slice(3) };
    if (which === 'slate') return { slate: true };
    if (which === 'layout') return this.#choices.layout;
    return (which === 'present' ? this.#choices.present : null) ?? { layout: 'grid' };
  }

  #time(): Pick<Cue, 'at' | 'after_ms'> {
    if (this.#when.value === 'after') return { after_ms: Math.round(Number(this.#after.value) * 1000) };
    if (this.#when.value !== 'at') return {};
    // The next time that a clock here shows it.
    const [hours = 0, minutes = 0, seconds = 0] = this.#at.value.split(':').map(Number);
    const today = new Date();
    today.setHours(hours, minutes, seconds, 0);
    const ms = today.getTime();
    return { at: new Date(ms > Date.now() ? ms : ms + DAY_MS).toISOString() };
  }

  #needTime(): void {
    for (const [field, when] of [[this.#at, 'at'], [this.#after, 'after']] as const) {
      const needed = this.#when.value === when;
      field.required = needed;
      field.disabled = !needed;
      const label = field.closest('label');
      if (label) label.hidden = !needed;
    }
  }

  #row(cue: CueNow, live: boolean): HTMLLIElement {
    const { id, name, state, error } = cue;
    const go = make('button', { type: 'button', 'aria-label': `Go to ${name}`, ...(live ? {} : { disabled: '' }) }, 'Go');
    go.onclick = () => void attempt(go, () => this.#take(() => this.#conference.meetingCast.goCue(id)));
    return make('li', { 'data-state': state },
      make('strong', { class: 'cue' }, name),
      make('span', { class: 'quiet' }, `${shownBy(cue.source)}, ${timeOf(cue)}`),
      make('span', { class: 'badge', 'data-state': state }, state),
      go,
      ...(error ? [make('span', { class: 'why' }, error.detail)] : []));
  }
}

/** Without what has become of it. */
function asPut({ id, name, source, audio, transition, at_pts_ms, at, after_ms }: CueNow): Cue {
  const cue: Cue = { id, name, source };
  return Object.assign(cue, Object.fromEntries(Object.entries({ audio, transition, at_pts_ms, at, after_ms }).filter(([, value]) => value !== undefined)));
}

function shownBy(source: Source): string {
  if ('slate' in source) return 'slate';
  if ('layout' in source) return source.layout.replaceAll('_', ' ');
  return 'participant' in source ? source.participant : 'who speaks';
}

function timeOf({ at, after_ms, at_pts_ms }: CueNow): string {
  if (at !== undefined) return `at ${new Date(at).toLocaleTimeString()}`;
  if (after_ms !== undefined) return `${after_ms / 1000} s after`;
  return at_pts_ms === undefined ? 'by hand' : `at ${(at_pts_ms / 1000).toFixed(1)} s of the program`;
}
