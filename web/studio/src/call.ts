// The seeds' call demo: my id, the peer's, call, answer, hang up.
import { connect, createStream, type Call, type CallMode, type Client, type LocalStream } from '../../sdk/src/meetingcast.js';
import { element } from './element.js';
import { attempt, show } from './notice.js';

const state = element('state', HTMLElement);
const signIn = element('sign-in', HTMLFormElement);
const dial = element('dial', HTMLFormElement);
const me = element('me', HTMLInputElement);
const token = element('token', HTMLInputElement);
const peer = element('peer', HTMLInputElement);
const mode = element('mode', HTMLSelectElement);
const other = element('other', HTMLElement);
const buttons = { call: element('call', HTMLButtonElement), answer: element('answer', HTMLButtonElement), hangUp: element('hang-up', HTMLButtonElement) };

let client: Client | null = null;
let stream: LocalStream | null = null;
let call: Call | null = null;

const WORDS: Readonly<Record<string, string>> = {
  inviting: 'calling …', ringing: 'ringing …', accepted: 'answered, connecting …', connected: 'connected', refused: 'refused',
  canceled: 'taken back', busy: 'busy', timeout: 'nobody answered', closed: 'over',
};

function draw(): void {
  const rings = call?.direction === 'incoming' && call.state === 'ringing';
  buttons.call.disabled = !client || call !== null;
  buttons.answer.disabled = !rings;
  buttons.hangUp.disabled = call === null;
  state.dataset['state'] = call?.state ?? '';
}

async function camera(): Promise<LocalStream> {
  stream ??= await createStream({ audio: true, video: 'standard' });
  stream.attach(element('local', HTMLVideoElement));
  return stream;
}

function follow(one: Call): void {
  call = one;
  peer.value = one.with;
  one.on('state', (now) => {
    state.textContent = one.direction === 'incoming' && now === 'ringing' ? `${one.with} is calling` : (WORDS[now] ?? now);
    draw();
  });
  one.on('connected', (remote) => {
    other.textContent = one.with;
    remote.attach(element('remote', HTMLVideoElement));
  });
  one.on('closed', () => {
    other.textContent = 'Nobody';
    if (call === one) call = null;
    draw();
  });
}

signIn.onsubmit = (event) => {
  event.preventDefault();
  void attempt(signIn.querySelector('button'), async () => {
    await client?.close();
    const key = token.value.trim() || undefined;
    client = await connect({ token: key, ...(key ? {} : { participant: me.value.trim() }) });
    me.value = client.id;
    state.textContent = `signed in as ${client.id}`;
    client.on('call', follow);
    client.on('closed', (error) => {
      if (error.code === 'closed') return;
      client = null;
      state.textContent = 'signed out';
      show(error);
      draw();
    });
    draw();
    peer.focus();
  });
};

dial.onsubmit = (event) => {
  event.preventDefault();
  void attempt(buttons.call, async () => {
    if (!client) return;
    follow(await client.call(peer.value.trim(), { mode: mode.value as CallMode, stream: await camera() }));
  }).then(draw);
};
buttons.answer.onclick = () => void attempt(buttons.answer, async () => call?.accept(await camera())).then(draw);
buttons.hangUp.onclick = () => void attempt(buttons.hangUp, async () => {
  if (call?.direction === 'incoming' && call.state === 'ringing') await call.refuse();
  else await call?.close();
}).then(draw);

me.value = new URLSearchParams(location.search).get('me') ?? '';
peer.value = new URLSearchParams(location.search).get('peer') ?? '';
draw();
