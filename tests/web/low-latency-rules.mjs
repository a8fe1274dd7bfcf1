// Low-latency HLS (RFC 8216bis): parts, blocking reload, delta updates. Only looked at when the playlist offers parts.
import { fetchChecked } from './delivery-rules.mjs';
import { request } from './http-client.mjs';

const PART_NAME = /^part-(\d+)\.(\d+)\.m4s$/;

/** `text` → `{ msn, part }` of its newest part or segment, by its names. */
function newest(text) {
  const found = { msn: -1, part: -1 };
  for (const [, msn, part] of text.matchAll(/(?:#EXT-X-PART:[^\n]*URI="[^"]*part-|^seg-)(\d+)(?:\.(\d+))?\.m4s/gm)) {
    const at = { msn: Number(msn), part: part === undefined ? Number.MAX_SAFE_INTEGER : Number(part) };
    if (at.msn > found.msn || (at.msn === found.msn && at.part > found.part)) Object.assign(found, at);
  }
  return found;
}

/** `siblings`: the other renditions' playlists. */
export async function checkLowLatency(findings, url, playlist, parse, siblings) {
  const control = playlist.lowLatencyCompatibility;
  const target = playlist.partTargetDuration;
  findings.check('parts come with blocking reload', control?.canBlockReload, 'EXT-X-SERVER-CONTROL has no CAN-BLOCK-RELOAD=YES');
  // Authoring rule 14: three part targets, not the draft's two.
  findings.check('PART-HOLD-BACK is at least three PART-TARGETs', control?.partHoldBack >= 3 * target, `${control?.partHoldBack}, PART-TARGET=${target}`);
  for (const { mediaSequenceNumber: msn, parts, duration, uri } of playlist.segments) {
    const listed = parts.filter((part) => !part.hint);
    for (const [index, part] of listed.entries()) {
      const name = PART_NAME.exec(part.uri);
      findings.check('parts are named part-{msn}.{p}.m4s', name && Number(name[1]) === msn && Number(name[2]) === index, `${part.uri} is part ${index} of ${msn}`);
      await fetchChecked(findings, 'segment', new URL(part.uri, url).href);
    }
    if (!uri || listed.length === 0) continue;
    const sum = listed.reduce((seconds, part) => seconds + part.duration, 0);
    findings.check('the parts of a segment last as long as it', Math.abs(sum - duration) <= 0.005 * listed.length, `${uri}: parts ${sum.toFixed(6)}, EXTINF ${duration}`);
  }
  if (playlist.endlist) return;
  await checkReports(findings, url, playlist, siblings);
  await checkBlocking(findings, url);
  await checkRefusals(findings, url, playlist);
  await checkDelta(findings, url, control, parse);
}

const ask = (url, directives) => request(`${url}?${new URLSearchParams(directives)}`, { headers: { 'accept-encoding': 'identity' } });

/** The next part is asked for: the reply must hold it. Judged by the content, never by the time it took. */
async function checkBlocking(findings, url) {
  const { msn, part } = newest((await request(url)).body.toString());
  // A whole segment is the newest: the next part is the first of the segment after it.
  const next = part === Number.MAX_SAFE_INTEGER ? { msn: msn + 1, part: 0 } : { msn, part: part + 1 };
  const reply = await ask(url, { _HLS_msn: next.msn, _HLS_part: next.part });
  const got = newest(reply.body.toString());
  const there = got.msn > next.msn || (got.msn === next.msn && got.part >= next.part);
  findings.check('a blocking reload brings what it asked for', reply.status === 200 && there, `asked for ${next.msn}.${next.part}, status ${reply.status}, newest ${got.msn}.${got.part}`);
}

/** Each other rendition is reported on, and has at least what its report says (rfc8216bis §4.4.5.4). */
async function checkReports(findings, url, playlist, siblings) {
  const reports = playlist.renditionReports ?? [];
  const told = reports.map((report) => new URL(report.uri, url).href).sort();
  findings.check('there is a rendition report on every other rendition', told.join() === [...siblings].sort().join(), `${url}: ${told.join(', ')}`);
  for (const { uri, lastMSN, lastPart } of reports) {
    const other = newest((await request(new URL(uri, url).href)).body.toString());
    const there = other.msn > lastMSN || (other.msn === lastMSN && other.part >= lastPart);
    findings.check('a rendition has what the report on it says', there, `${uri}: ${lastMSN}.${lastPart} reported, newest ${other.msn}.${other.part}`);
  }
}

async function checkRefusals(findings, url, playlist) {
  const far = playlist.segments.at(-1).mediaSequenceNumber + 100;
  for (const directives of [{ _HLS_part: 0 }, { _HLS_msn: 'x' }, { _HLS_msn: far }]) {
    const { status } = await ask(url, directives);
    findings.check('directives that make no sense are answered with 400', status === 400, `${new URLSearchParams(directives)}: ${status}`);
  }
}

async function checkDelta(findings, url, control, parse) {
  const rule = 'a delta update skips what is old';
  if (!control?.canSkipUntil) return findings.skip(rule, 'the server offers no CAN-SKIP-UNTIL');
  const full = parse((await request(url)).body.toString());
  const length = full.segments.reduce((sum, segment) => sum + (segment.duration ?? 0), 0);
  if (length < control.canSkipUntil + 2 * full.targetDuration) return findings.skip(rule, 'the playlist is not long enough for a skip yet');
  const reply = await ask(url, { _HLS_skip: 'YES' });
  const delta = parse(reply.body.toString());
  findings.check(rule, delta.skip > 0, `status ${reply.status}, EXT-X-SKIP ${delta.skip}`);
  const first = delta.segments[0];
  const same = full.segments.find((segment) => segment.mediaSequenceNumber === first.mediaSequenceNumber);
  findings.check('a delta update numbers its segments like the full playlist', !same || same.uri === first.uri, `${first.mediaSequenceNumber}: ${first.uri}, in full ${same?.uri}`);
}
