/** A token, or what gives one: asked at the beginning, and again whenever the last one is about to expire, or was refused since it had. */
export type TokenSource = string | (() => string | Promise<string>);
export declare class Token {
    #private;
    constructor(source?: TokenSource);
    /** Whether a token is shown at all; without one the server has to be told who we are. */
    get isUsed(): boolean;
    /** Whether another one can be had, which may take time. */
    get isRenewable(): boolean;
    /** As it was last; `undefined` where none is used, or none was given yet. */
    get current(): string | undefined;
    /** The one to show now. One that holds a little longer is good enough while its successor is on the way. */
    get(): Promise<string | undefined>;
    /** The server would not have it: another, unless somebody else got that already. */
    insteadOf(refused: string): Promise<string | undefined>;
}
