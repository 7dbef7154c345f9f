// Renditions that are encoded while they are watched, in a real Chromium: films that are cut and encoded in different
// ways (see TestRenditions) play in all sizes, through switches and seeks, without a gap, a wrong picture or an error.
// Needs MUX_* of a running `filmcan dev --tls`, CUSTOM_DOMAIN, DERIVED (its folder of derived things), and VP9_URL,
// LONG_URL, OPEN_URL, SPARSE_URL, HEVC_URL and STILLS_URL.
import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import Mux from '@mux/mux-node';
import { decodeTime, moved, relay } from './relay.mjs';
import { cinema, FPS, premiere } from './screen.mjs';

const { CUSTOM_DOMAIN, DERIVED, MUX_BASE_URL } = process.env;
/** How long playing may halt once a rendition plays. The machine has other things to do. */
const HALT = 3000;
/** Little is buffered, so that what is asked for comes soon. */
const small = { maxBufferLength: 6, maxMaxBufferLength: 600, backBufferLength: 0 };

const films = {
  VP9: { seconds: 24, cut: 4, heights: [270, 360] },
  LONG: { seconds: 32, cut: 8, heights: [270, 360, 480, 720] },
  OPEN: { seconds: 24, cut: 4, heights: [270, 360] },
  SPARSE: { seconds: 32, cut: 4, heights: [270, 360] },
  HEVC: { seconds: 16, cut: 4, heights: [270, 360] },
  STILLS: { seconds: 22, heights: [270, 360] },
};
let movies;
const mux = new Mux();

before(async () => {
  movies = await cinema();
  await Promise.all(Object.entries(films).map(async ([name, film]) => {
    film.id = (await premiere(mux, process.env[`${name}_URL`])).playback_ids[0].id;
  }));
});
after(() => movies?.close());

const address = (film, base = MUX_BASE_URL) => `${base}/${film.id}.m3u8`;

/** Asks for every segment of the film's encoded renditions, so that they are kept. */
async function made(film) {
  const list = async (url) => (await (await fetch(url)).text()).split('\n').filter((l) => l && !l.startsWith('#'));
  for (const rendition of (await list(address(film))).filter((url) => url.includes('/e2/'))) {
    for (const segment of await list(rendition)) await (await fetch(new URL(segment, rendition))).arrayBuffer();
  }
}

/** What is done with each film, and with those that are wrong on purpose. */
async function examine(screen, { seconds, heights }) {
  const low = heights[0], top = heights.at(-1);
  assert.deepEqual(await screen.heights(), heights);
  await screen.level('currentLevel', low);
  await screen.seek(3.2, low);
  // Over the cut at 4 s, and it is heard as well.
  await screen.in(() => window.listen());
  await screen.frames(15); // the sound's way into the listener is built
  await screen.in(() => { window.screen_.halts.length = 0; });
  const seen = await screen.frames(90);
  const halts = await screen.flowed(HALT);
  for (const { h } of seen) assert.equal(h, low, 'height of the picture');
  const beeps = await screen.heard(2);
  for (const to of [seconds - 1.1, 8.9]) await screen.seek(to, low);
  const parts = await screen.whole(seconds);
  await screen.quiet();
  return { frames: seen.length, halts, beeps: beeps.map((b) => Math.round(1000 * b)), parts, top };
}

describe('hls.js', { concurrency: 2 }, () => {
  for (const [name, film] of Object.entries(films).filter(([name]) => name !== 'STILLS')) {
    test(`${name}: renditions up and down, and seeks`, async (t) => {
      const screen = await movies.open(t, 'hls', address(film), { ...small, startLevel: 0 });
      const result = await examine(screen, film);
      const [low, top] = [film.heights[0], film.heights.at(-1)];
      // A seek right after a switch: a moment later, into the next segment, far away and back.
      for (const [to, height] of [[5.3, top], [13.77, low], [film.seconds - 2.5, top], [0.4, low], [6.9, top]]) {
        await screen.level('currentLevel', height);
        await screen.seek(to, height);
      }
      // A switch right after a seek, while it plays, shortly before a cut: Chromium shows nothing new before it then
      // (hls.js, issue 6355). And one that waits for the end of the segment.
      for (const height of [low, top]) {
        await screen.seek(6.7);
        await screen.level('currentLevel', height, true);
        await screen.pause();
      }
      await screen.seek(6.1);
      await screen.level('nextLevel', low, true);
      await screen.level('nextLevel', top, true);
      await screen.pause();
      result.parts = await screen.whole(film.seconds);
      await screen.joins(film.seconds, film.cut);
      await screen.quiet();
      assert.ok(screen.places >= 8);
      t.diagnostic(JSON.stringify({ ...result, places: screen.places }));
    });
  }

  test('SPARSE: a line that becomes slow, and fast again', async (t) => {
    await made(films.SPARSE); // so that nothing but the line decides
    const line = await relay(t, MUX_BASE_URL);
    const screen = await movies.open(t, 'hls', address(films.SPARSE, line.base), {
      ...small, maxMaxBufferLength: 6, startLevel: 1, abrEwmaFastVoD: 1, abrEwmaSlowVoD: 2, testBandwidth: false, abrEwmaDefaultEstimate: 5e6,
    });
    const [low, top] = await screen.in(() => window.hls.levels.map((l) => l.bitrate));
    const shows = async (height) => {
      const end = performance.now() + screen.patience;
      while (performance.now() < end && !(await screen.in((h) => window.screen_.seen.at(-1)?.h === h, height))) {
        if (await screen.in(() => window.screen_.video.currentTime > 27)) await screen.seek(0.5);
        await screen.right();
        await new Promise((r) => setTimeout(r, 200)); // what it waits for is the film itself
      }
      assert.equal(await screen.in(() => window.screen_.seen.at(-1)?.h), height, 'height of the picture');
      await screen.right();
    };
    await screen.play();
    await shows(360);
    line.rate = (low + 0.4 * (top - low)) / 8;
    await shows(270);
    line.rate = Infinity;
    await shows(360);
    // hls.js notes where a segment took the place of the same one in another size.
    await screen.quiet(/bufferAppendNoProgress/);
    const halts = await screen.flowed(HALT);
    t.diagnostic(JSON.stringify({ low, top, halts, at: await screen.in(() => window.screen_.video.currentTime) }));
  });

  for (const [i, height] of films.STILLS.heights.entries()) {
    test(`STILLS: pictures that stand for seconds, in ${height}p`, async (t) => {
      const screen = await movies.open(t, 'hls', address(films.STILLS), { startLevel: i });
      await screen.in((i) => { window.hls.loadLevel = i; }, i);
      assert.deepEqual(await screen.heights(), films.STILLS.heights);
      // Five pictures a second but for two gaps (see stills in the Go test); which one stands at a time?
      const stands = (at) => (at < 11 ? Math.min(Math.floor(at * 5), 25) : at < 21 ? 26 + Math.min(Math.floor((at - 11) * 5), 20) : 47 + Math.floor((at - 21) * 5));
      for (const to of [8.3, 11.3, 20.5, 21.5, 4.1, 14.9, 6.1, 0.3]) {
        await screen.in((to) => { window.screen_.video.currentTime = to; }, to);
        await screen.until((n) => !window.screen_.video.seeking && window.read(window.screen_.video).n === n, stands(to));
      }
      await screen.play();
      await screen.until(() => window.screen_.video.ended);
      await screen.flowed(HALT);
      const { all } = await screen.in(() => window.buffered());
      assert.ok(all.length === 1 && all[0][0] < 0.05 && all[0][1] > 21.9, JSON.stringify(all));
      await screen.quiet(/bufferAppendNoProgress/); // hls.js notes what it had from the other size
    });
  }

  test('HEVC: what this browser plays is H.264', async (t) => {
    const text = await (await fetch(address(films.HEVC))).text();
    assert.match(text, /CODECS="hvc1\.[^"]*"[^\n]*RESOLUTION=640x360/);
    const screen = await movies.open(t, 'hls', address(films.HEVC), small);
    const codecs = await screen.in(() => window.hls.levels.map((l) => `${l.videoCodec.slice(0, 4)} ${l.height}`));
    assert.deepEqual(codecs, ['avc1 270', 'avc1 360']);
  });
});

describe('mux-player', { concurrency: 2 }, () => {
  /** Loads a film over https, and returns what it chooses from. */
  async function player(t, film, attributes) {
    const screen = await movies.open(t, 'mux', `playback-id="${film.id}" custom-domain="${CUSTOM_DOMAIN}" ${attributes}`);
    await screen.in(() => { window.hls = document.querySelector('mux-player')._hls; });
    return screen;
  }

  const cases = {
    'VP9, as it is': { film: films.VP9, heights: [270, 360] },
    'LONG, max-resolution': { film: films.LONG, attributes: 'max-resolution="480p"', heights: [270, 360, 480] },
    'LONG, min-resolution and rendition-order': {
      film: films.LONG, attributes: 'min-resolution="480p" rendition-order="desc"', heights: [480, 720], first: 720,
    },
    'SPARSE, asset-start-time and asset-end-time': {
      film: films.SPARSE, attributes: 'asset-start-time="9" asset-end-time="19"', heights: [270, 360], clip: [8, 20],
    },
    'OPEN, extra-source-params': {
      film: films.OPEN, attributes: 'extra-source-params="max_resolution=270p&amp;asset_start_time=13"', heights: [270], clip: [12, 24],
    },
    HEVC: { film: films.HEVC, heights: [270, 360] },
  };
  for (const [name, { film, attributes = '', heights, first, clip = [0, film.seconds] }] of Object.entries(cases)) {
    test(name, async (t) => {
      const screen = await player(t, film, attributes);
      screen.from = clip[0] * FPS;
      const length = clip[1] - clip[0];
      assert.deepEqual(await screen.heights(), heights);
      if (first) assert.equal(await screen.in(() => window.hls.levels[window.hls.firstLevel].height), first);
      assert.ok(Math.abs((await screen.in(() => window.screen_.video.duration)) - length) < 0.1);
      await screen.frames(20);
      for (const [i, to] of [length - 1.7, 0.3, 6.45].entries()) {
        const height = heights[i % heights.length];
        await screen.level('currentLevel', height);
        await screen.seek(to, height);
      }
      await screen.quiet();
    });
  }
});

// What makes the examination fail: the same one, of a film that plays well, behind a line that makes one thing wrong.
describe('a fault is found', { concurrency: 2 }, () => {
  const film = films.OPEN;
  /** Segments of sound and of the rendition that is examined. */
  const parts = (path) => {
    const [, name, n] = /\/(audio|270p[^/]*)\/(\d+)\.m4s/.exec(path) ?? [];
    return name && { name: name.slice(0, 4), n: Number(n), other: (k) => path.replace(/\d+\.m4s/, `${k}.m4s`) };
  };
  const at = (name, n, fault) => (path) => {
    const part = parts(path);
    return part && part.name === name && (n === undefined || part.n === n) ? fault(part, path) : undefined;
  };
  /** Until the player was told: a request that it gives up itself, for a seek, tells it nothing. */
  const untilSeen = (status, wrong) => (path, screen) => (screen?.refused.some((text) => text.startsWith(status)) ? undefined : wrong(path));
  const FRAME = 512; // ticks
  const faults = {
    'two segments are exchanged': [at('270p', 1, (p) => ({ path: p.other(2) })), /the picture shown at|buffered|begins .* ms after/],
    'a segment has the pictures of another one': [at('270p', 1, (p) => ({
      change: async (body, fetched) => {
        const other = await fetched(p.other(2));
        return moved(other, decodeTime(body) - decodeTime(other));
      },
    })), /the picture shown at/],
    'a segment is a picture late': [at('270p', 3, (p) => ({ change: (body) => moved(body, FRAME) })), /begins .* ms after|buffered|picture/],
    'the sound is late': [at('audi', undefined, () => ({ change: (body) => moved(body, 0.3 * 48000) })), /a beep|begins .* ms after|buffered/],
    'a rendition is another one': [(path) => (/\/270p/.test(path) ? { path: path.replace(/e\d+\/270p[^/]*/, 'p2/video') } : undefined), /waited in vain|height/],
    'a segment is refused once': [untilSeen(500, at('270p', 2, () => ({ status: 500 }))), /fragLoadError|500/],
    'a segment comes late': [at('270p', 1, () => ({ hold: 8000 })), /halted for/],
  };
  for (const [name, [wrong, message]] of Object.entries(faults)) {
    test(name, async (t) => {
      let screen;
      const line = await relay(t, MUX_BASE_URL, { wrong: (path) => wrong(path, screen) });
      screen = await movies.open(t, 'hls', address(film, line.base), { ...small, startLevel: 0 });
      screen.patience = name === 'a rendition is another one' ? 10_000 : 30_000; // it is waited for in vain
      await assert.rejects(examine(screen, film), (e) => {
        t.diagnostic(e.message.slice(0, 160).replaceAll('\n', ' '));
        return message.test(e.message);
      });
    });
  }
});

// Last, because it is felt by all films.
describe('derived things', () => {
  // OPEN first: a film whose base is not there cannot be opened anew before it is.
  for (const name of ['OPEN', 'LONG']) {
    test(`${name}: what is derived is removed while it plays`, async (t) => {
      const film = films[name];
      const screen = await movies.open(t, 'hls', address(film), { ...small, startLevel: 0 });
      await screen.level('currentLevel', film.heights.at(-1));
      await screen.seek(1.5, film.heights.at(-1));
      await screen.play();
      assert.ok((await readdir(DERIVED)).length > 0, 'nothing was derived');
      const empty = async () => {
        const names = await readdir(DERIVED);
        // More may be made while it goes.
        await Promise.all(names.map((n) => rm(path.join(DERIVED, n), { recursive: true, force: true, maxRetries: 20, retryDelay: 20 })));
      };
      // The base that OPEN's pictures are cut from is encoded again, which takes its time: that is done once.
      for (const [to, height] of name === 'OPEN' ? [] : [[24.5, 270], [0.7, 360], [13.2, 270]]) {
        await empty();
        await screen.level('currentLevel', height);
        await screen.seek(to, height);
      }
      await empty();
      // The highest one that has to be encoded, and that nobody has looked at since.
      await screen.level('currentLevel', film.heights.at(-2));
      await screen.seek(9.3, film.heights.at(-2));
      await screen.frames(30);
      for (let i = 0; (await readdir(DERIVED)).length === 0; i++) {
        assert.ok(i < 100, 'nothing was derived again');
        await new Promise((r) => setTimeout(r, 100)); // it is kept beside being sent
      }
      // Until the base is there again, players are told to ask later, and do.
      await screen.quiet(name === 'OPEN' ? /503/ : undefined);
    });
  }
});
