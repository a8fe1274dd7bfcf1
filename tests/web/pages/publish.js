// The sender: a test picture and a tone, sent by WHIP as a browser would. Driven by publish.mjs through `window.sender`;
// tells what happens through the binding `report(event, fields)`.
import { BEEP_HZ, BEEP_SECONDS, TONE_LEVEL, beepCurve, draw } from './pattern.js';

/** Enough for a browser that has to warm up on a busy machine. */
const CONNECT_DEADLINE_MS = 20_000;
/** Host candidates on loopback are there at once; an interface that answers slowly must not hold the offer back for ever. */
const GATHER_DEADLINE_MS = 5_000;

let peer;
let session;

/** Draws for ever; returns the canvas' video track. */
function picture({ width, height, fps, colour, name, busy }, start) {
  const canvas = document.getElementById('picture');
  Object.assign(canvas, { width, height });
  // On the CPU from the start: every frame is read back for the encoder anyway.
  const context = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
  // Rate 0: a frame is captured when asked for, so that the encoder sees each number exactly once.
  const [track] = canvas.captureStream(0).getVideoTracks();
  const ticker = new Worker('ticker.js');
  ticker.onmessage = ({ data: frame }) => {
    draw(context, { fps, colour, name, busy, frame });
    track.requestFrame();
  };
  ticker.postMessage({ start, fps });
  track.contentHint = 'motion';
  return track;
}

/** A steady tone with a beep each second, aligned with the picture's flash; returns the audio track. */
async function sound(tone, start) {
  const audio = new AudioContext({ sampleRate: 48_000 });
  await audio.resume();
  const out = audio.createMediaStreamDestination();
  // The context's clock at `start`.
  const origin = audio.currentTime + (start - (performance.timeOrigin + performance.now())) / 1000;
  const voice = (frequency, gain) => {
    const oscillator = new OscillatorNode(audio, { frequency });
    const level = new GainNode(audio, { gain });
    oscillator.connect(level).connect(out);
    oscillator.start();
    return level.gain;
  };
  voice(tone, TONE_LEVEL);
  const beep = voice(BEEP_HZ, 0);
  const curve = beepCurve();
  let second = 0;
  setInterval(() => {
    // Two seconds ahead, so that a busy page cannot miss one.
    for (; origin + second < audio.currentTime + 2; second += 1) {
      const at = origin + second;
      if (at <= audio.currentTime) continue;
      beep.setValueCurveAtTime(curve, at, BEEP_SECONDS);
    }
  }, 500);
  return out.stream.getAudioTracks()[0];
}

/** Resolves when `state()` is reached; looks at every `event` of the peer. */
function until(event, state, deadline, sentence) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(sentence())), deadline);
    const look = () => {
      if (!state()) return;
      clearTimeout(timer);
      peer.removeEventListener(event, look);
      resolve();
    };
    peer.addEventListener(event, look);
    look();
  });
}

/** `fetch` whose failure says what could not be reached. */
async function call(url, request) {
  try {
    return await fetch(url, request);
  } catch (error) {
    throw new Error(`${request.method} ${url}: ${error.message} (not reachable, or CORS does not allow it)`);
  }
}

/** Adds the picture, with the codec asked for alone, or with `any`: all that Chromium has, in its own order. */
async function addPicture(video, stream, { codec, fps, maxKbps }) {
  const transceiver = peer.addTransceiver(video, {
    direction: 'sendonly',
    streams: [stream],
    sendEncodings: [{ maxFramerate: fps, ...(maxKbps && { maxBitrate: maxKbps * 1000 }) }],
  });
  if (codec !== 'any') {
    const mime = { h264: 'video/h264', vp8: 'video/vp8' }[codec];
    const known = RTCRtpSender.getCapabilities('video').codecs;
    const wanted = known.filter((entry) => entry.mimeType.toLowerCase() === mime);
    if (wanted.length === 0) throw new Error(`this Chromium cannot send ${codec}`);
    // Constrained baseline in packetization mode 1 first: what every receiver knows.
    const rank = ({ sdpFmtpLine = '' }) => (/42e01f/.test(sdpFmtpLine) ? 0 : 2) + (/packetization-mode=0/.test(sdpFmtpLine) ? 1 : 0);
    wanted.sort((a, b) => rank(a) - rank(b));
    transceiver.setCodecPreferences([...wanted, ...known.filter((entry) => /\/rtx$/i.test(entry.mimeType))]);
  }
  const parameters = transceiver.sender.getParameters();
  // The picture carries a code: fewer frames are better than a smaller picture.
  parameters.degradationPreference = 'maintain-resolution';
  await transceiver.sender.setParameters(parameters);
}

/** The transport's lines once, at session level, and a second group: how libdatachannel, and so OBS, writes its offers. */
function transportAtSessionLevel(offer) {
  const [session, ...media] = offer.split(/(?=^m=)/m);
  const line = /^a=(?:setup|fingerprint|ice-ufrag|ice-pwd|ice-options):.*\r\n/gm;
  const moved = media[0].match(line).filter((entry) => !session.includes(entry));
  const group = /^a=group:BUNDLE(.*)\r\n/m;
  return [session.replace(group, '$&a=group:LS$1\r\n') + moved.join(''), ...media.map((section) => section.replace(line, ''))].join('');
}

/** Offers, posts, takes the answer, and resolves when media can flow. `video` or `audio` may be missing. */
async function connect({ whip, token, sessionLevel, ...sending }, video, audio) {
  peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  const stream = new MediaStream([video, audio].filter(Boolean));
  if (video) await addPicture(video, stream, sending);
  if (audio) peer.addTransceiver(audio, { direction: 'sendonly', streams: [stream] });

  await peer.setLocalDescription();
  await until('icegatheringstatechange', () => peer.iceGatheringState === 'complete', GATHER_DEADLINE_MS, () => 'ICE gathering did not end');
  const headers = { 'content-type': 'application/sdp', ...(token && { authorization: `Bearer ${token}` }) };
  const { sdp } = peer.localDescription;
  const offer = sessionLevel ? transportAtSessionLevel(sdp) : sdp;
  const response = await call(whip, { method: 'POST', headers, body: offer });
  const body = await response.text();
  if (response.status !== 201) throw new Error(`WHIP answered ${response.status}: ${body.slice(0, 2000)}`);
  const location = response.headers.get('location');
  if (!location) throw new Error('the WHIP answer has no Location that this page may read (missing, or not exposed by CORS)');
  session = { url: new URL(location, response.url).href, headers: token ? { authorization: `Bearer ${token}` } : {} };
  report('answered', { session: session.url, etag: response.headers.get('etag'), sdp: body });
  await peer.setRemoteDescription({ type: 'answer', sdp: body });
  await until(
    'connectionstatechange',
    () => peer.connectionState === 'connected',
    CONNECT_DEADLINE_MS,
    () => `not connected after ${CONNECT_DEADLINE_MS} ms: connection ${peer.connectionState}, ice ${peer.iceConnectionState}`,
  );
  peer.addEventListener('connectionstatechange', () => report('connection', { state: peer.connectionState }));
}

/** What changed in the last second, in the units people talk in. */
function statistics(start) {
  let before;
  return async () => {
    const all = [...(await peer.getStats()).values()];
    const outbound = (kind) => all.find((entry) => entry.type === 'outbound-rtp' && entry.kind === kind);
    const video = outbound('video');
    const audio = outbound('audio');
    const pair = all.find((entry) => entry.type === 'candidate-pair' && entry.nominated && entry.state === 'succeeded');
    if (!video && !audio) return;
    const now = { at: (video ?? audio).timestamp, video: video?.bytesSent ?? 0, audio: audio?.bytesSent ?? 0 };
    // The first look, at the moment of connecting, is what the first second is measured from.
    if (!before) return void (before = now);
    const kbps = (kind) => Math.round(((now[kind] - before[kind]) * 8) / (now.at - before.at));
    const codec = all.find((entry) => entry.id === (video ?? audio).codecId);
    report('stats', {
      at_ms: Math.round(performance.timeOrigin + performance.now() - start),
      kbps: kbps('video'),
      audioKbps: kbps('audio'),
      targetBitrate: video?.targetBitrate,
      availableOutgoingBitrate: pair?.availableOutgoingBitrate,
      roundTripTime: pair?.currentRoundTripTime,
      width: video?.frameWidth,
      height: video?.frameHeight,
      framesPerSecond: video?.framesPerSecond,
      framesEncoded: video?.framesEncoded,
      keyFramesEncoded: video?.keyFramesEncoded,
      codec: codec?.mimeType,
      fmtp: codec?.sdpFmtpLine,
      pliCount: video?.pliCount,
      firCount: video?.firCount,
      nackCount: video?.nackCount,
      retransmittedPackets: video?.retransmittedPacketsSent,
      qualityLimitationReason: video?.qualityLimitationReason,
    });
    before = now;
  };
}

window.sender = {
  async start(settings) {
    // The first flash and beep come when everything is set up.
    const start = performance.timeOrigin + performance.now() + 300;
    const video = settings.only === 'audio' ? null : picture(settings, start);
    const audio = settings.only === 'video' ? null : await sound(settings.tone, start);
    await connect(settings, video, audio);
    const connected = performance.timeOrigin + performance.now();
    report('connected', { pair: await selectedPair() });
    const look = statistics(connected);
    await look();
    setInterval(look, 1000);
  },
  /** Hangs up; resolves to the status of the DELETE, `null` if there was no session. */
  async stop() {
    const status = session ? (await call(session.url, { method: 'DELETE', headers: session.headers })).status : null;
    peer?.close();
    return status;
  },
  /** Closes the connection without a word to the server: DTLS says goodbye. */
  async close() {
    peer.close();
    // What was written last has to get out before the page goes.
    await new Promise((resolve) => setTimeout(resolve, 200));
  },
};

async function selectedPair() {
  const all = await peer.getStats();
  const pair = [...all.values()].find((entry) => entry.type === 'candidate-pair' && entry.nominated);
  const end = (id) => (({ address, port, protocol, candidateType }) => `${candidateType} ${protocol} ${address}:${port}`)(all.get(id));
  return pair && { local: end(pair.localCandidateId), remote: end(pair.remoteCandidateId) };
}
