// Media by a TURN server alone, with the credentials that our server hands out; and what that server refuses. See README.md.
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBrowser } from './chromium.mjs';
import { fakeCapture, plainMicrophone } from './fake-capture.mjs';
import { Observer } from './observer.mjs';
import { servePages } from './page-server.mjs';
import { address, CheckFailed, emit, options, required, run } from './report.mjs';

const values = options({ server: { type: 'string' }, turn: { type: 'string' }, secret: { type: 'string' }, 'ttl-s': { type: 'string' } });
const server = address(values, 'server').replace(/\/$/, '');
const [turn, secret, ttl] = [required(values, 'turn'), required(values, 'secret'), Number(required(values, 'ttl-s'))];

const PEOPLE = {
  tom: { colour: [0x10, 0x70, 0xd0], hz: 317 },
  jerry: { colour: [0xd0, 0x70, 0x10], hz: 426 },
};
const NAMES = Object.keys(PEOPLE);
const other = (name) => NAMES.find((one) => one !== name);

const pages = await servePages({
  '/page.html': (_, response) => response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
    .end('<!doctype html><meta charset="utf-8"><title>relay</title><video id="remote" autoplay playsinline></video>'),
});

/** A developer's page; every connection it makes is kept, to be asked for its statistics. */
async function open(browser) {
  const context = await browser.newContext({ permissions: ['camera', 'microphone'] });
  await plainMicrophone(context);
  await context.addInitScript(() => {
    const Real = window.RTCPeerConnection;
    window.peers = [];
    window.RTCPeerConnection = class extends Real {
      constructor(...given) {
        super(...given);
        window.peers.push(this);
      }
    };
  });
  const page = await context.newPage();
  page.on('pageerror', (error) => process.stderr.write(`the page failed: ${error.stack}\n`));
  page.on('console', (message) => process.stderr.write(`page: ${message.text()}\n`));
  await page.goto(`${pages.origin}/page.html`);
  return page;
}

/** The draft's scheme (draft-uberti-behave-turn-rest-00 §2.2), by somebody else's HMAC. */
const password = (username, key = secret) => createHmac('sha1', key).update(username).digest('base64');

/** By which kinds of address each connection of a page goes, and what it decodes. */
const paths = (page) => page.evaluate(() => Promise.all(window.peers.filter(({ connectionState }) => connectionState === 'connected').map(async (peer) => {
  const all = new Map([...(await peer.getStats()).values()].map((entry) => [entry.id, entry]));
  const transport = [...all.values()].find(({ type }) => type === 'transport');
  const pair = all.get(transport?.selectedCandidatePairId);
  const [local, remote] = [all.get(pair?.localCandidateId), all.get(pair?.remoteCandidateId)];
  const inbound = (kind) => [...all.values()].find((entry) => entry.type === 'inbound-rtp' && entry.kind === kind);
  return {
    local: local?.candidateType, local_address: local?.address, relay_protocol: local?.relayProtocol,
    remote: remote?.candidateType, remote_address: remote?.address,
    frames_decoded: inbound('video')?.framesDecoded ?? 0, audio_energy: inbound('audio')?.totalAudioEnergy ?? 0,
    bytes: pair?.bytesReceived ?? 0, bytes_sent: pair?.bytesSent ?? 0,
  };
})));

/** What the server tells a client who signs in: one TURN server, and who one is with it, which holds for as long as configured. */
async function credentials(browser) {
  const page = await open(browser);
  const told = await page.evaluate(async (url) => {
    const { connect } = await import(`${url}/sdk/meetingcast.js`);
    const client = await connect({ url, participant: 'asks' });
    const { iceServers } = client;
    await client.close();
    return iceServers;
  }, server);
  const [one] = told;
  const [expires, who] = (one?.username ?? '').split(':');
  const holds = Number(expires) - Date.now() / 1000;
  if (told.length !== 1 || ![one.urls].flat().includes(turn)) throw new CheckFailed(`the ICE servers are ${JSON.stringify(told)}`);
  if (who !== 'asks' || Math.abs(holds - ttl) > 30) throw new CheckFailed(`the user ${one.username} holds for ${holds} s`);
  if (one.credential !== password(one.username)) throw new CheckFailed('the password is not that of the shared secret');
  emit('credentials', { username: one.username, holds_s: Math.round(holds) });
  return one;
}

/** What a TURN server says to these credentials: a relayed address, or its error. */
async function allocate(browser, username, credential) {
  const page = await open(browser);
  const answer = await page.evaluate(async (iceServer) => {
    const peer = new RTCPeerConnection({ iceServers: [iceServer], iceTransportPolicy: 'relay' });
    const [candidates, errors] = [[], []];
    peer.onicecandidateerror = ({ errorCode, errorText }) => errors.push({ code: errorCode, text: errorText });
    peer.onicecandidate = ({ candidate }) => candidate?.candidate && candidates.push(candidate.type);
    peer.createDataChannel('x');
    await peer.setLocalDescription();
    await new Promise((resolve) => {
      peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && resolve();
      setTimeout(resolve, 15_000);
    });
    peer.close();
    return { candidates, errors };
  }, { urls: turn, username, credential });
  await page.close();
  return answer;
}

async function refusals(browser) {
  const inSeconds = (seconds) => `${Math.floor(Date.now() / 1000) + seconds}:ann`;
  const [good, expired] = [inSeconds(60), inSeconds(-1)];
  const cases = [
    ['good', good, password(good), true],
    ['expired', expired, password(expired), false],
    ['another secret', good, password(good, `${secret}?`), false],
    ['of an expired one, with another time', good, password(expired), false],
  ];
  for (const [what, username, credential, taken] of cases) {
    const { candidates, errors } = await allocate(browser, username, credential);
    emit('allocation', { what, candidates, errors });
    if (taken && !candidates.includes('relay')) throw new CheckFailed(`credentials that are ${what} got no address: ${JSON.stringify(errors)}`);
    if (taken) continue;
    if (candidates.length > 0) throw new CheckFailed(`credentials that are ${what} got ${candidates.join(', ')}`);
    // Refused, not unanswered. STUN's 401 (RFC 8489 §14.8).
    if (!errors.some(({ code }) => code === 401)) throw new CheckFailed(`credentials that are ${what}: ${JSON.stringify(errors)}`);
  }
}

async function looksAt(page, name, kinds) {
  const observer = await Observer.of(page, '#remote', PEOPLE, `${other(name)} at ${name}`);
  await observer.until({ colours: [other(name)], tones: [other(name)] });
  await observer.moves();
  const seen = await paths(page);
  emit('relayed', { who: name, whom: other(name), paths: seen });
  if (seen.length !== kinds.connections) throw new CheckFailed(`${name} has ${seen.length} connections, not ${kinds.connections}`);
  for (const path of seen) {
    if (path.local !== 'relay' || (kinds.remote && path.remote !== kinds.remote)) throw new CheckFailed(`${name} goes by ${JSON.stringify(path)}`);
  }
  if (!seen.some((path) => path.frames_decoded > 10 && path.audio_energy > 0)) throw new CheckFailed(`${name} decodes nothing: ${JSON.stringify(seen)}`);
}

/** LeanCloud's RTCConfiguration as its guide has it; the servers in it are ours, since the page names none. */
async function call(browsers) {
  const ends = {};
  for (const name of NAMES) {
    const page = await open(browsers[name]);
    await page.addScriptTag({ url: `${server}/sdk/leancloud.js` });
    await page.evaluate(async (id) => {
      const realtime = new AV.Realtime({ appId: '{{appid}}', plugins: [AV.WebRTCPlugin] });
      window.me = await realtime.createWebRTCClient(id, { RTCConfiguration: { iceTransportPolicy: 'relay' } });
      window.stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
      window.show = (remote) => (document.getElementById('remote').srcObject = remote);
    }, name);
    ends[name] = page;
  }
  await ends.jerry.evaluate(() => window.me.on('call', (incoming) => {
    incoming.accept(window.stream);
    incoming.on('connect', window.show);
  }));
  await ends.tom.evaluate(async () => {
    window.outgoing = await window.me.call('jerry', window.stream);
    window.outgoing.on('connect', window.show);
  });
  for (const name of NAMES) await looksAt(ends[name], name, { connections: 1, remote: 'relay' });
  for (const page of Object.values(ends)) await page.context().close();
}

/** To and from the server, too: as somebody does whose network lets nothing out but TURN. */
async function conference(browsers) {
  const inside = {};
  for (const name of NAMES) {
    const page = await open(browsers[name]);
    await page.evaluate(async ([url, participant]) => {
      const { connect, createStream } = await import(`${url}/sdk/meetingcast.js`);
      const client = await connect({ url, participant, rtc: { iceTransportPolicy: 'relay' } });
      const room = client.connectToConference('relay', { stream: await createStream({ audio: true, video: true }) });
      room.on('participant_connected', (participant_) => {
        participant_.on('stream_added', (stream) => stream.attach(document.getElementById('remote')));
      });
    }, [server, name]);
    inside[name] = page;
  }
  // One to send by, one to receive by.
  for (const name of NAMES) await looksAt(inside[name], name, { connections: 2 });
}

await run(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'meetingcast-relay-'));
  const browsers = {};
  try {
    for (const name of NAMES) browsers[name] = await openBrowser(fakeCapture(folder, name, PEOPLE[name]));
    await credentials(browsers.tom);
    await refusals(browsers.tom);
    await call(browsers);
    await conference(browsers);
  } finally {
    for (const browser of Object.values(browsers)) await browser.close();
    await pages.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
