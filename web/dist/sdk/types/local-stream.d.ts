import { type VideoPreset } from './preset.js';
import type { StreamStats } from './stats.js';
import { Stream, type StreamEvents } from './stream.js';
export interface StreamOptions {
    audio?: boolean | MediaTrackConstraints;
    video?: boolean | VideoPreset | (string & {}) | MediaTrackConstraints;
}
export interface LocalStreamEvents extends StreamEvents {
    /** Another device stands behind this kind of media now. */
    track_changed: {
        kind: 'audio' | 'video';
        track: MediaStreamTrack;
    };
    /** The device is gone, or the user ended the screen share. */
    track_ended: {
        kind: 'audio' | 'video';
    };
}
export declare class LocalStream extends Stream<LocalStreamEvents> {
    #private;
    protected readonly isLocal = true;
    constructor(mediaStream: MediaStream);
    /** Another camera, without a new negotiation: those who watch see the next picture come from it. */
    useCamera(deviceId: string): Promise<void>;
    /** Another microphone. */
    useMicrophone(deviceId: string): Promise<void>;
    /** Puts a track in the place of the one of its kind. */
    replaceTrack(track: MediaStreamTrack): void;
    /** For those who send it: their figures are this stream's. */
    report(stats: StreamStats): void;
    /** Releases the devices. */
    close(): void;
}
/** Opens camera and microphone. Both unless said otherwise. */
export declare function createStream(options?: StreamOptions): Promise<LocalStream>;
/** Shares a screen, a window or a tab, with its sound where the browser can. */
export declare function createScreenStream(options?: {
    audio?: boolean;
}): Promise<LocalStream>;
