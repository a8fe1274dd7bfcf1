import type { Cast, Cue, Output, OutputRequest, Rundown, StartCast, Switch, SwitchResult } from './cast.js';
import { Emitter } from './emitter.js';
import type { Overlay, OverlayPatch, Picture } from './overlay.js';
import { type Rest } from './rest.js';
interface MeetingCastEvents {
    state_changed: MeetingCast;
    /** The run-down is another, or one of its cues is: ask for it. */
    cues_changed: MeetingCast;
    /** Somebody changed what is drawn over the program: as it is now. */
    overlay_changed: Overlay;
    /** Somebody put or removed a picture: all there are now. */
    pictures_changed: Picture[];
}
export declare class MeetingCast extends Emitter<MeetingCastEvents> {
    #private;
    constructor(rest: Rest, conference: string);
    /** As last told; `null` before the conference was joined. */
    get cast(): Cast | null;
    get isStarted(): boolean;
    /** Pictures go out as they were sent, and only H.264 can: `encoding.mode` is `passthrough`. */
    get isPassingThrough(): boolean;
    /** The one participant on air; `null` when nobody is, or several are. */
    get anchor(): string | null;
    /** Where viewers go; these do not change on a switch. */
    get play(): Cast['play'];
    /** Resolves when the play URLs work. */
    start(what: string | StartCast): Promise<Cast>;
    /** Resolves when viewers see and hear the new one. */
    switchParticipant(participant: string): Promise<SwitchResult>;
    switch(to: Switch): Promise<SwitchResult>;
    /** The run-down; without one it has no cues. */
    rundown(): Promise<Rundown>;
    /** Puts a run-down, with or without a cast. Cues that stand in the one there is, under their ids and unchanged, stay as they are. */
    putCues(cues: Cue[]): Promise<Rundown>;
    clearCues(): Promise<void>;
    /** Takes the next cue now. Resolves when viewers see it. */
    nextCue(): Promise<SwitchResult>;
    /** Takes a certain cue now. */
    goCue(id: string): Promise<SwitchResult>;
    /** The server said so. */
    cuesChanged(): void;
    /** The server said so. */
    overlayChanged(overlay: Overlay): void;
    /** The server said so. */
    picturesChanged(pictures: Picture[]): void;
    /** Resolves when the file on the program stands still, or goes on; `to_ms` of it: when that is seen. */
    controlFile(action: 'pause' | 'play' | {
        to_ms: number;
    }): Promise<Cast>;
    stop(): Promise<Cast>;
    addOutput(output: OutputRequest): Promise<Output>;
    removeOutput(id: string): Promise<void>;
    /** What is drawn over the program. */
    overlay(): Promise<Overlay>;
    /** Resolves when viewers see the change; at once when nothing is on air. */
    setOverlay(patch: OverlayPatch): Promise<Overlay>;
    /** What an overlay may name. */
    pictures(): Promise<Picture[]>;
    /** Uploads a PNG, JPEG or SVG, by its type; `name` is 1 to 32 characters of a-z 0-9 _ -. */
    putPicture(name: string, file: Blob): Promise<Picture>;
    removePicture(name: string): Promise<void>;
    /** Asks now, for the figures that change without an event. */
    refresh(): Promise<Cast>;
    /** Called for every change, whoever made it, and at once with what is now. */
    onStateChanged(callback: (cast: MeetingCast) => void): () => void;
    /** The server's word; anything that changed is told. */
    update(cast: Cast): Cast;
    protected current<Name extends keyof MeetingCastEvents>(name: Name): readonly MeetingCastEvents[Name][];
}
export {};
