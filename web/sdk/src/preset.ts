// Names for picture sizes: those of the seeds' systems, old and new.

const SIZES: Readonly<Record<string, readonly [number, number]>> = {
  'low': [320, 240],
  'low-16:9': [320, 180],
  'standard': [640, 480],
  'standard-16:9': [640, 360],
  'high': [1280, 720],
  'high-16:9': [1280, 720],
  '120p': [160, 120],
  '240p': [320, 240],
  '360p': [480, 360],
  '480p': [640, 480],
  '720p': [1280, 720],
  '1080p': [1920, 1080],
};

export type VideoPreset = 'low' | 'low-16:9' | 'standard' | 'standard-16:9' | 'high' | 'high-16:9' | '120p' | '240p' | '360p' | '480p' | '720p' | '1080p';

export const presets: readonly string[] = Object.keys(SIZES);

/** What the browser is asked for; `undefined` when there is no such preset. A camera that lacks the size gives its nearest. */
export function presetConstraints(name: string): MediaTrackConstraints | undefined {
  const size = SIZES[name];
  return size && { width: { ideal: size[0] }, height: { ideal: size[1] }, frameRate: { ideal: 30, max: 30 } };
}
