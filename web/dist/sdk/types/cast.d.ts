export type Source = {
    participant: string;
    stream?: string;
} | {
    layout: 'grid';
    participants?: string[];
} | {
    layout: 'speaker';
    focus: string;
} | {
    layout: 'speaker';
    follow: 'active_speaker';
    hold_ms?: number;
} | {
    layout: 'pip';
    focus: string;
    inset: string;
    corner?: Corner;
    size?: number;
} | {
    layout: 'side_by_side';
    participants?: string[];
    fit?: Fit;
} | {
    layout: 'screen';
    participant: string;
} | {
    layout: 'custom';
    tiles: LayoutTile[];
    participants?: string[];
} | NamedLayout | FileSource | {
    follow: 'active_speaker';
    hold_ms?: number;
} | {
    slate: true;
};
/** A layout of the server's configuration. */
export interface NamedLayout {
    layout: string;
    participants?: string[];
}
/** A media file of the server's folder, full frame. */
export interface FileSource {
    file: string;
    /** Again and again. */
    loop?: boolean;
    /** Where it begins the first time. */
    from_ms?: number;
    /** What comes when it ends; what was on before it when absent. Not with `loop`. */
    then?: 'previous' | 'slate' | 'hold';
}
/** What `GET /v1/media` tells of each. */
export interface MediaFile {
    file: string;
    bytes: number;
}
/** Where the file on the program stands. */
export interface FileState {
    position_ms: number;
    /** `null` where it is not known (yet). */
    duration_ms: number | null;
    paused: boolean;
}
export type Corner = 'top_left' | 'top_right' | 'bottom_left' | 'bottom_right';
export type Fit = 'contain' | 'cover';
/** Of a custom layout; x, y, width and height are parts of the frame, border and radius of its height. */
export interface LayoutTile {
    participant?: string;
    slot?: number;
    stream?: string;
    x: number;
    y: number;
    width: number;
    height: number;
    z?: number;
    fit?: Fit;
    border?: {
        width: number;
        color: string;
    };
    radius?: number;
}
/** What `GET /v1/layouts` tells of each. */
export interface LayoutLine {
    name: string;
    layout: string;
    /** The most `participants` that it takes; 0: none. */
    participants: number;
}
export interface Encoding {
    mode?: 'compose' | 'passthrough';
    width?: number;
    height?: number;
    fps?: number;
    /** In an answer `null` with `passthrough`. */
    video_kbps?: number | null;
    audio_kbps?: number;
    keyframe_ms?: number;
    renditions?: {
        height: number;
        video_kbps: number;
    }[];
}
export interface OutputRequest {
    id?: string;
    type: 'rtmp' | 'hls' | 'recording' | 'rtmp_play';
    url?: string;
    backup_url?: string;
    low_latency?: boolean;
}
export type Audio = 'source' | 'mix';
export interface StartCast {
    participant?: string;
    source?: Source;
    audio?: Audio;
    encoding?: Encoding;
    outputs?: OutputRequest[];
}
export interface Switch {
    participant?: string;
    source?: Source;
    audio?: Audio;
    transition?: {
        type: 'cut';
    } | {
        type: 'fade';
        duration_ms?: number;
    };
    /** With a cut from one layout to another: tiles move to their new places within so long. */
    animate_ms?: number;
    /** The program's time at which it is to happen; the promise waits for it. Not with `at`. */
    at_pts_ms?: number;
    /** The same by the server's clock, RFC 3339. */
    at?: string;
}
/** A cue of a run-down. Without a time it is taken when somebody says so. */
export interface Cue {
    /** A cue that stands in the list already, under its id and unchanged, keeps what has become of it. */
    id?: string;
    name: string;
    participant?: string;
    source?: Source;
    audio?: Audio;
    transition?: Switch['transition'];
    /** The program's time. One of these at most. */
    at_pts_ms?: number;
    /** The server's clock, RFC 3339. */
    at?: string;
    /** So long after the cue before it was taken. */
    after_ms?: number;
}
/** A cue as it is now. */
export type CueNow = Cue & {
    id: string;
    source: Source;
    state: 'waiting' | 'next' | 'on' | 'done' | 'failed' | 'skipped';
    planned_pts_ms: number | null;
    program_pts_ms: number | null;
    error: {
        code: string;
        detail: string;
    } | null;
};
export interface Rundown {
    conference: string;
    next: string | null;
    on: string | null;
    cues: CueNow[];
}
export interface SwitchResult {
    source: Source;
    took_ms: number;
    program_pts_ms: number;
    transition: string;
}
export interface Output {
    id: string;
    type: string;
    url?: string | null;
    state: 'connecting' | 'live' | 'retrying' | 'failed' | 'stopped';
    since: string;
    retries: number;
    bytes_sent: number;
    frames_dropped: number;
    last_error: string | null;
}
/** A rendition that gets fewer pictures than the program, since the server has no room for more. */
export interface ShedRendition {
    rendition: string;
    fps: number;
}
export interface Cast {
    conference: string;
    state: 'idle' | 'starting' | 'live' | 'stopping' | 'stopped' | 'failed';
    source: Source | null;
    source_state: 'live' | 'stalled' | 'absent';
    source_age_ms: number | null;
    /** `null` when it shows none. */
    file?: FileState | null;
    audio: Audio;
    /** Who is on by speaking, where the source follows the active speaker. */
    speaker?: string;
    started_at: string | null;
    stopped_at: string | null;
    encoding: Encoding | null;
    play: {
        hls: string | null;
        rtmp: string | null;
        whep: string | null;
    };
    outputs: Output[];
    /** Empty as a rule. */
    shed?: ShedRendition[];
    program: {
        frames: number;
        repeated: number;
        dropped: number;
    };
    error?: string | null;
}
