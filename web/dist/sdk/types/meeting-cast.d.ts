import type { Cast, Output, OutputRequest, StartCast, Switch, SwitchResult } from './cast.js';
import { Emitter } from './emitter.js';
import { type Rest } from './rest.js';
interface MeetingCastEvents {
    state_changed: MeetingCast;
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
    /** Resolves when the file on the program stands still, or goes on; `to_ms` of it: when that is seen. */
    controlFile(action: 'pause' | 'play' | {
        to_ms: number;
    }): Promise<Cast>;
    stop(): Promise<Cast>;
    addOutput(output: OutputRequest): Promise<Output>;
    removeOutput(id: string): Promise<void>;
    /** Asks now, for the figures that change without an event. */
    refresh(): Promise<Cast>;
    /** Called for every change, whoever made it, and at once with what is now. */
    onStateChanged(callback: (cast: MeetingCast) => void): () => void;
    /** The server's word; anything that changed is told. */
    update(cast: Cast): Cast;
    protected current(): readonly [MeetingCast] | readonly [];
}
export {};
