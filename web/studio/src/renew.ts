// A token that was pasted ends some time: another is asked for while it still holds, without taking the desk from the director.
import { MeetingCastError } from '../../sdk/src/meetingcast.js';
import { element } from './element.js';

const form = element('renew', HTMLFormElement);
const field = element('renewed', HTMLInputElement);

let answer: { resolve: (token: string) => void; reject: (error: Error) => void } | null = null;

/** Gives the first token; whenever another is needed, asks whoever is there. */
export function pasted(first: string): () => Promise<string> {
  let next: string | null = first;
  return () => {
    const token = next;
    next = null;
    return token === null ? ask() : Promise.resolve(token);
  };
}

/** Nobody waits for it any more. */
export function forget(): void {
  form.hidden = true;
  field.value = '';
  answer?.reject(new Error('You left before a new token was given'));
  answer = null;
}

function ask(): Promise<string> {
  // Before the room there is the door, where the first one can be changed.
  if (element('room', HTMLElement).hidden) return Promise.reject(new MeetingCastError('token_expired', 'The token has expired.'));
  form.hidden = false;
  return new Promise((resolve, reject) => (answer = { resolve, reject }));
}

form.onsubmit = (event) => {
  event.preventDefault();
  const waiting = answer;
  const token = field.value.trim();
  answer = null;
  form.hidden = true;
  field.value = '';
  waiting?.resolve(token);
};
