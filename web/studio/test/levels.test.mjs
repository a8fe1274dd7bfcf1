import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { drawMeter, Heard, whileVisible } = await load('levels');
const { shedSentence } = await load('shed');

const told = (dbov, program_dbov) => ({ type: 'levels', conference: 'room', inputs: [{ participant: 'ann', stream: 'camera', dbov }], program_dbov });

test('levels are those that were told last, for a second', () => {
  const heard = new Heard();
  assert.deepEqual([heard.of('ann', 'camera', 0), heard.program(0)], [-60, -60]);
  heard.take(told(-30, null), 100);
  heard.take(told(-20.5, -12), 300);
  assert.deepEqual([heard.of('ann', 'camera', 1200), heard.of('ann', 'screen', 1200), heard.of('bob', 'camera', 1200)], [-20.5, -60, -60]);
  assert.equal(heard.program(1200), -12);
  assert.deepEqual([heard.of('ann', 'camera', 1300), heard.program(1300)], [-60, -60], 'nothing came any more');
  heard.take(told(-127, null), 2000);
  assert.deepEqual([heard.of('ann', 'camera', 2000), heard.program(2000)], [-60, -60]);
});

test('a meter says in words what it shows', () => {
  const meter = {};
  drawMeter(meter, -23.4);
  assert.deepEqual(meter, { value: -23.4, title: '-23 dB' });
  drawMeter(meter, -60);
  assert.deepEqual(meter, { value: -60, title: 'silence' });
});

test('levels are asked for while the page is seen', () => {
  const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  const asked = [];
  const become = (state) => {
    page.visibilityState = state;
    page.dispatchEvent(new Event('visibilitychange'));
  };
  const end = whileVisible(page, (on) => asked.push(on));
  become('hidden');
  become('hidden');
  become('visible');
  end();
  become('hidden');
  become('visible');
  assert.deepEqual(asked, [true, false, true, false]);
  page.visibilityState = 'hidden';
  whileVisible(page, (on) => asked.push(on))();
  assert.equal(asked.length, 4, 'who comes hidden asks for nothing');
});

test('what was shed is said, and nothing is when nothing was', () => {
  assert.equal(shedSentence(true, []), null);
  assert.equal(
    shedSentence(true, [{ rendition: '360p', fps: 15 }, { rendition: '180p', fps: 7.5 }]),
    'The server has more to do than it can: 360p has 15 pictures a second, 180p has 7.5 pictures a second. The program itself has all its pictures.',
  );
  assert.match(shedSentence(false, []), /no snapshots are made/);
});
