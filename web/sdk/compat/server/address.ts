// Where a face's server is: where its script came from, unless the page says otherwise.

declare global {
  /** A page that keeps the script elsewhere names its server here, before the script. */
  var MEETINGCAST_URL: string | undefined;
}

// Only while the script runs for the first time does the document know which one that is.
const script = typeof document === 'undefined' ? null : document.currentScript;
const loadedFrom = script instanceof HTMLScriptElement && script.src ? new URL(script.src).origin : undefined;

export const serverUrl = (): string => globalThis.MEETINGCAST_URL ?? loadedFrom ?? location.origin;
