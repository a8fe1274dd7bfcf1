// What must hold between one copy of a live media playlist and the next (RFC 8216 §6.2.1, §6.2.2).

/** A parsed playlist as the rules below look at it. Segments that have only parts so far are left out. */
export function snapshot(playlist) {
  let discontinuity = playlist.discontinuitySequenceBase ?? 0;
  const segments = playlist.segments
    .filter((segment) => segment.uri)
    .map((segment) => {
      if (segment.discontinuity) discontinuity += 1;
      return {
        msn: segment.mediaSequenceNumber,
        uri: segment.uri,
        duration: segment.duration,
        date: segment.programDateTime?.getTime() ?? null,
        map: segment.map?.uri ?? null,
        discontinuity: Boolean(segment.discontinuity),
        // The discontinuity sequence number of the segment itself (RFC 8216 §3): the same in every copy.
        era: discontinuity,
      };
    });
  return {
    first: playlist.mediaSequenceBase ?? 0,
    discontinuitySequence: playlist.discontinuitySequenceBase ?? 0,
    targetDuration: playlist.targetDuration,
    partTarget: playlist.partTargetDuration ?? null,
    version: playlist.version,
    ended: Boolean(playlist.endlist),
    segments,
  };
}

/** Takes one copy after the other and notes every rule that is broken between them. */
export class PlaylistHistory {
  #findings;
  #byMsn = new Map();
  #msnByUri = new Map();
  #last = null;

  constructor(findings) {
    this.#findings = findings;
    this.removed = [];
    this.added = 0;
  }

  take(now) {
    const check = (...args) => this.#findings.check(...args);
    for (const segment of now.segments) this.#remember(segment, check);
    const before = this.#last;
    this.#last = now;
    if (!before) return;

    check('media sequence never goes back', now.first >= before.first, `went from ${before.first} to ${now.first}`);
    check('EXT-X-TARGETDURATION never changes', now.targetDuration === before.targetDuration, `${before.targetDuration} became ${now.targetDuration}`);
    check('PART-TARGET never changes', now.partTarget === before.partTarget, `${before.partTarget} became ${now.partTarget}`);
    check('EXT-X-VERSION never changes', now.version === before.version, `${before.version} became ${now.version}`);
    check('EXT-X-ENDLIST stays', now.ended || !before.ended, 'it was there and is gone');
    const [newestBefore, newestNow] = [before.segments.at(-1)?.msn ?? -1, now.segments.at(-1)?.msn ?? -1];
    check('segments are added only at the end', newestNow >= newestBefore, `the newest was ${newestBefore} and is ${newestNow}`);
    if (before.ended) {
      check('nothing is added after EXT-X-ENDLIST', newestNow === newestBefore, `the newest was ${newestBefore} and is ${newestNow}`);
    }
    this.added += Math.max(0, newestNow - newestBefore);

    const gone = before.segments.filter((segment) => segment.msn < now.first);
    this.removed.push(...gone);
    const counted = gone.filter((segment) => segment.discontinuity).length;
    // Only when the lists overlap is every removed segment known.
    if (now.first <= newestBefore + 1) {
      const expected = before.discontinuitySequence + counted;
      check(
        'EXT-X-DISCONTINUITY-SEQUENCE counts the removed discontinuities',
        now.discontinuitySequence === expected,
        `is ${now.discontinuitySequence} after ${gone.length} segments with ${counted} discontinuities were removed, expected ${expected}`,
      );
    }
    if (gone.length > 0) {
      const left = now.segments.reduce((sum, segment) => sum + segment.duration, 0);
      check('at least three target durations stay when segments are removed', left >= 3 * now.targetDuration, `only ${left.toFixed(3)} s are left`);
    }
  }

  /** A number, a name and what they stand for belong together for ever. */
  #remember(segment, check) {
    const { msn, uri } = segment;
    const known = this.#byMsn.get(msn);
    this.#byMsn.set(msn, known ?? segment);
    for (const [what, key] of [['name', 'uri'], ['duration', 'duration'], ['program date', 'date'], ['init segment', 'map'], ['discontinuity number', 'era']]) {
      check(`a segment's ${what} never changes`, !known || known[key] === segment[key], `segment ${msn}: ${known?.[key]} became ${segment[key]}`);
    }
    const owner = this.#msnByUri.get(uri) ?? msn;
    this.#msnByUri.set(uri, owner);
    check('a name stands for one segment', owner === msn, `${uri} was segment ${owner} and is ${msn}`);
  }
}
