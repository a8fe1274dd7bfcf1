// Proves the tools themselves, without the server they are for: that they pass what is right, and that each of their
// checks can fail. `node selftest.mjs [WORD]` runs the scenarios whose name holds WORD.
import { spawn } from 'node:child_process';
import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { after, run } from './report.mjs';
import { startHls } from './selftest/hls-source.mjs';
import { startLowLatency } from './selftest/low-latency-source.mjs';
import { receive } from './selftest/whip-receiver.mjs';

/** Starts a tool; `events` grows as it speaks, `done` resolves to its exit code. */
function start(tool, ...args) {
  const child = spawn(process.execPath, [fileURLToPath(new URL(tool, import.meta.url)), ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  const told = { child, events: [], errors: '', waiting: [] };
  createInterface({ input: child.stdout }).on('line', (line) => {
    told.events.push(JSON.parse(line));
    for (const look of told.waiting) look();
  });
  child.stderr.setEncoding('utf8').on('data', (text) => (told.errors += text));
  told.done = new Promise((resolve) => child.once('close', resolve));
  told.of = (event) => told.events.filter((entry) => entry.event === event);
  /** Resolves when the tool has told `event` `count` times, or has ended. */
  told.until = (event, count = 1) => {
    const enough = new Promise((resolve) => {
      const look = () => told.of(event).length >= count && resolve();
      told.waiting.push(look);
      look();
    });
    return Promise.race([told.done, enough]);
  };
  told.passes = async () => assert.equal(await told.done, 0, `${tool} failed: ${told.errors}`);
  told.fails = async (sentence) => {
    assert.equal(await told.done, 1, `${tool} should have failed: ${JSON.stringify(told.events.at(-1))}`);
    assert.match(told.errors, sentence);
  };
  return told;
}

const publish = (receiver, ...args) => start('publish.mjs', '--whip', receiver.url, '--token', 'secret', ...args);
const play = (source, ...args) => start('play.mjs', '--url', source.url, ...args);
const validate = (source, ...args) => start('validate.mjs', '--url', source.url, ...args);

async function sends(codec, receiver) {
  const tool = publish(receiver, '--codec', codec, '--colour', '1070d0', '--tone', '532', '--seconds', '7');
  await tool.until('stats', 5);
  const seen = await receiver.look();
  await tool.passes();
  const stats = tool.of('stats').at(-1);
  assert.equal(stats.codec.toLowerCase(), `video/${codec}`);
  assert.equal(seen.codec.toLowerCase(), `video/${codec}`);
  assert.deepEqual([stats.width, stats.height], [640, 360]);
  assert.ok(stats.kbps > 0 && stats.audioKbps > 0 && stats.targetBitrate > 0 && stats.framesPerSecond >= 20, JSON.stringify(stats));
  assert.ok(Math.abs(seen.tone_hz - 532) <= 6, `tone ${seen.tone_hz}`);
  assert.ok(seen.frames > 60 && seen.unreadable < seen.frames / 20, JSON.stringify(seen));
  assert.ok(seen.steps.every(([from, to]) => to > from), 'frame numbers only grow');
  // The sync cell is white for the first two frames of each second, and at no other time.
  assert.ok(seen.flashes.length > 3 && seen.flashes.every((frame) => frame % 30 < 2), `${seen.flashes}`);
  assert.deepEqual(receiver.calls, ['OPTIONS /whip', 'POST /whip', 'OPTIONS /session', 'DELETE /session']);
}

/** Scenarios with a receiver for publish.mjs. */
const SENDING = {
  'publish h264: picture, tone and numbers arrive': (receiver) => sends('h264', receiver),
  'publish vp8: picture, tone and numbers arrive': (receiver) => sends('vp8', receiver),
  'publish busy: 2 Mbit/s at 720p within 8 s': async (receiver) => {
    const tool = publish(receiver, '--busy', '--seconds', '10', '--expect-kbps', '2000', '--expect-within', '8');
    await tool.passes();
    assert.deepEqual([tool.of('stats').at(-1).width, tool.of('stats').at(-1).height], [1280, 720]);
  },
  'publish fails when the rate is not reached': async (receiver) => {
    await publish(receiver, '--busy', '--seconds', '4', '--max-kbps', '300', '--expect-kbps', '2000', '--expect-within', '3').fails(/expected 2000 kbit\/s within 3 s, reached it never/);
  },
  'publish ends and hangs up when stdin closes': async (receiver) => {
    const tool = publish(receiver, '--seconds', '600');
    await tool.until('stats', 2);
    tool.child.stdin.end();
    await tool.passes();
    assert.equal(tool.of('ended')[0].delete_status, 200);
  },
  'publish fails when WHIP refuses': async (receiver) => {
    await publish(receiver, '--token', 'wrong', '--seconds', '5').fails(/WHIP answered 401: token_missing/);
  },
};

/** A playlist with one change, made by `change(text)`. */
const rewrite = (change) => (name, reply) => {
  if (name === 'media.m3u8' && reply.status === 200) reply.body = Buffer.from(change(reply.body.toString()));
};

/** Scenarios with a running stream for play.mjs and validate.mjs. */
const WATCHING = {
  'validate accepts a good stream': (source) => validate(source, '--polls', '8', '--over', '8', '--min-segments', '6').passes(),
  'play accepts a good stream with its colours and tone': async (source) => {
    // Segment n is second n, colours change every 6 s, and hls.js begins 3 s before the end: begin at second 2 to 4 of a
    // colour, so that 7 s cross exactly one change.
    const begin = async () => Number((await source.media()).match(/seg-(\d+)/g).at(-1).slice(4)) + 1 - 3;
    while ((await begin()) % 6 !== 2) await after(100);
    const colours = (await begin()) % 12 < 6 ? 'c02020,2020c0' : '2020c0,c02020';
    const tool = play(source, '--seconds', '7', '--expect-colours', colours, '--expect-tones', '440', '--min-rms', '0.01');
    await tool.passes();
    const [summary] = tool.of('summary');
    assert.deepEqual([summary.errors, summary.stalls, summary.jumps], [0, 0, 0]);
    assert.ok(summary.frames > 150, JSON.stringify(summary));
  },
  'play fails on a colour that never comes': (source) => play(source, '--seconds', '3', '--expect-colours', '20c020').fails(/colours seen: none; expected: 20c020/),
  'play goes on until stdin closes': async (source) => {
    const tool = play(source, '--until-stdin-close');
    await tool.until('sample', 3);
    tool.child.stdin.end();
    await tool.passes();
  },
  'play fails when a segment is gone': async (source) => {
    const tool = play(source, '--until-stdin-close');
    await tool.until('sample', 1);
    source.state.tamper = (name, reply) => name.startsWith('seg-') && Object.assign(reply, { status: 404 });
    await tool.until('error', 1);
    tool.child.stdin.end();
    await tool.fails(/hls\.js: .*fragLoadError.*status 404/);
  },
  'play fails when the playlist stands still, and allows the gap it is told to': async (source) => {
    const [strict, lenient] = [play(source, '--until-stdin-close'), play(source, '--until-stdin-close', '--allow-gap-ms', '30000')];
    await Promise.all([strict.until('sample', 1), lenient.until('sample', 1)]);
    const frozen = Buffer.from(await source.media());
    source.state.tamper = (name, reply) => name === 'media.m3u8' && Object.assign(reply, { body: frozen });
    await Promise.all([strict.until('stall', 1), lenient.until('stall', 1)]);
    source.state.tamper = null;
    await Promise.all([strict.until('stall_end', 1), lenient.until('stall_end', 1)]);
    for (const tool of [strict, lenient]) tool.child.stdin.end();
    await strict.fails(/the picture stood still/);
    await lenient.passes();
  },
  'play takes a killed encoder as a discontinuity, not as an error': async (source) => {
    const tool = play(source, '--until-stdin-close', '--allow-gap-ms', '20000', '--expect-discontinuities', '1');
    await tool.until('sample', 2);
    await source.restart();
    await tool.until('discontinuity', 1);
    await tool.until('sample', tool.of('sample').length + 3);
    tool.child.stdin.end();
    await tool.passes();
  },
  'validate sees a duration that changes': async (source) => {
    let polls = 0;
    source.state.tamper = rewrite((text) => (polls++ > 2 ? text.replace('#EXTINF:1.000000', '#EXTINF:0.900000') : text));
    await validate(source, '--polls', '4', '--over', '1').fails(/a segment's duration never changes: segment \d+: 1 became 0.9/);
  },
  'validate sees a media sequence that goes back': async (source) => {
    let polls = 0;
    source.state.tamper = rewrite((text) => (polls++ > 1 ? text.replace(/(SEQUENCE:)(\d+)/, (_, tag, n) => `${tag}${n - 2}`) : text));
    await validate(source, '--polls', '4', '--over', '1').fails(/media sequence never goes back/);
  },
  'validate sees missing program dates and a wrong type': async (source) => {
    source.state.tamper = (name, reply) => {
      rewrite((text) => text.replace(/#EXT-X-PROGRAM.*\n/g, ''))(name, reply);
      if (name.startsWith('seg-')) reply.headers['content-type'] = 'text/plain';
    };
    const tool = validate(source, '--polls', '1', '--over', '0');
    await tool.fails(/every segment has EXT-X-PROGRAM-DATE-TIME: seg-/);
    assert.match(tool.errors, /Content-Type of a segment: .*text\/plain/);
  },
  'validate sees a segment with the bytes of another': async (source) => {
    let kept = null;
    source.state.tamper = (name, reply) => name.startsWith('seg-') && (kept ? (reply.body = kept) : (kept = reply.body));
    await validate(source, '--polls', '1', '--over', '0').fails(/timestamps go on from segment to segment: .* steps by -/);
  },
  'validate sees a rate above what was promised': async (source) => {
    source.state.tamper = (name, reply) => {
      if (name === 'index.m3u8') reply.body = Buffer.from(reply.body.toString().replace(':BANDWIDTH=900000', ':BANDWIDTH=9000'));
    };
    await validate(source, '--polls', '1', '--over', '0').fails(/no stretch of a target duration exceeds 125 % of BANDWIDTH: \d+ kbit/);
  },
  'validate sees a discontinuity that is not counted': async (source) => {
    source.state.tamper = rewrite((text) => {
      const first = Number(/SEQUENCE:(\d+)/.exec(text)[1]);
      source.state.marked ??= first + 1;
      return text.replace(new RegExp(`(#EXTINF[^\n]*\n#EXT-X-PROGRAM[^\n]*\nseg-${source.state.marked}\\.)`), '#EXT-X-DISCONTINUITY\n$1');
    });
    await validate(source, '--polls', '6', '--over', '5').fails(/EXT-X-DISCONTINUITY-SEQUENCE counts the removed discontinuities: is 0 after/);
  },
};

/** Scenarios with a low-latency stream. */
const LOW_LATENCY = {
  'low latency: validate accepts a good stream': async (source) => {
    const tool = validate(source, '--polls', '6', '--over', '5', '--require-low-latency');
    await tool.passes();
    const { rules } = tool.of('report')[0];
    for (const rule of ['a blocking reload brings what it asked for', 'directives that make no sense are answered with 400', 'a delta update skips what is old', 'the parts of a segment last as long as it']) {
      assert.ok(rules[rule]?.checked > 0, `${rule} was not looked at: ${rules[rule]?.skipped}`);
    }
  },
  'low latency: play is about a second and a half behind': async (source) => {
    const tool = play(source, '--seconds', '8', '--expect-colours', '20c020', '--expect-tones', '440', '--max-latency', '2.5', '--read-code');
    await tool.passes();
    const { codes } = tool.of('summary')[0];
    assert.ok(codes.read > 150 && codes.unreadable === 0 && codes.steps === 0, JSON.stringify([codes, tool.of('step')]));
  },
  'low latency: validate sees a reload that does not block': async (source) => {
    source.state.blocking = false;
    await validate(source, '--polls', '1', '--over', '0').fails(/a blocking reload brings what it asked for: asked for/);
  },
  'low latency: validate sees nonsense that is not refused, and parts of a wrong length': async (source) => {
    source.state.tamper = (name, reply) => {
      if (reply.status === 400) Object.assign(reply, { status: 200, body: Buffer.from('#EXTM3U\n') });
      if (name === 'media.m3u8') reply.body = Buffer.from(reply.body.toString().replaceAll('PART:DURATION=0.5', 'PART:DURATION=0.45'));
    };
    const tool = validate(source, '--polls', '1', '--over', '0');
    await tool.fails(/directives that make no sense are answered with 400: _HLS_part=0: 200/);
    assert.match(tool.errors, /the parts of a segment last as long as it/);
  },
  'low latency: validate sees a stream without it': async () => {
    const plain = await startHls();
    try {
      await after(4000);
      await validate(plain, '--polls', '1', '--over', '0', '--require-low-latency').fails(/low latency is offered/);
    } finally {
      await plain.close();
    }
  },
};

async function scenario(name, setUp, body) {
  const began = performance.now();
  const world = await setUp();
  try {
    await body(world);
    process.stdout.write(`ok    ${name} (${((performance.now() - began) / 1000).toFixed(1)} s)\n`);
    return true;
  } catch (error) {
    process.stdout.write(`FAIL  ${name}\n${error.stack}\n`);
    return false;
  } finally {
    await world.close();
  }
}

/** A stream with a full window, so that old segments go. */
async function fullStream() {
  const source = await startHls();
  while (((await source.media()).match(/^seg-/gm)?.length ?? 0) < 8) await after(250);
  return source;
}

await run(async () => {
  const word = process.argv[2] ?? '';
  let failed = 0;
  for (const [scenarios, setUp] of [[SENDING, () => receive({ token: 'secret' })], [WATCHING, fullStream], [LOW_LATENCY, startLowLatency]]) {
    for (const [name, body] of Object.entries(scenarios)) {
      if (name.includes(word) && !(await scenario(name, setUp, body))) failed += 1;
    }
  }
  if (failed > 0) throw new Error(`${failed} scenarios failed`);
});
