import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { Following } = await load('following');

/** As a select: it shows only what it offers. */
function select(...options) {
  let value = options[0];
  return {
    options,
    get value() {
      return value;
    },
    set value(wanted) {
      value = options.includes(wanted) ? wanted : '';
    },
  };
}

test('what others change is shown', () => {
  const title = { value: '' };
  const fields = new Following({ title });
  fields.take({ title: 'Hello' });
  fields.take({ title: 'Good evening' });
  fields.take({});
  assert.equal(title.value, 'Good evening');
  assert.equal(fields.differs('title'), false);
});

test('who is typing keeps what they type, and the rest follows', () => {
  const [title, position] = [{ value: '' }, { value: 'bottom' }];
  const fields = new Following({ title, position });
  fields.take({ title: 'Hello', position: 'bottom' });
  title.value = 'Hello, everyb';
  fields.take({ title: 'Goodbye', position: 'top' });
  fields.take({ title: 'Goodbye!', position: 'top' });
  assert.deepEqual([title.value, position.value], ['Hello, everyb', 'top']);
  assert.deepEqual([fields.differs('title'), fields.differs('position'), fields.differs('position', 'title')], [true, false, true]);
  // Sent, and told by the server: from then on it follows again.
  fields.take({ title: 'Hello, everyb' });
  fields.take({ title: 'Hello, everybody' });
  assert.equal(title.value, 'Hello, everybody');
});

test('what is typed before the server has answered first stays as well', () => {
  const title = { value: '' };
  const fields = new Following({ title });
  title.value = 'Mine';
  fields.take({ title: '' });
  assert.equal(title.value, 'Mine');
});

test('what a list does not offer yet is not taken for a change', () => {
  const logo = select('');
  const fields = new Following({ logo });
  fields.take({ logo: 'mark' });
  assert.equal(fields.differs('logo'), false);
  logo.options.push('mark');
  fields.take({ logo: 'mark' });
  assert.equal(logo.value, 'mark');
});

test('a field that shows the right thing is not written, which would move the cursor', () => {
  let written = 0;
  const title = {
    get value() {
      return 'Hello';
    },
    set value(_) {
      written += 1;
    },
  };
  new Following({ title }).take({ title: 'Hello' });
  assert.equal(written, 0);
});
