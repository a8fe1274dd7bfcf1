/** Codes that arise in the browser; every other code is the server's own. */
export type LocalCode = 'device_unavailable' | 'network_lost' | 'conflict' | 'not_connected' | 'media_failed' | 'closed' | 'invalid_argument' | 'timeout' | 'token_unavailable' | 'unknown';
interface ProblemFields {
    readonly status?: number;
    readonly field?: string;
    readonly retryAfterMs?: number;
    readonly cause?: unknown;
}
/** What a promise of this SDK rejects with. Programs decide by `code`; `message` is a sentence for people. */
export declare class MeetingCastError extends Error {
    readonly code: string;
    /** The HTTP status, where there was one. */
    readonly status: number | undefined;
    /** The field of the request that is wrong, where the server named one. */
    readonly field: string | undefined;
    /** How long to wait before another attempt, where the server said so. */
    readonly retryAfterMs: number | undefined;
    constructor(code: LocalCode | (string & {}), message: string, fields?: ProblemFields);
    /** Whether the same request may succeed later without any change. */
    get isPassing(): boolean;
}
/** Reads `application/problem+json`, or an `error` message of the WebSocket, which has the same fields. */
export declare function fromProblem(problem: Record<string, unknown>, status?: number, retryAfter?: string | null): MeetingCastError;
/** Whatever was thrown, as our error. */
export declare function asError(thrown: unknown, code?: LocalCode): MeetingCastError;
export {};
