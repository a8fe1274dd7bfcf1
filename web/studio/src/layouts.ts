// Layouts with more to choose than a name: who is large and who is small, where, or tiles as they are written down.
import type { Client, Conference, Corner, LayoutLine, LayoutTile, Source } from '../../sdk/src/meetingcast.js';
import { element, make } from './element.js';

/** These have buttons of their own. */
const PLAIN = ['grid', 'speaker'];
const TITLES: Readonly<Record<string, string>> = {
  pip: 'Picture in picture',
  side_by_side: 'Side by side',
  screen: 'Screen and camera',
  custom: 'Tiles of your own',
};
const EXAMPLE: LayoutTile[] = [
  { slot: 0, x: 0, y: 0, width: 0.7, height: 1, fit: 'cover' },
  { slot: 1, x: 0.72, y: 0.02, width: 0.26, height: 0.46, fit: 'cover', border: { width: 0.005, color: '#ffffff' }, radius: 0.03 },
];

export class Layouts {
  readonly #conference: Conference;
  readonly #which = element('layout', HTMLSelectElement);
  readonly #first = element('first', HTMLSelectElement);
  readonly #second = element('second', HTMLSelectElement);
  readonly #corner = element('corner', HTMLSelectElement);
  readonly #tiles = element('custom-tiles', HTMLTextAreaElement);
  #lines: LayoutLine[] = [];

  constructor(client: Client, conference: Conference) {
    this.#conference = conference;
    this.#tiles.value = JSON.stringify(EXAMPLE, null, 1);
    this.#which.onchange = () => this.draw();
    client.rest
      .json<{ layouts: LayoutLine[] }>('GET', '/v1/layouts')
      .then(({ layouts }) => {
        this.#lines = layouts.filter(({ name }) => !PLAIN.includes(name));
        this.#which.replaceChildren(...this.#lines.map(({ name }) => make('option', { value: name }, TITLES[name] ?? name)));
        this.draw();
      })
      // Without a list there is nothing to choose; the buttons are there all the same.
      .catch(() => undefined);
  }

  /** Who is in and what the chosen layout needs. */
  draw(): void {
    const { participants, localId } = this.#conference;
    const ids = [...new Set([localId, ...participants.keys()])];
    [this.#first, this.#second].forEach((select, index) => {
      const before = select.value;
      const none = this.#isNamed() ? [make('option', { value: '' }, 'in order of joining')] : [];
      select.replaceChildren(...none, ...ids.map((id) => make('option', { value: id }, id)));
      const usual = this.#isNamed() ? '' : (ids[index] ?? ids[0] ?? '');
      select.value = ids.includes(before) ? before : usual;
    });
    const kind = this.#line()?.layout ?? '';
    const places = kind === 'pip' || kind === 'side_by_side' ? 2 : kind === 'screen' ? 1 : kind === 'custom' && this.#isNamed() ? Math.min(2, this.#line()?.participants ?? 0) : 0;
    shown(this.#first, places > 0);
    shown(this.#second, places > 1);
    shown(this.#corner, this.#which.value === 'pip');
    shown(this.#tiles, this.#which.value === 'custom');
  }

  /** What is chosen. Throws for tiles that are no JSON. */
  get source(): Source {
    const [first, second] = [this.#first.value, this.#second.value];
    switch (this.#which.value) {
      case 'pip':
        return { layout: 'pip', focus: first, inset: second, corner: this.#corner.value as Corner };
      case 'side_by_side':
        return { layout: 'side_by_side', participants: [first, second] };
      case 'screen':
        return { layout: 'screen', participant: first };
      case 'custom':
        return { layout: 'custom', tiles: JSON.parse(this.#tiles.value) as LayoutTile[] };
      default: {
        const chosen = [first, second].slice(0, this.#line()?.participants ?? 0).filter((id) => id !== '');
        return { layout: this.#which.value, ...(chosen.length > 0 ? { participants: chosen } : {}) };
      }
    }
  }

  #line(): LayoutLine | undefined {
    return this.#lines.find(({ name }) => name === this.#which.value);
  }

  #isNamed(): boolean {
    return this.#line() !== undefined && !(this.#which.value in TITLES);
  }
}

/** A field with its label. */
function shown(field: HTMLElement, yes: boolean): void {
  const label = field.closest('label');
  if (label) label.hidden = !yes;
}
