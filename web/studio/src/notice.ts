// Errors as sentences, where a reader and a screen reader find them.
import { MeetingCastError } from '../../sdk/src/meetingcast.js';
import { element } from './element.js';

/** Long enough to be read twice. */
const SHOWN_MS = 12_000;
let timer: ReturnType<typeof setTimeout> | undefined;

const WORDS: Readonly<Record<string, string>> = {
  token_missing: 'This server asks for a token. Open "This server asks for a token" and paste yours.',
  token_expired: 'Your token has expired. Ask for a new one.',
  conflict: 'You signed in with this name somewhere else; this page was signed out.',
};

export function sentence(thrown: unknown): string {
  if (thrown instanceof MeetingCastError) {
    const text = WORDS[thrown.code] ?? thrown.message;
    return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? '' : '.');
  }
  return thrown instanceof Error ? `Something went wrong: ${thrown.message}.` : 'Something went wrong.';
}

export function show(thrown: unknown): void {
  const notice = element('notice', HTMLElement);
  notice.textContent = sentence(thrown);
  notice.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(() => (notice.hidden = true), SHOWN_MS);
}

/** Runs what a button stands for: no second click meanwhile, and what goes wrong is said. */
export async function attempt(button: HTMLButtonElement | null, work: () => Promise<unknown>): Promise<void> {
  if (button) button.disabled = true;
  try {
    await work();
    element('notice', HTMLElement).hidden = true;
  } catch (error) {
    show(error);
  } finally {
    if (button) button.disabled = false;
  }
}
