// What must hold inside the segments: they start with a key frame, last as long as the playlist says, and follow each other.
import { outline, readInit, readSegment } from './mp4-boxes.mjs';

/** Timescales and EXTINF's digits round: what is left of half a millisecond here and there. A lost frame is much more. */
const ROUNDING_S = 0.002;
/** Four audio frames of 1024 samples at 48 kHz, rounded up: two of priming, one by the cut, one to spare. */
const START_APART_S = 0.1;

const PEAK_RULE = 'no stretch of a target duration exceeds 125 % of BANDWIDTH';

/** Whether a variant's CODECS name a picture. */
export const hasPicture = ({ codecs = '' }) => /\bavc1\b/i.test(codecs);

export class SegmentRules {
  #findings;
  #variant;
  #inits = new Map();
  /** track kind → end of the segment before. */
  #ends = new Map();
  #lastMsn = null;

  constructor(findings, variant) {
    this.#findings = findings;
    this.#variant = variant;
    /** What was measured: `msn`, `bits` and `duration` of each segment. */
    this.sizes = [];
  }

  get bits() {
    return this.sizes.reduce((sum, { bits }) => sum + bits, 0);
  }

  get seconds() {
    return this.sizes.reduce((sum, { duration }) => sum + duration, 0);
  }

  hasInit(uri) {
    return this.#inits.has(uri);
  }

  takeInit(uri, bytes) {
    try {
      const tracks = readInit(bytes);
      this.#inits.set(uri, tracks);
      this.#checkTracks(uri, [...tracks.values()]);
    } catch (error) {
      this.#inits.set(uri, null);
      this.#findings.check('an init segment can be read', false, `${uri}: ${error.message}`);
    }
  }

  /** The multivariant playlist's promises against what the decoder is told. */
  #checkTracks(uri, tracks) {
    const { codecs = '', resolution } = this.#variant;
    const named = codecs.toLowerCase().split(',').map((codec) => codec.trim());
    for (const track of tracks) {
      const known = track.kind === 'video' ? named.includes(track.codec) : named.some((codec) => codec.startsWith(track.codec));
      this.#findings.check('CODECS names what the init segment holds', known, `${uri}: ${track.codec}, CODECS="${codecs}"`);
      if (track.kind !== 'video' || !resolution) continue;
      const same = track.width === resolution.width && track.height === resolution.height;
      this.#findings.check('RESOLUTION is what the init segment holds', same, `${uri}: ${track.width}x${track.height}, RESOLUTION=${resolution.width}x${resolution.height}`);
    }
    const picture = tracks.some((track) => track.kind === 'video');
    this.#findings.check('an init segment has a video track where CODECS name one', picture === hasPicture(this.#variant), uri);
  }

  /** `segment` is one of a snapshot, in order of their numbers. */
  take(segment, bytes) {
    const { uri, msn, duration } = segment;
    const tracks = this.#inits.get(segment.map);
    if (!tracks) return;
    let found;
    try {
      found = readSegment(bytes, tracks);
      const types = outline(bytes);
      this.#findings.check('a segment can be read', types.includes('moof') && types.includes('mdat'), `${uri}: ${types.join(' ')}`);
    } catch (error) {
      this.#findings.check('a segment can be read', false, `${uri}: ${error.message}`);
      return;
    }
    this.sizes.push({ msn, bits: bytes.length * 8, duration });
    for (const [id, track] of tracks) this.#checkTrack(segment, track, found.get(id));
    if (this.#lastMsn !== null && msn !== this.#lastMsn + 1) this.#ends.clear();
    this.#checkTimes(segment, tracks, found);
    this.#lastMsn = msn;
  }

  #checkTrack({ uri, duration }, { kind }, part) {
    const check = (...args) => this.#findings.check(...args);
    if (!check('a segment has samples of every track', part, `${uri}: no ${kind}`)) return;
    check('the fragments of a segment follow each other', part.gaps.length === 0, `${uri}: ${kind} steps of ${part.gaps.join(', ')} s`);
    // Without a picture the sound is what the playlist's durations are of.
    if ((kind === 'video') !== hasPicture(this.#variant)) return;
    check('a segment starts with a key frame', part.startsSync, uri);
    const off = Math.abs(part.duration - duration);
    check('EXTINF is the duration within a frame', off <= part.frame + ROUNDING_S, `${uri}: EXTINF ${duration}, ${kind} lasts ${part.duration.toFixed(6)}`);
  }

  /** Times go on from segment to segment; only a discontinuity may step. */
  #checkTimes({ uri, discontinuity }, tracks, found) {
    const starts = {};
    for (const [id, { kind }] of tracks) {
      const part = found.get(id);
      if (!part) continue;
      starts[kind] = part.start;
      const end = this.#ends.get(kind);
      if (end !== undefined && !discontinuity) {
        const gap = part.start - end;
        this.#findings.check('timestamps go on from segment to segment', Math.abs(gap) <= ROUNDING_S, `${uri}: ${kind} steps by ${gap.toFixed(6)} s`);
      }
      this.#ends.set(kind, part.start + part.duration);
    }
    if (starts.video === undefined || starts.audio === undefined) return;
    // Audio frames (21 ms at 48 kHz) do not end where video frames do, and the first ones are the encoder's priming.
    const apart = starts.audio - starts.video;
    this.#findings.check('audio and video of a segment start together', Math.abs(apart) <= START_APART_S, `${uri}: audio starts ${apart.toFixed(3)} s after video`);
  }

  /** RFC 8216 §4.3.4.2: over all segments that follow each other and last half a target duration to one and a half. */
  peakKbps(targetDuration) {
    let peak = 0;
    for (const [index, first] of this.sizes.entries()) {
      let [bits, seconds] = [0, 0];
      for (const [step, segment] of this.sizes.slice(index).entries()) {
        bits += segment.bits;
        seconds += segment.duration;
        if (segment.msn !== first.msn + step || seconds > 1.5 * targetDuration) break;
        if (seconds >= 0.5 * targetDuration) peak = Math.max(peak, bits / seconds / 1000);
      }
    }
    return peak;
  }

  /** Authoring rules 1.28, 1.29: the real rates against the promised ones. */
  checkRates(targetDuration) {
    const { bandwidth, averageBandwidth } = this.#variant;
    if (this.seconds === 0) return;
    const average = this.bits / this.seconds;
    const peak = this.peakKbps(targetDuration);
    if (peak === 0) this.#findings.skip(PEAK_RULE, 'what was there is shorter');
    else this.#findings.check(PEAK_RULE, peak * 1000 <= 1.25 * bandwidth, `${Math.round(peak)} kbit/s, BANDWIDTH=${bandwidth}`);
    if (averageBandwidth) {
      this.#findings.check('the average does not exceed 110 % of AVERAGE-BANDWIDTH', average <= 1.1 * averageBandwidth, `${Math.round(average)} bit/s, AVERAGE-BANDWIDTH=${averageBandwidth}`);
    }
  }
}
