// The addresses that viewers are given, each with a button that copies it.
import type { Cast } from '../../sdk/src/meetingcast.js';
import { element, make } from './element.js';

const COPIED_MS = 1_500;

export function drawPlay(conference: string, play: Cast['play']): void {
  const list = element('play', HTMLUListElement);
  const watch = play.hls ? new URL(`/watch/${encodeURIComponent(conference)}`, location.href).href : null;
  const rows = [['Watch page', watch], ['HLS', play.hls], ['RTMP', play.rtmp], ['WHEP', play.whep]] as const;
  const shown = rows.flatMap(([name, url]) => (url ? [{ name, url }] : []));
  const text = JSON.stringify(shown);
  if (list.dataset['drawn'] === text) return;
  list.dataset['drawn'] = text;
  list.replaceChildren(...(shown.length > 0
    ? shown.map(({ name, url }) => row(name, url))
    : [make('li', { class: 'quiet' }, 'The addresses appear when the cast has started.')]));
}

function row(name: string, url: string): HTMLLIElement {
  const code = make('code', {}, url);
  const copy = make('button', { type: 'button', 'aria-label': `Copy the ${name} address` }, 'Copy');
  copy.onclick = async () => {
    try {
      await navigator.clipboard.writeText(url);
      copy.textContent = 'Copied';
    } catch {
      // Without HTTPS there is no clipboard: marked, it is one key away.
      getSelection()?.selectAllChildren(code);
      copy.textContent = 'Marked';
    }
    setTimeout(() => (copy.textContent = 'Copy'), COPIED_MS);
  };
  return make('li', {}, make('strong', {}, name), code, copy);
}
