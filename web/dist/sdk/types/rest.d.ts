import { Token, type TokenSource } from './token.js';
export interface HttpAnswer {
    readonly text: string;
    readonly location: string | null;
}
export declare class Rest {
    #private;
    readonly base: string;
    readonly token: Token;
    constructor(base: string, token?: TokenSource | Token);
    json<T>(method: string, path: string, body?: unknown): Promise<T>;
    /** `path` may be a whole URL, as a `Location` may be. */
    send(method: string, path: string, body?: string | Blob, type?: string): Promise<HttpAnswer>;
}
/** An id in a path. */
export declare const segment: (id: string) => string;
