// A viewer's page: waiting, playing, over.
import { element } from './element.js';
import { Player, playlistOf } from './player.js';

const video = element('video', HTMLVideoElement);
const waiting = element('waiting', HTMLElement);
const live = element('live', HTMLElement);
const latency = element('latency', HTMLElement);
const unmute = element('unmute', HTMLButtonElement);

const conference = decodeURIComponent(location.pathname.split('/').filter(Boolean).at(-1) ?? '');
element('title', HTMLElement).textContent = conference;
document.title = `${conference}, MeetingCast`;

let seen = false;

function wait(text: string): void {
  waiting.textContent = text;
  waiting.hidden = false;
  video.hidden = live.hidden = unmute.hidden = true;
  latency.textContent = '';
}

const player = new Player(video, playlistOf(conference), {
  playing: () => {
    seen = true;
    waiting.hidden = true;
    video.hidden = live.hidden = false;
    unmute.hidden = !video.muted;
  },
  absent: (why) => {
    if (why === 'lost') return wait('The program cannot be reached at the moment. Trying again …');
    const begun = why === 'over' || seen;
    return wait(begun ? 'The program is over. If it begins again, this page shows it.' : 'The program has not begun yet. This page shows it when it does.');
  },
});

video.onvolumechange = () => (unmute.hidden = !video.muted || video.hidden);
unmute.onclick = () => {
  video.muted = false;
  void video.play();
};
setInterval(() => {
  const seconds = player.latency;
  latency.textContent = seconds === null || video.hidden || video.paused ? '' : `${seconds.toFixed(1)} s behind`;
}, 1000);
