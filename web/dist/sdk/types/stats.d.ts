export interface StreamStats {
    /** Picture and sound together, since the last figures. */
    kbps: number;
    /** Packets that were lost, percent. For what is sent: as the other side reports it. */
    lossPercent: number;
    width: number;
    height: number;
    fps: number;
    rttMs: number | null;
    jitterMs: number | null;
    /** 0 to 1. */
    audioLevel: number | null;
    /** Frames encoded or decoded so far. */
    frames: number;
}
export declare const STATS_MS = 2000;
/** Keeps what was counted before, to tell rates. */
export declare class StatsReader {
    #private;
    read(report: RTCStatsReport, now?: number): StreamStats;
}
