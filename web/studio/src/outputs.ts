// Where the program goes: chosen before the start, added and removed while live.
import type { Conference, Output, OutputRequest } from '../../sdk/src/meetingcast.js';
import { element, make } from './element.js';
import { attempt } from './notice.js';

const KINDS: Readonly<Record<string, string>> = { rtmp: 'RTMP push', hls: 'HLS', rtmp_play: 'RTMP play', recording: 'Recording' };

export class Outputs {
  readonly #list = element('outputs', HTMLUListElement);
  readonly #form = element('add', HTMLFormElement);
  readonly #kind = element('kind', HTMLSelectElement);
  readonly #url = element('url', HTMLInputElement);
  readonly #conference: Conference;
  /** For the next start. */
  #planned: OutputRequest[] = [{ type: 'hls' }];

  constructor(conference: Conference) {
    this.#conference = conference;
    this.#form.onsubmit = (event) => {
      event.preventDefault();
      void attempt(this.#form.querySelector('button'), () => this.#add());
    };
    this.#kind.onchange = () => this.#needUrl();
    this.#needUrl();
  }

  get planned(): OutputRequest[] {
    return this.#planned;
  }

  draw(): void {
    const { meetingCast } = this.#conference;
    const rows = meetingCast.isStarted
      ? (meetingCast.cast?.outputs ?? []).map((output) => this.#live(output))
      : this.#planned.map((output, at) => this.#plan(output, at));
    // Drawn anew only when something changed: a button that is replaced loses the focus.
    const text = rows.map((row) => row.outerHTML).join('');
    if (this.#list.dataset['drawn'] === text) return;
    this.#list.dataset['drawn'] = text;
    this.#list.replaceChildren(...(rows.length > 0 ? rows : [make('li', { class: 'quiet' }, 'None: nobody could watch.')]));
  }

  #needUrl(): void {
    const pushes = this.#kind.value === 'rtmp';
    this.#url.required = pushes;
    this.#url.disabled = !pushes;
  }

  async #add(): Promise<void> {
    const type = this.#kind.value as OutputRequest['type'];
    const output: OutputRequest = type === 'rtmp' ? { type, url: this.#url.value.trim() } : { type };
    if (this.#conference.meetingCast.isStarted) {
      await this.#conference.meetingCast.addOutput(output);
      await this.#conference.meetingCast.refresh();
    } else {
      this.#planned.push(output);
    }
    this.#url.value = '';
    this.draw();
  }

  #plan(output: OutputRequest, at: number): HTMLLIElement {
    const name = KINDS[output.type] ?? output.type;
    const remove = make('button', { type: 'button', 'aria-label': `Remove ${name}` }, 'Remove');
    remove.onclick = () => {
      this.#planned = this.#planned.filter((_, index) => index !== at);
      this.draw();
    };
    return make('li', {}, make('strong', {}, name), ...address(output.url), remove);
  }

  #live({ id, type, url, state, retries, last_error }: Output): HTMLLIElement {
    const remove = make('button', { type: 'button', 'aria-label': `Remove output ${id}` }, 'Remove');
    remove.onclick = () => void attempt(remove, async () => {
      await this.#conference.meetingCast.removeOutput(id);
      await this.#conference.meetingCast.refresh();
      this.draw();
    });
    const retried = retries === 0 ? '' : retries === 1 ? '1 retry' : `${retries} retries`;
    return make('li', {},
      make('strong', {}, `${KINDS[type] ?? type} (${id})`),
      make('span', { class: 'badge', 'data-state': state }, state),
      make('span', { class: 'quiet' }, retried),
      ...address(url),
      remove,
      ...(last_error ? [make('span', { class: 'why' }, last_error)] : []));
  }
}

const address = (url: string | null | undefined): HTMLElement[] => (url ? [make('code', {}, url)] : []);
