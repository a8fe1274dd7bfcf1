// A browser without a browser: what the SDK takes from its surroundings, as far as it does, recorded.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runInThisContext } from 'node:vm';

export const settle = async (turns = 20) => {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

export class FakeTrack {
  constructor(kind, height = 720) {
    Object.assign(this, { kind, enabled: true, stopped: false, height });
  }
  getSettings() {
    return { width: (this.height * 16) / 9, height: this.height };
  }
  addEventListener() {}
  stop() {
    this.stopped = true;
  }
}

export class FakeMediaStream {
  constructor(tracks = []) {
    this.tracks = [...tracks];
  }
  getTracks() {
    return [...this.tracks];
  }
  getAudioTracks() {
    return this.tracks.filter(({ kind }) => kind === 'audio');
  }
  getVideoTracks() {
    return this.tracks.filter(({ kind }) => kind === 'video');
  }
  addTrack(track) {
    if (!this.tracks.includes(track)) this.tracks.push(track);
  }
  removeTrack(track) {
    this.tracks = this.tracks.filter((one) => one !== track);
  }
}

class FakeSender {
  constructor(track) {
    this.track = track;
    this.parameters = { encodings: [{}] };
  }
  getParameters() {
    return structuredClone(this.parameters);
  }
  /** As browsers do: parameters that were read before the last change are refused. */
  async setParameters(parameters) {
    const { transaction = 0 } = this.parameters;
    if ((parameters.transaction ?? 0) !== transaction) throw new Error('InvalidStateError');
    await settle(2);
    this.parameters = { ...parameters, transaction: transaction + 1 };
  }
  async replaceTrack(track) {
    this.track = track;
  }
}

export class FakePeer {
  static all = [];
  constructor(configuration) {
    Object.assign(this, { configuration, senders: [], candidates: [], connectionState: 'new', iceGatheringState: 'complete', closed: false, remote: [] });
    this.number = FakePeer.all.push(this);
  }
  addTransceiver(what, init) {
    const sender = new FakeSender(typeof what === 'string' ? null : what);
    sender.direction = init.direction;
    this.senders.push(sender);
    return { sender, setCodecPreferences: (codecs) => (sender.preferred = codecs.map(({ mimeType }) => mimeType)) };
  }
  addTrack(track) {
    return this.addTransceiver(track, { direction: 'sendrecv' }).sender;
  }
  getSenders() {
    return this.senders;
  }
  async createOffer() {
    return { type: 'offer', sdp: `offer ${this.number}` };
  }
  async createAnswer() {
    return { type: 'answer', sdp: `answer ${this.number}` };
  }
  async setLocalDescription(description) {
    this.localDescription = description;
  }
  async setRemoteDescription(description) {
    this.remote.push(description);
  }
  async addIceCandidate(candidate) {
    this.candidates.push(candidate);
  }
  async getStats() {
    return new Map();
  }
  close() {
    this.closed = true;
  }
  become(state) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

export class FakeSocket {
  static all = [];
  /** Answers each request with ok, as a server in a good mood; a test may say otherwise by type. */
  static answers = {};
  constructor(url, protocols) {
    Object.assign(this, { url: String(url), protocols, sent: [] });
    FakeSocket.all.push(this);
    setImmediate(() => this.onopen?.());
  }
  static get last() {
    return FakeSocket.all.at(-1);
  }
  send(text) {
    const message = JSON.parse(text);
    this.sent.push(message);
    const { type, ref } = message;
    const answer = FakeSocket.answers[type];
    if (answer) return answer(this, message);
    if (ref !== undefined) this.say({ type: 'ok', ref });
  }
  say(message) {
    setImmediate(() => this.onmessage?.({ data: JSON.stringify(message) }));
  }
  close(code = 1000) {
    if (this.closed) return;
    this.closed = true;
    setImmediate(() => this.onclose?.({ code }));
  }
  /** Lost, as by a network. */
  drop(code = 1006) {
    this.closed = true;
    this.onclose?.({ code });
  }
  of(type) {
    return this.sent.filter((message) => message.type === type);
  }
}

/** What the browser can encode. */
export class FakeRtpSender {
  static codecs = [];
  static getCapabilities = () => ({ codecs: FakeRtpSender.codecs });
}

/** Requests by HTTP, and what is answered: by default as WHIP and WHEP do. */
export const http = { requests: [], answer: null };

async function fakeFetch(url, { method, headers, body }) {
  const request = { method, path: url.pathname + url.search, headers, body };
  http.requests.push(request);
  const said = http.answer?.(request) ?? (method === 'POST' && headers['content-type'] === 'application/sdp'
    ? { status: 201, text: 'v=0', headers: { location: `/v1/sessions/${http.requests.length}` } }
    : { status: 200, text: '{}' });
  return {
    ok: said.status < 300,
    status: said.status,
    text: async () => said.text,
    headers: { get: (name) => said.headers?.[name] ?? null },
  };
}

export const sent = (method, part) => http.requests.filter((request) => request.method === method && request.path.includes(part));

export function install() {
  FakePeer.all.length = 0;
  FakeRtpSender.codecs = ['video/VP8', 'video/rtx', 'video/H264', 'video/VP9', 'video/H264'].map((mimeType) => ({ mimeType }));
  FakeSocket.all.length = 0;
  FakeSocket.answers = {
    hello: (socket, { client, session }) => socket.say({
      type: 'welcome', client: client ?? 'made-up', session: 'key', resumed: session === 'key',
      ice_servers: [{ urls: ['stun:stun.example'] }], limits: {},
    }),
    ping: (socket) => socket.say({ type: 'pong' }),
  };
  http.requests.length = 0;
  http.answer = null;
  Object.assign(globalThis, { WebSocket: FakeSocket, RTCPeerConnection: FakePeer, RTCRtpSender: FakeRtpSender, MediaStream: FakeMediaStream, fetch: fakeFetch });
}

export const idle = (conference, more = {}) => ({
  conference, state: 'idle', source: null, source_state: 'absent', source_age_ms: null, audio: 'source', started_at: null, stopped_at: null,
  encoding: null, play: { hls: null, rtmp: null, whep: null }, outputs: [], program: { frames: 0, repeated: 0, dropped: 0 }, ...more,
});

export const joined = (conference, participants = [], cast = {}) => ({ type: 'joined', conference, participants, cast: idle(conference, cast) });

/** A page for the faces, which are classic scripts: elements by id, devices, storage. */
export function installPage() {
  install();
  const elements = new Map();
  const kept = new Map();
  class Script {
    src = 'http://server.example/sdk/face.js';
  }
  const make = () => ({ setAttribute() {}, play: async () => undefined, srcObject: null });
  Object.defineProperty(globalThis, 'navigator', {
    configurable: true,
    value: {
      mediaDevices: {
        asked: [],
        async getUserMedia(constraints) {
          this.asked.push(constraints);
          return new FakeMediaStream(['audio', 'video'].filter((kind) => constraints[kind]).map((kind) => new FakeTrack(kind)));
        },
      },
    },
  });
  Object.assign(globalThis, {
    HTMLScriptElement: Script,
    document: {
      currentScript: new Script(),
      getElementById: (id) => elements.get(id) ?? elements.set(id, make()).get(id),
    },
    sessionStorage: { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) },
    location: { origin: 'http://page.example' },
  });
}

/** Loads a face as a `<script>` does. */
export function loadFace(name) {
  const path = fileURLToPath(new URL(`../../dist/sdk/${name}.js`, import.meta.url));
  // `var` at the top of a classic script is a global that may be said again.
  runInThisContext(readFileSync(path, 'utf8'), { filename: path });
}

/** Runs a page's script, and gives what it said on the console. */
export async function runSample(source) {
  const said = [];
  const log = (...words) => said.push(words.join(' '));
  const { console } = globalThis;
  globalThis.console = { ...console, log };
  runInThisContext(source);
  await settle();
  return { said, restore: () => (globalThis.console = console) };
}
