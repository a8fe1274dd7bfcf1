// As much of ISO 14496-12 as a validator of CMAF segments needs: where tracks begin, how long they last, what starts them.

/** The boxes in `bytes`: `{ type, body, whole }`. Stops with an error at a box that does not fit. */
export function* boxes(bytes) {
  for (let at = 0; at < bytes.length; ) {
    if (at + 8 > bytes.length) throw new Error(`${bytes.length - at} stray bytes after the last box`);
    let size = bytes.readUInt32BE(at);
    let head = 8;
    if (size === 1) {
      size = Number(bytes.readBigUInt64BE(at + 8));
      head = 16;
    }
    const type = bytes.toString('latin1', at + 4, at + 8);
    if (size < head || at + size > bytes.length) throw new Error(`box ${type} of ${size} bytes does not fit`);
    yield { type, body: bytes.subarray(at + head, at + size), whole: bytes.subarray(at, at + size) };
    at += size;
  }
}

const children = (bytes, type) => [...boxes(bytes)].filter((box) => box.type === type).map((box) => box.body);

/** The only box at a path of types. */
function inside(bytes, ...path) {
  return path.reduce((body, type) => {
    const found = children(body, type);
    if (found.length !== 1) throw new Error(`${found.length} boxes ${type} (of ${path.join('/')}), expected one`);
    return found[0];
  }, bytes);
}

/** The types of the top-level boxes, in order. */
export function outline(bytes) {
  return [...boxes(bytes)].map((box) => box.type);
}

/** An init segment's tracks: id → `{ kind: "video"|"audio", timescale, codec, width?, height?, defaults }`. */
export function readInit(bytes) {
  const moov = inside(bytes, 'moov');
  const tracks = new Map();
  for (const trak of children(moov, 'trak')) {
    const tkhd = inside(trak, 'tkhd');
    const id = tkhd.readUInt32BE(tkhd[0] === 1 ? 20 : 12);
    const mdhd = inside(trak, 'mdia', 'mdhd');
    const handler = inside(trak, 'mdia', 'hdlr').toString('latin1', 8, 12);
    const [entry] = boxes(inside(trak, 'mdia', 'minf', 'stbl', 'stsd').subarray(8));
    const track = { kind: { vide: 'video', soun: 'audio' }[handler] ?? handler, timescale: mdhd.readUInt32BE(mdhd[0] === 1 ? 20 : 12), codec: entry.type };
    if (track.kind === 'video') {
      Object.assign(track, { width: entry.body.readUInt16BE(24), height: entry.body.readUInt16BE(26) });
      // The fixed part of a visual sample entry is 78 bytes long.
      if (entry.type === 'avc1') track.codec = `avc1.${inside(entry.body.subarray(78), 'avcC').toString('hex', 1, 4)}`;
    }
    tracks.set(id, track);
  }
  for (const trex of children(inside(moov, 'mvex'), 'trex')) {
    const track = tracks.get(trex.readUInt32BE(4));
    if (track) track.defaults = { duration: trex.readUInt32BE(12), flags: trex.readUInt32BE(20) };
  }
  return tracks;
}

/** A track fragment: where it begins and its samples' durations and flags. */
function readFragment(traf, tracks) {
  const tfhd = inside(traf, 'tfhd');
  const id = tfhd.readUInt32BE(4);
  const track = tracks.get(id);
  if (!track) throw new Error(`track ${id} is not in the init segment`);
  const has = tfhd.readUIntBE(1, 3);
  let at = 8 + (has & 0x1 ? 8 : 0) + (has & 0x2 ? 4 : 0);
  let { duration, flags } = track.defaults ?? { duration: 0, flags: 0 };
  if (has & 0x8) (duration = tfhd.readUInt32BE(at)), (at += 4);
  if (has & 0x10) at += 4;
  if (has & 0x20) flags = tfhd.readUInt32BE(at);
  const tfdt = inside(traf, 'tfdt');
  const start = tfdt[0] === 1 ? Number(tfdt.readBigUInt64BE(4)) : tfdt.readUInt32BE(4);
  const samples = children(traf, 'trun').flatMap((trun) => readRun(trun, { duration, flags }));
  return { id, start, samples };
}

function readRun(trun, defaults) {
  const has = trun.readUIntBE(1, 3);
  const count = trun.readUInt32BE(4);
  let at = 8 + (has & 0x1 ? 4 : 0);
  let first = null;
  if (has & 0x4) (first = trun.readUInt32BE(at)), (at += 4);
  return Array.from({ length: count }, (_, index) => {
    const sample = { ...defaults };
    if (has & 0x100) (sample.duration = trun.readUInt32BE(at)), (at += 4);
    if (has & 0x200) at += 4;
    if (has & 0x400) (sample.flags = trun.readUInt32BE(at)), (at += 4);
    if (has & 0x800) at += 4;
    if (index === 0 && first !== null) sample.flags = first;
    return sample;
  });
}

/**
 * A media segment, track by track: id → `{ start, duration, frame, startsSync, samples, gaps }`, in seconds; `frame` is its
 * longest sample and `gaps` the steps between its fragments.
 */
export function readSegment(bytes, tracks) {
  const found = new Map();
  for (const moof of children(bytes, 'moof')) {
    for (const traf of children(moof, 'traf')) {
      const { id, start, samples } = readFragment(traf, tracks);
      if (samples.length === 0) continue;
      const { timescale } = tracks.get(id);
      const ticks = samples.reduce((sum, sample) => sum + sample.duration, 0);
      const longest = Math.max(...samples.map((sample) => sample.duration)) / timescale;
      const known = found.get(id);
      if (!known) {
        // sample_is_non_sync_sample (ISO 14496-12 §8.8.3.1) must not be set.
        const startsSync = (samples[0].flags & 0x10000) === 0;
        found.set(id, { start: start / timescale, duration: ticks / timescale, frame: longest, startsSync, samples: samples.length, gaps: [] });
        continue;
      }
      const gap = start / timescale - (known.start + known.duration);
      if (Math.abs(gap) > 2 / timescale) known.gaps.push(gap);
      known.duration = (start + ticks) / timescale - known.start;
      known.frame = Math.max(known.frame, longest);
      known.samples += samples.length;
    }
  }
  return found;
}
