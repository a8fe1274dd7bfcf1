// A camera and a microphone of one's own for a browser: files that Chromium plays in a loop in place of its test picture
// and beep, so that everybody in a conference is told by colour and by tone. They go through getUserMedia as devices do.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SIZE = { width: 320, height: 180 };
const FPS = 10;
const RATE = 48_000;
/** One second of each is a whole number of pictures and of periods: the loop has no seam. */
const SECONDS = 1;
const LEVEL = 0.1;

/** Limited-range BT.601 (ITU-R BT.601 §3.5), as cameras have it. */
function yuv([red, green, blue]) {
  const luma = 0.299 * red + 0.587 * green + 0.114 * blue;
  const clamped = (value) => Math.round(Math.min(240, Math.max(16, value)));
  return [16 + (219 / 255) * luma, 128 + ((blue - luma) * 112) / (255 - 29.07), 128 + ((red - luma) * 112) / (255 - 76.245)].map(clamped);
}

/** A plain picture with a white bar at its foot that runs from left to right: plain enough to read, and it moves. */
function picture(colour) {
  const { width, height } = SIZE;
  const [luma, blue, red] = yuv(colour);
  const parts = [Buffer.from(`YUV4MPEG2 W${width} H${height} F${FPS}:1 Ip A1:1 C420jpeg\n`)];
  for (let frame = 0; frame < FPS * SECONDS; frame += 1) {
    const plane = Buffer.alloc(width * height, luma);
    for (let row = height - 12; row < height; row += 1) plane.fill(235, row * width, row * width + (width * (frame + 1)) / (FPS * SECONDS));
    parts.push(Buffer.from('FRAME\n'), plane, Buffer.alloc((width * height) / 4, blue), Buffer.alloc((width * height) / 4, red));
  }
  return Buffer.concat(parts);
}

/** 16-bit mono PCM in a RIFF file. */
function sound(hz) {
  const samples = RATE * SECONDS;
  const data = Buffer.alloc(44 + samples * 2);
  data.write('RIFF', 0);
  data.writeUInt32LE(36 + samples * 2, 4);
  data.write('WAVEfmt ', 8);
  data.writeUInt32LE(16, 16);
  data.writeUInt16LE(1, 20);
  data.writeUInt16LE(1, 22);
  data.writeUInt32LE(RATE, 24);
  data.writeUInt32LE(RATE * 2, 28);
  data.writeUInt16LE(2, 32);
  data.writeUInt16LE(16, 34);
  data.write('data', 36);
  data.writeUInt32LE(samples * 2, 40);
  for (let at = 0; at < samples; at += 1) {
    data.writeInt16LE(Math.round(32767 * LEVEL * Math.sin((2 * Math.PI * hz * at) / RATE)), 44 + at * 2);
  }
  return data;
}

/**
 * Asks for the microphone as it is. What browsers do to speech would spoil a test tone: one that never changes is a fan to their noise
 * suppression, and one that plays while others do is chopped by their echo cancellation.
 */
export function plainMicrophone(context) {
  return context.addInitScript(() => {
    const devices = navigator.mediaDevices;
    const open = devices.getUserMedia.bind(devices);
    devices.getUserMedia = ({ audio, ...others }) => open({
      ...others,
      audio: audio && { ...(audio === true ? {} : audio), echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
  });
}

/** Writes both into `folder`; gives the flags that make a browser take them. */
export function fakeCapture(folder, name, { colour, hz }) {
  const [camera, microphone] = [join(folder, `${name}.y4m`), join(folder, `${name}.wav`)];
  writeFileSync(camera, picture(colour));
  writeFileSync(microphone, sound(hz));
  return [`--use-file-for-fake-video-capture=${camera}`, `--use-file-for-fake-audio-capture=${microphone}`];
}
