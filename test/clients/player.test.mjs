// A film with a burned-in frame counter, played in a real Chromium by hls.js and by mux-player: the picture that is
// shown must be the picture of its time, while it plays and after seeks, and no player may report an error.
// Needs MUX_* of a running `filmcan dev --tls`, COUNTER_URL (a film of 60 s at 30 frames a second, see filmtest/films)
// and CUSTOM_DOMAIN.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Mux from '@mux/mux-node';
import { cinema, premiere } from './screen.mjs';

const { COUNTER_URL, CUSTOM_DOMAIN, MUX_BASE_URL } = process.env;
let movies, asset;

before(async () => {
  movies = await cinema();
  asset = await premiere(new Mux(), COUNTER_URL);
});
after(() => movies?.close());

async function plays(t, kind, src) {
  const screen = await movies.open(t, kind, src);
  // Ten places while it plays, and five seeks, far apart, forwards and backwards, one near the end.
  const seen = await screen.frames(10);
  for (const to of [31.5, 4.25, 58.9, 17.333, 44.01]) await screen.seek(to);
  await screen.quiet();
  const { duration, all } = await screen.in(() => window.buffered());
  assert.ok(Math.abs(duration - 60) < 0.1, `duration ${duration}`);
  t.diagnostic(`${seen.length} frames read while playing, buffered ${JSON.stringify(all)}`);
}

test('hls.js', (t) => plays(t, 'hls', `${MUX_BASE_URL}/${asset.playback_ids[0].id}.m3u8`));
test('mux-player with src over http', (t) => plays(t, 'mux', `src="${MUX_BASE_URL}/${asset.playback_ids[0].id}.m3u8"`));
test('mux-player with playback-id over https', (t) =>
  plays(t, 'mux', `playback-id="${asset.playback_ids[0].id}" custom-domain="${CUSTOM_DOMAIN}"`));
