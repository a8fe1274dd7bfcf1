export type VideoPreset = 'low' | 'low-16:9' | 'standard' | 'standard-16:9' | 'high' | 'high-16:9' | '120p' | '240p' | '360p' | '480p' | '720p' | '1080p';
export declare const presets: readonly string[];
/** What the browser is asked for; `undefined` when there is no such preset. A camera that lacks the size gives its nearest. */
export declare function presetConstraints(name: string): MediaTrackConstraints | undefined;
