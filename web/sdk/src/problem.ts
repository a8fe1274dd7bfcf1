// One kind of error for everything that can go wrong, with the server's stable codes and a few of our own.

/** Codes that arise in the browser; every other code is the server's own. */
export type LocalCode =
  | 'device_unavailable'
  | 'network_lost'
  | 'conflict'
  | 'not_connected'
  | 'media_failed'
  | 'closed'
  | 'invalid_argument'
  | 'timeout'
  | 'token_unavailable'
  | 'unknown';

interface ProblemFields {
  readonly status?: number;
  readonly field?: string;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** What a promise of this SDK rejects with. Programs decide by `code`; `message` is a sentence for people. */
export class MeetingCastError extends Error {
  readonly code: string;
  /** The HTTP status, where there was one. */
  readonly status: number | undefined;
  /** The field of the request that is wrong, where the server named one. */
  readonly field: string | undefined;
  /** How long to wait before another attempt, where the server said so. */
  readonly retryAfterMs: number | undefined;

  constructor(code: LocalCode | (string & {}), message: string, fields: ProblemFields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = 'MeetingCastError';
    this.code = code;
    this.status = fields.status;
    this.field = fields.field;
    this.retryAfterMs = fields.retryAfterMs;
  }

  /** Whether the same request may succeed later without any change. */
  get isPassing(): boolean {
    return (
      this.code === 'network_lost' || this.code === 'media_not_ready' || this.code === 'overloaded' ||
      this.code === 'worker_unavailable' || this.status === 502 || this.status === 503
    );
  }
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** Reads `application/problem+json`, or an `error` message of the WebSocket, which has the same fields. */
export function fromProblem(problem: Record<string, unknown>, status?: number, retryAfter?: string | null): MeetingCastError {
  const said = typeof problem['status'] === 'number' ? problem['status'] : status;
  const message = text(problem['detail']) ?? text(problem['title']) ?? `The server answered ${said ?? 'with an error'}.`;
  const field = text(problem['field']);
  const seconds = retryAfter ? Number(retryAfter) : Number.NaN;
  return new MeetingCastError(text(problem['code']) ?? 'unknown', message, {
    ...(said === undefined ? {} : { status: said }),
    ...(field === undefined ? {} : { field }),
    ...(Number.isFinite(seconds) ? { retryAfterMs: seconds * 1000 } : {}),
  });
}

/** Whatever was thrown, as our error. */
export function asError(thrown: unknown, code: LocalCode = 'unknown'): MeetingCastError {
  if (thrown instanceof MeetingCastError) return thrown;
  return new MeetingCastError(code, thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}
