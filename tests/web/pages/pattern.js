// The test picture and sound: the same layout, code and times as `meetingcast publish` draws and plays
// (src/publisher/pattern.rs, src/publisher/tone.rs). Positions are fractions of the picture, so a scaled or tiled copy
// reads the same.

/** The beep that marks each full second; nothing else is as high. */
export const BEEP_HZ = 3000;
export const BEEP_SECONDS = 0.06;
/** Half-cosine edges of 2 ms: a hard edge would be a click. */
const BEEP_RAMP_SECONDS = 0.002;
export const BEEP_LEVEL = 0.398;
export const TONE_LEVEL = 0.1;
/** Steady tones are lower than this, so that the beep stands out. */
export const TONE_MAX_HZ = 2500;

const COLUMNS = 16;
const ROWS = 2;
const FLASH_FRAMES = 2;
const CELL = 1 / (COLUMNS + 2);
const CODE = { x: [CELL, 1 - CELL], y: [0.08, 0.52] };
const SYNC = { x: [CELL, 4 * CELL], y: [0.62, 0.9] };
const TEXT = { x: [4.5 * CELL, 12.5 * CELL], y: [0.6, 0.92] };
const PLAIN = { x: [13 * CELL, 17 * CELL], y: [0.6, 0.92] };
const BAR = { x: [0, 1], y: [0.96, 1] };
/** Limited-range luma: darker is a 0, lighter a 1, between the two nothing is read. */
const DARK = 100;
const LIGHT = 151;

/** The gain of one beep over its time, for `setValueCurveAtTime`. */
export function beepCurve() {
  const steps = 240;
  return Float32Array.from({ length: steps + 1 }, (_, at) => {
    const edge = (Math.min(at, steps - at) / steps) * BEEP_SECONDS;
    return edge < BEEP_RAMP_SECONDS ? BEEP_LEVEL * (0.5 - 0.5 * Math.cos((Math.PI * edge) / BEEP_RAMP_SECONDS)) : BEEP_LEVEL;
  });
}

/** CRC-8 (x⁸+x²+x+1) over 24 bits, started at 0xff. */
function crc8(counter) {
  let crc = 0xff;
  for (const shift of [16, 8, 0]) {
    crc ^= (counter >>> shift) & 0xff;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x80 ? ((crc << 1) ^ 0x07) & 0xff : crc << 1;
  }
  return crc;
}

/** The 32 cells of a counter, the highest bit first. */
export function encode(frame) {
  const counter = frame % (1 << 24);
  const bits = counter.toString(2).padStart(24, '0') + crc8(counter).toString(2).padStart(8, '0');
  return [...bits].map(Number);
}

function decode(bits) {
  const counter = parseInt(bits.slice(0, 24).join(''), 2);
  return crc8(counter) === parseInt(bits.slice(24).join(''), 2) ? counter : null;
}

/** Where the cell of a bit lies. */
export function cell(index) {
  const [column, row] = [index % COLUMNS, Math.floor(index / COLUMNS)];
  const part = ([from, to], at, count) => [from + ((to - from) * at) / count, from + ((to - from) * (at + 1)) / count];
  return { x: part(CODE.x, column, COLUMNS), y: part(CODE.y, row, ROWS) };
}

function fill(context, { x, y }, style) {
  const { width, height } = context.canvas;
  const [left, right] = x.map((value) => Math.round(value * width));
  const [top, bottom] = y.map((value) => Math.round(value * height));
  context.fillStyle = style;
  context.fillRect(left, top, right - left, bottom - top);
}

/** Frame `frame`: background, counter, sync cell, name and time, a bar that takes one second from left to right. */
export function draw(context, { fps, colour, name, busy, frame }) {
  const { width, height } = context.canvas;
  fill(context, { x: [0, 1], y: [0, 1] }, busy ? noise(context, frame) : `#${colour}`);
  if (busy) fill(context, PLAIN, `#${colour}`);
  fill(context, CODE, '#000');
  encode(frame).forEach((bit, index) => bit && fill(context, cell(index), '#fff'));
  const inSecond = frame % fps;
  fill(context, SYNC, inSecond < FLASH_FRAMES ? '#fff' : '#000');
  fill(context, BAR, '#000');
  fill(context, { ...BAR, x: [0, (inSecond + 1) / fps] }, '#fff');
  const seconds = Math.floor(frame / fps);
  const time = [seconds / 60, seconds % 60].map((value) => String(Math.floor(value)).padStart(2, '0')).join(':');
  const line = ((TEXT.y[1] - TEXT.y[0]) * height) / 2;
  Object.assign(context, { font: `${Math.floor(line * 0.75)}px monospace`, textBaseline: 'top', fillStyle: busy || dark(colour) ? '#fff' : '#000' });
  [name, time].forEach((text, at) => {
    context.fillText(text, TEXT.x[0] * width, TEXT.y[0] * height + at * line, (TEXT.x[1] - TEXT.x[0]) * width);
  });
}

const luma = (red, green, blue) => 16 + (219 / 255) * (0.299 * red + 0.587 * green + 0.114 * blue);
const dark = (colour) => luma(...[0, 2, 4].map((at) => parseInt(colour.slice(at, at + 2), 16))) <= 125;

const TEXTURE = 512;
let texture;

/**
 * Grain that is somewhere else in every frame: no encoder can predict it, so it takes all the rate it is given. It is fine
 * enough to vanish at the coarsest quantiser: an encoder that cannot get below its target leaves out frames, and would
 * then send half of what the network grants.
 */
function noise(context, frame) {
  if (!texture) {
    const grain = new ImageData(TEXTURE, TEXTURE);
    for (let at = 0; at < grain.data.length; at += 4) {
      const level = 108 + Math.random() * 40;
      grain.data.set([level, level, level, 255], at);
    }
    const canvas = new OffscreenCanvas(TEXTURE, TEXTURE);
    canvas.getContext('2d').putImageData(grain, 0, 0);
    texture = context.createPattern(canvas, 'repeat');
  }
  // Steps that share no factor with the texture's size: the grain comes back only after all its places.
  texture.setTransform(new DOMMatrix().translate((frame * 211) % TEXTURE, (frame * 157) % TEXTURE));
  return texture;
}

/** Eight pixels a code cell are plenty, and cheap to read back for every frame. */
const READ = { width: 18 * 8, height: 90 };

/** A canvas for {@link read}. */
export function reader() {
  return new OffscreenCanvas(READ.width, READ.height).getContext('2d', { alpha: false, willReadFrequently: true });
}

/**
 * Reads the test picture that covers `tile` (fractions of the source) of a playing video: the frame number modulo 2^24
 * (`null` if it cannot be read), whether the sync cell is white, and the background's mean colour.
 */
export function read(context, video, tile = { x: 0, y: 0, width: 1, height: 1 }) {
  const [width, height] = [video.videoWidth, video.videoHeight];
  context.drawImage(video, tile.x * width, tile.y * height, tile.width * width, tile.height * height, 0, 0, READ.width, READ.height);
  const { data } = context.getImageData(0, 0, READ.width, READ.height);
  // The middle half of an area: edges are where codecs and scalers leave their marks.
  const mean = ({ x, y }) => {
    const core = ([from, to], length) => [Math.round((from + (to - from) / 4) * length), Math.round((to - (to - from) / 4) * length)];
    const [[left, right], [top, bottom]] = [core(x, READ.width), core(y, READ.height)];
    const sums = [0, 0, 0];
    for (let row = top; row < bottom; row += 1) {
      for (let column = left; column < right; column += 1) {
        for (let channel = 0; channel < 3; channel += 1) sums[channel] += data[(row * READ.width + column) * 4 + channel];
      }
    }
    return sums.map((sum) => sum / ((right - left) * (bottom - top)));
  };
  const levels = Array.from({ length: COLUMNS * ROWS }, (_, index) => luma(...mean(cell(index))));
  const readable = levels.every((level) => level < DARK || level > LIGHT);
  return {
    counter: readable ? decode(levels.map((level) => (level > LIGHT ? 1 : 0))) : null,
    flash: luma(...mean(SYNC)) > (DARK + LIGHT) / 2,
    colour: mean(PLAIN).map((value) => Math.round(value).toString(16).padStart(2, '0')).join(''),
  };
}
