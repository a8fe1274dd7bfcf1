// The player: hls.js (never the browser's own HLS), or the element by itself for a plain file, watched closely. Driven by play.mjs through `window.player`; tells
// what it sees through the binding `report(event, fields)`. It judges nothing.
import { TONE_MAX_HZ, read, reader } from './pattern.js';

const Hls = window.Hls;
const view = document.getElementById('view');
/** How often the position is looked at. */
const LOOK_MS = 100;
/** Sound and picture of a list end so far from what its durations add up to at most, seconds. */
const END_S = 0.3;
/** A position that has not moved for so long is a stall, even if the element does not say `waiting`. */
const STALL_MS = 500;
/** A position that moved this much further than the clock was moved by a seek. */
const JUMP_MS = 300;

let hls;
let analyser;
/** What the frame numbers in the picture said. */
const codes = { read: 0, unreadable: 0, unseen: 0, steps: 0 };
/** More steps than this are only counted: a source at another frame rate makes one in every frame. */
const MAX_STEPS_TOLD = 200;

/** Seconds that could be played on from here, without a hole. */
function ahead() {
  const { buffered, currentTime } = view;
  for (let at = 0; at < buffered.length; at += 1) {
    if (buffered.start(at) <= currentTime && currentTime <= buffered.end(at)) return Number((buffered.end(at) - currentTime).toFixed(3));
  }
  return 0;
}

function since(start) {
  return Math.round(performance.now() - start);
}

/** Every error, fatal or not, with what hls.js knows of it. */
function watchErrors(start) {
  hls?.on(Hls.Events.ERROR, (_, { type, details, fatal, reason, error, response, url, frag }) => {
    report('error', {
      at_ms: since(start), type, details, fatal, reason, message: error?.message, status: response?.code, url: url ?? frag?.url, ahead_s: ahead(),
    });
  });
  view.addEventListener('error', () => {
    report('error', { at_ms: since(start), type: 'mediaElement', details: `code ${view.error.code}`, fatal: true, message: view.error.message });
  });
}

/** A change of discontinuity counter is news, not an error. */
function watchFragments(start) {
  let cc = null;
  hls.on(Hls.Events.FRAG_CHANGED, (_, { frag }) => {
    if (cc !== null && frag.cc !== cc) report('discontinuity', { at_ms: since(start), from: cc, to: frag.cc, msn: frag.sn });
    cc = frag.cc;
  });
  hls.on(Hls.Events.LEVEL_SWITCHED, (_, { level }) => {
    const { width, height, videoCodec, audioCodec } = hls.levels[level];
    report('level', { at_ms: since(start), level, width, height, video_codec: videoCodec, audio_codec: audioCodec });
  });
}

/**
 * Everything that an ended list names was shown. hls.js 1.7.4 does not always tell the element so: `ended` did not
 * come in runs where it had sought over a hole, probably since it left the MediaSource open.
 */
function allShown() {
  const details = hls?.levels[hls.currentLevel]?.details;
  const { buffered } = view;
  if (!details || details.live || buffered.length === 0) return false;
  const atTheEdge = buffered.end(buffered.length - 1) - view.currentTime < 0.05;
  return atTheEdge && details.totalduration - view.currentTime < END_S;
}

/** Stalls and jumps of the position, from the first moving picture on. */
function watchPosition(start) {
  let position = view.currentTime;
  let looked = performance.now();
  let movedAt = looked;
  let stalledAt = null;
  let why = null;
  const stalled = (reason) => {
    if (stalledAt !== null || view.ended || view.seeking) return;
    stalledAt = movedAt;
    why = reason;
    report('stall', { at_ms: Math.round(stalledAt - start), why, ahead_s: ahead() });
  };
  view.addEventListener('waiting', () => stalled('waiting'));
  view.addEventListener('ended', () => report('finished', { at_ms: since(start) }));
  setInterval(() => {
    const now = performance.now();
    const moved = (view.currentTime - position) * 1000;
    if (moved > now - looked + JUMP_MS || moved < 0) report('jump', { at_ms: since(start), by_ms: Math.round(moved) });
    if (moved !== 0) {
      if (stalledAt !== null) report('stall_end', { at_ms: since(start), why, stalled_ms: Math.round(now - stalledAt) });
      stalledAt = null;
      movedAt = now;
    } else if (now - movedAt > STALL_MS) {
      if (allShown()) report('finished', { at_ms: since(start), without_end: true });
      stalled('position');
    }
    position = view.currentTime;
    looked = now;
  }, LOOK_MS);
  /** The stall that is still going on, if there is one. */
  return () => (stalledAt === null ? 0 : Math.round(performance.now() - stalledAt));
}

function listen() {
  const audio = new AudioContext({ sampleRate: 48_000 });
  analyser = new AnalyserNode(audio, { fftSize: 8192, smoothingTimeConstant: 0 });
  audio.createMediaElementSource(view).connect(analyser).connect(audio.destination);
}

/** Loudness (RMS, full scale = 1) and the strongest frequency below the beep, in the last 170 ms. */
function hear() {
  const wave = new Float32Array(analyser.fftSize);
  analyser.getFloatTimeDomainData(wave);
  const rms = Math.sqrt(wave.reduce((sum, value) => sum + value * value, 0) / wave.length);
  const spectrum = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(spectrum);
  const binHz = analyser.context.sampleRate / analyser.fftSize;
  let peak = 1;
  for (let bin = 2; bin * binHz <= TONE_MAX_HZ; bin += 1) if (spectrum[bin] > spectrum[peak]) peak = bin;
  return { rms: Number(rms.toFixed(5)), tone_hz: Number.isFinite(spectrum[peak]) ? Math.round(peak * binHz) : null };
}

/** Reads the number out of every frame that is shown, and tells of each that is not the one after the last. */
function readCodes(tile) {
  const context = reader();
  let last = null;
  let presented = null;
  const onFrame = (_, { presentedFrames, mediaTime }) => {
    // Frames this callback was not called for: shown, or at least composed, but not read.
    if (presented !== null) codes.unseen += presentedFrames - presented - 1;
    const skipped = presented === null ? 0 : presentedFrames - presented - 1;
    presented = presentedFrames;
    const { counter, colour } = read(context, view, tile);
    if (counter === null) {
      codes.unreadable += 1;
    } else {
      codes.read += 1;
      if (last !== null && counter !== last + 1 + skipped) {
        codes.steps += 1;
        if (codes.steps <= MAX_STEPS_TOLD) report('step', { from: last, to: counter, media_time_s: mediaTime, colour, skipped });
      }
      last = counter;
    }
    view.requestVideoFrameCallback(onFrame);
  };
  view.requestVideoFrameCallback(onFrame);
}

/** One size after the other, each from the next segment that is loaded, the first for whole `everyMs` too: hls.js
 * 1.7 that goes from A to B and back to A within one segment goes on with the part behind A's last one, which need
 * not begin with a keyframe, and Chromium throws away what stands before the next. */
function cycleLevels(everyMs) {
  hls.loadLevel = hls.loadLevel;
  setInterval(() => {
    hls.loadLevel = (hls.loadLevel + 1) % hls.levels.length;
  }, everyMs);
}

function facts() {
  const quality = view.getVideoPlaybackQuality();
  const seconds = (value) => (Number.isFinite(value) ? Number(value.toFixed(3)) : null);
  return {
    position_s: seconds(view.currentTime),
    frames: quality.totalVideoFrames,
    dropped: quality.droppedVideoFrames,
    latency_s: seconds(hls?.latency),
    target_latency_s: seconds(hls?.targetLatency),
    // Against the wall clock, by EXT-X-PROGRAM-DATE-TIME.
    wall_latency_s: hls?.playingDate ? seconds((Date.now() - hls.playingDate.getTime()) / 1000) : null,
    buffered_s: view.buffered.length ? seconds(view.buffered.end(view.buffered.length - 1) - view.currentTime) : 0,
  };
}

window.player = {
  /** Starts; resolves when the picture moves. */
  async start({ url, sampleMs, tile, readCode, cycleLevelsMs, catchUp, file }) {
    if (!file && !Hls?.isSupported()) throw new Error('hls.js cannot run in this Chromium');
    const start = performance.now();
    // Who catches up does not go further back with each hiccup of the machine, either.
    if (!file) hls = new Hls({ lowLatencyMode: true, enableWorker: true, maxLiveSyncPlaybackRate: catchUp, ...(catchUp > 1 && { liveSyncOnStallIncrease: 0 }) });
    watchErrors(start);
    if (!file) watchFragments(start);
    listen();
    if (file) {
      // Its pixels and samples are read, so it must come with CORS.
      view.crossOrigin = 'anonymous';
      view.src = url;
    } else {
      hls.loadSource(url);
      hls.attachMedia(view);
    }
    // The second frame that is shown: the first may be a still picture before anything moves.
    const moving = new Promise((resolve) => {
      view.requestVideoFrameCallback(() => view.requestVideoFrameCallback(resolve));
    });
    await view.play();
    await moving;
    report('playing', { at_ms: since(start), width: view.videoWidth, height: view.videoHeight, ...facts() });
    this.stallNow = watchPosition(start);
    if (readCode) readCodes(tile);
    if (cycleLevelsMs > 0) cycleLevels(cycleLevelsMs);
    const context = reader();
    setInterval(() => {
      // The clock first: reading the picture back takes its time.
      const wall_ms = performance.timeOrigin + performance.now();
      const { counter, colour } = read(context, view, tile);
      report('sample', { at_ms: since(start), wall_ms, counter, colour, ...hear(), ...facts() });
    }, sampleMs);
  },
  /** What the end of the run is judged by. */
  end() {
    return { ...facts(), levels: hls?.levels.length ?? 0, stall_now_ms: this.stallNow?.() ?? 0, ended: view.ended, codes };
  },
};
