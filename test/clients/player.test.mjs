// A film with a burned-in frame counter, played in a real Chromium by hls.js and by mux-player: the picture that is
// shown must be the picture of its time, while it plays and after seeks, and no player may report an error.
// Needs MUX_* of a running `filmcan dev --tls`, COUNTER_URL (a film of 60 s at 30 frames a second, see filmtest/films)
// and CUSTOM_DOMAIN.
import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';
import Mux from '@mux/mux-node';
import { chromium } from 'playwright-core';

const { COUNTER_URL, CUSTOM_DOMAIN, MUX_BASE_URL, CHROMIUM = '/usr/bin/chromium' } = process.env;
const FPS = 30;
const modules = path.dirname(path.dirname(createRequire(import.meta.url).resolve('hls.js')));
const scripts = {
  '/hls.js': path.join(modules, 'dist/hls.js'),
  '/mux-player.js': path.join(path.dirname(modules), '@mux/mux-player/dist/mux-player.js'),
};

// Runs in the page. Frames are read when the browser says that it shows them, with the time that it shows them for.
const probe = () => {
  window.problems = [];
  window.seen = [];
  window.read = (video) => {
    const w = 480, h = Math.round((w * video.videoHeight) / video.videoWidth);
    const canvas = (window.canvas ??= Object.assign(document.createElement('canvas'), { width: w, height: h }));
    const g = canvas.getContext('2d', { willReadFrequently: true });
    g.drawImage(video, 0, 0, w, h);
    const cell = w / 24;
    const bit = (c) => (g.getImageData(Math.floor((c + 0.5) * cell), Math.floor(cell / 2), 1, 1).data[1] > 127 ? 1 : 0);
    let n = 0;
    for (let c = 2; c < 22; c++) n = n * 2 + bit(c);
    const parity = bit(22) * 2 + bit(23);
    return bit(0) === 1 && bit(1) === 0 && parity === n % 3 ? n : -1;
  };
  window.watch = (video) => {
    window.video = video;
    video.muted = true;
    video.addEventListener('error', () => window.problems.push(`video error ${video.error?.message}`));
    const each = (_, { mediaTime }) => {
      window.seen.push({ t: mediaTime, n: window.read(video) });
      video.requestVideoFrameCallback(each);
    };
    video.requestVideoFrameCallback(each);
  };
};

const page = (kind, src) => `<!doctype html><meta charset="utf-8"><body style="margin:0">
<script>(${probe})()</script>
${kind === 'hls' ? `<video width="640" height="360" playsinline></video><script src="/hls.js"></script><script>
  const hls = new Hls();
  hls.on(Hls.Events.ERROR, (_, e) => window.problems.push('hls ' + e.type + ' ' + e.details + ' ' + (e.reason ?? e.error?.message ?? '')));
  hls.loadSource(${JSON.stringify(src)});
  const v = document.querySelector('video');
  hls.attachMedia(v);
  watch(v);
</script>` : `<mux-player ${src} muted disable-tracking disable-cookies style="width:640px;height:360px"></mux-player>
<script src="/mux-player.js"></script><script>
  const p = document.querySelector('mux-player');
  p.addEventListener('error', (e) => window.problems.push('mux-player ' + (e.detail?.message ?? p.error?.message)));
  const find = () => p.media?.nativeEl ? watch(p.media.nativeEl) : requestAnimationFrame(find);
  find();
</script>`}`;

let browser, server, asset, origin;
const mux = new Mux();

before(async () => {
  browser = await chromium.launch({
    executablePath: CHROMIUM, headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required'],
  });
  server = createServer((req, res) => {
    const url = new URL(req.url, 'http://localhost');
    if (scripts[url.pathname]) {
      res.writeHead(200, { 'content-type': 'text/javascript' });
      createReadStream(scripts[url.pathname]).pipe(res);
    } else if (url.pathname === '/page') {
      res.writeHead(200, { 'content-type': 'text/html' }).end(page(url.searchParams.get('kind'), url.searchParams.get('src')));
    } else res.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await new Promise((r) => server.once('listening', r));
  origin = `http://localhost:${server.address().port}`;
  asset = await mux.video.assets.create({ inputs: [{ url: COUNTER_URL }], playback_policies: ['public'] });
  while (asset.status === 'preparing') {
    await new Promise((r) => setTimeout(r, 100));
    asset = await mux.video.assets.retrieve(asset.id);
  }
  assert.equal(asset.status, 'ready', JSON.stringify(asset.errors));
});

after(async () => {
  await browser?.close();
  server?.close();
});

async function plays(t, kind, src) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  t.after(() => context.close());
  const tab = await context.newPage();
  const failed = [];
  tab.on('response', (r) => {
    // What this version does not have yet (pictures, storyboards) is asked for by the player and refused.
    if (r.status() >= 400 && /\.(m3u8|mp4|m4s)(\?|$)/.test(r.url())) failed.push(`${r.status()} ${r.url()}`);
  });
  await tab.goto(`${origin}/page?kind=${kind}&src=${encodeURIComponent(src)}`);
  await tab.waitForFunction(() => window.video?.readyState >= 3, null, { timeout: 30_000 });
  await tab.evaluate(() => window.video.play());
  // Ten places while it plays.
  await tab.waitForFunction(() => window.seen.filter((s) => s.n >= 0).length >= 10, null, { timeout: 30_000 });
  await tab.evaluate(() => window.video.pause());
  const playing = await tab.evaluate(() => window.seen.slice(0));
  right(playing);
  // Five seeks, far apart, forwards and backwards, one near the end.
  for (const to of [31.5, 4.25, 58.9, 17.333, 44.01]) {
    await tab.evaluate(async (to) => {
      window.seen.length = 0;
      const done = new Promise((r) => window.video.addEventListener('seeked', r, { once: true }));
      window.video.currentTime = to;
      await done;
    }, to);
    await tab.waitForFunction(() => window.seen.length > 0, null, { timeout: 30_000 });
    const shown = await tab.evaluate(() => window.seen.slice(0));
    right(shown);
    assert.equal(shown.at(-1).n, Math.floor(to * FPS + 1e-6), `after a seek to ${to}`);
  }
  const { problems, duration, buffered } = await tab.evaluate(() => ({
    problems: window.problems, duration: window.video.duration,
    buffered: [...Array(window.video.buffered.length).keys()].map((i) => [window.video.buffered.start(i), window.video.buffered.end(i)]),
  }));
  assert.deepEqual(problems, []);
  assert.deepEqual(failed, []);
  assert.ok(Math.abs(duration - 60) < 0.1, `duration ${duration}`);
  t.diagnostic(`${playing.length} frames read while playing, buffered ${JSON.stringify(buffered)}`);
}

/** Every frame that was shown carries the number of its time. */
function right(seen) {
  for (const { t, n } of seen) assert.equal(n, Math.round(t * FPS), `the picture shown at ${t} s`);
}

test('hls.js', (t) => plays(t, 'hls', `${MUX_BASE_URL}/${asset.playback_ids[0].id}.m3u8`));
test('mux-player with src over http', (t) => plays(t, 'mux', `src="${MUX_BASE_URL}/${asset.playback_ids[0].id}.m3u8"`));
test('mux-player with playback-id over https', (t) =>
  plays(t, 'mux', `playback-id="${asset.playback_ids[0].id}" custom-domain="${CUSTOM_DOMAIN}"`));
