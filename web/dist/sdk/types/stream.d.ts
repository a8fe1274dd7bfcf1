import { Emitter } from './emitter.js';
import type { StreamStats } from './stats.js';
export interface StreamEvents {
    stats: StreamStats;
    closed: undefined;
}
export declare abstract class Stream<Events extends StreamEvents = StreamEvents> extends Emitter<Events> {
    #private;
    readonly mediaStream: MediaStream;
    constructor(mediaStream: MediaStream);
    /** Shows it there. Your own is shown without sound: nobody wants to hear themselves. */
    attach(element: HTMLMediaElement): void;
    /** Takes it from there, or from everywhere. */
    detach(element?: HTMLMediaElement): void;
    /** Of a local stream: others hear silence. Of a remote one: only here. */
    enableAudio(enabled: boolean): void;
    /** Of a local stream: others see black. Of a remote one: only here. */
    enableVideo(enabled: boolean): void;
    get isAudioEnabled(): boolean;
    get isVideoEnabled(): boolean;
    protected abstract readonly isLocal: boolean;
}
