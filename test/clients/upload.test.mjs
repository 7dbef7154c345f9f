// UpChunk and mux-uploader in a real Chromium, sending films through a line that resets, drops and stalls in the middle
// of chunks: pause and resume, a page that is loaded again, a browser that is offline for a while. What counts is the
// sha256 of the master. Needs MUX_* of a running `filmcan dev`, FILM (a path, about 200 MB) with FILM_SHA256, and SMALL
// and OTHER (some 10 MB, different films of one length) with SMALL_SHA256 and OTHER_SHA256. With NODES (base URLs with
// commas between them) each connection of the line goes to the next of these servers.
import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import Mux from '@mux/mux-node';
import { chromium } from 'playwright-core';

const { FILM, FILM_SHA256, SMALL, SMALL_SHA256, OTHER, OTHER_SHA256, MUX_BASE_URL, NODES, CHROMIUM = '/usr/bin/chromium' } = process.env;
const MB = 1e6;
const modules = path.dirname(path.dirname(createRequire(import.meta.url).resolve('hls.js')));
const scripts = {
  '/upchunk.js': path.join(path.dirname(modules), '@mux/upchunk/dist/upchunk.js'),
  '/mux-uploader.js': path.join(path.dirname(modules), '@mux/mux-uploader/dist/mux-uploader.js'),
};

/**
 * A line to the server, of bytes. `plan` is a list of {after, kind}: after so many bytes from the browser, counted over
 * all connections, the connection that carries them is `reset`, `dropped` (an end without an answer), `stalled` for two
 * seconds and then reset, or `slow`: stalled for two seconds, and then it goes on.
 */
function line(t, { plan = [], rate = 0 } = {}) {
  const upstreams = (NODES ?? MUX_BASE_URL).split(',').map((u) => new URL(u));
  let connections = 0;
  const state = { carried: 0, met: [] };
  const sockets = new Set();
  const server = net.createServer((client) => {
    const upstream = upstreams[connections++ % upstreams.length];
    const target = net.connect(upstream.port, upstream.hostname);
    for (const s of [client, target]) {
      sockets.add(s);
      s.on('close', () => { sockets.delete(s); client.destroy(); target.destroy(); });
      s.on('error', () => {});
    }
    target.pipe(client);
    client.on('data', (data) => {
      state.carried += data.length;
      const next = plan[0];
      if (next && state.carried >= next.after) {
        plan.shift();
        state.met.push(next.kind);
        target.write(data.subarray(0, data.length >> 1)); // a cut is never where a request ends
        if (next.kind === 'reset') return client.resetAndDestroy();
        if (next.kind === 'dropped') return client.destroy();
        client.pause();
        setTimeout(() => {
          if (next.kind === 'stalled') return client.resetAndDestroy();
          target.write(data.subarray(data.length >> 1));
          client.resume();
        }, 2000);
        return;
      }
      const full = !target.write(data);
      if (full || rate) {
        client.pause();
        const go = () => client.resume();
        if (full) target.once('drain', rate ? () => setTimeout(go, (1000 * data.length) / rate) : go);
        else setTimeout(go, (1000 * data.length) / rate);
      }
    });
  }).listen(0, '127.0.0.1');
  t.after(() => { sockets.forEach((s) => s.destroy()); server.close(); });
  state.link = (url) => {
    const u = new URL(url);
    u.host = `127.0.0.1:${server.address().port}`;
    return u.href;
  };
  return new Promise((r) => server.once('listening', () => r(state)));
}

/** Trouble of every kind in turn, about every 30 MB. */
const trouble = () => [12, 41, 73, 104, 131, 166, 189].map((mb, i) => (
  { after: mb * MB, kind: ['reset', 'stalled', 'dropped', 'slow'][i % 4] }));

// Runs in the page.
const helpers = () => {
  window.heard = [];
  window.file = () => document.querySelector('#file').files[0];
  window.upchunk = (endpoint, options) => {
    const u = (window.u = UpChunk.createUpload({ endpoint, file: window.file(), chunkSize: 8192, delayBeforeAttempt: 0.2, ...options }));
    for (const name of ['attempt', 'attemptFailure', 'chunkSuccess', 'error', 'offline', 'online', 'success']) {
      u.on(name, (e) => window.heard.push({ name, detail: JSON.stringify(e.detail ?? null) }));
    }
    u.on('progress', (e) => { window.percent = e.detail; });
  };
  window.muxUploader = (endpoint) => {
    const u = document.querySelector('mux-uploader');
    u.endpoint = endpoint;
    for (const name of ['uploadstart', 'chunkattempt', 'chunksuccess', 'uploaderror', 'success']) {
      u.addEventListener(name, (e) => window.heard.push({ name, detail: JSON.stringify(e.detail?.message ?? null) }));
    }
    u.addEventListener('progress', (e) => { window.percent = e.detail; });
    u.dispatchEvent(new CustomEvent('file-ready', { composed: true, bubbles: true, detail: window.file() }));
  };
};
const page = `<!doctype html><meta charset="utf-8"><input type="file" id="file"><mux-uploader chunk-size="8192"></mux-uploader>
<script src="/upchunk.js"></script><script src="/mux-uploader.js"></script><script>(${helpers})()</script>`;

let browser, server, origin;
const mux = new Mux();

before(async () => {
  browser = await chromium.launch({
    executablePath: CHROMIUM, headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
  server = createServer((req, res) => {
    const { pathname } = new URL(req.url, 'http://localhost');
    if (scripts[pathname]) {
      res.writeHead(200, { 'content-type': 'text/javascript' });
      createReadStream(scripts[pathname]).pipe(res);
    } else if (pathname === '/page') res.writeHead(200, { 'content-type': 'text/html' }).end(page);
    else res.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await new Promise((r) => server.once('listening', r));
  origin = `http://localhost:${server.address().port}`;
});

after(async () => {
  await browser?.close();
  server?.close();
});

/** A tab with the page, a new upload for that page alone, and a line to it. */
async function setup(t, options) {
  const context = await browser.newContext();
  t.after(() => context.close());
  const tab = await context.newPage();
  await tab.goto(`${origin}/page`);
  const upload = await mux.video.uploads.create({
    cors_origin: origin, new_asset_settings: { playback_policies: ['public'], master_access: 'temporary' },
  });
  const way = await line(t, options);
  return { context, tab, upload, way, endpoint: way.link(upload.url) };
}

const heard = (tab) => tab.evaluate(() => window.heard);
const beyond = (tab, percent) => tab.waitForFunction((p) => window.percent > p, percent, { timeout: 60_000, polling: 20 });

/** Waits for the success event, with no error before it. */
async function succeeds(tab) {
  await tab.waitForFunction(() => window.heard.some((e) => /^(success|error|uploaderror)$/.test(e.name)), null, { timeout: 100_000 });
  const all = await heard(tab);
  assert.deepEqual(all.filter((e) => /error/.test(e.name)), [], JSON.stringify(all));
  return all;
}

/** The upload is one asset, and its master is the file. */
async function isWhole(upload, sha256) {
  let u = await mux.video.uploads.retrieve(upload.id);
  assert.equal(u.status, 'asset_created', JSON.stringify(u));
  let asset = await mux.video.assets.retrieve(u.asset_id);
  while (asset.status === 'preparing') {
    await new Promise((r) => setTimeout(r, 50));
    asset = await mux.video.assets.retrieve(u.asset_id);
  }
  assert.equal(asset.status, 'ready', JSON.stringify(asset.errors));
  assert.equal(asset.master.sha256, sha256);
  const { data } = await mux.video.assets.list({ upload_id: upload.id });
  assert.equal(data.length, 1, 'one upload, one asset');
}

test('UpChunk through trouble', async (t) => {
  const { tab, upload, way, endpoint } = await setup(t, { plan: trouble() });
  await tab.setInputFiles('#file', FILM);
  await tab.evaluate((endpoint) => window.upchunk(endpoint), endpoint);
  await succeeds(tab);
  await isWhole(upload, FILM_SHA256);
  assert.equal(way.met.length, 7, `met ${way.met}`);
  assert.ok(way.carried > 200 * MB + 8 * MB, `${way.carried} bytes: nothing had to be sent again`);
  t.diagnostic(`${way.met}; ${Math.round(way.carried / MB)} MB carried`);
});

test('mux-uploader through trouble', async (t) => {
  const { tab, upload, way, endpoint } = await setup(t, { plan: trouble() });
  await tab.setInputFiles('#file', FILM);
  await tab.evaluate((endpoint) => window.muxUploader(endpoint), endpoint);
  await succeeds(tab);
  await isWhole(upload, FILM_SHA256);
  assert.equal(way.met.length, 7, `met ${way.met}`);
  t.diagnostic(`${way.met}; ${Math.round(way.carried / MB)} MB carried`);
});

test('pause and resume', async (t) => {
  const { tab, upload, way, endpoint } = await setup(t, { rate: 8 * MB });
  await tab.setInputFiles('#file', SMALL);
  await tab.evaluate((endpoint) => window.upchunk(endpoint, { chunkSize: 512 }), endpoint);
  await beyond(tab, 20);
  await tab.evaluate(() => window.u.pause());
  const paused = way.carried;
  await new Promise((r) => setTimeout(r, 1000));
  assert.ok(way.carried - paused < 2 * MB, `${way.carried - paused} bytes came while it was paused`);
  assert.ok(!(await heard(tab)).some((e) => e.name === 'success'));
  await tab.evaluate(() => window.u.resume());
  await succeeds(tab);
  await isWhole(upload, SMALL_SHA256);
});

test('the page is loaded again', async (t) => {
  for (const [what, file, sha256] of [['the same file', SMALL, SMALL_SHA256], ['another file', OTHER, OTHER_SHA256]]) {
    const { tab, upload, endpoint } = await setup(t, { rate: 8 * MB });
    await tab.setInputFiles('#file', SMALL);
    await tab.evaluate((endpoint) => window.upchunk(endpoint, { chunkSize: 512 }), endpoint);
    await beyond(tab, 40);
    await tab.reload();
    await tab.setInputFiles('#file', file);
    await tab.evaluate((endpoint) => window.upchunk(endpoint, { chunkSize: 1024 }), endpoint);
    await succeeds(tab);
    await t.test(what, () => isWhole(upload, sha256));
  }
});

test('offline and back', async (t) => {
  const { context, tab, upload, endpoint } = await setup(t, { rate: 8 * MB });
  await tab.setInputFiles('#file', SMALL);
  await tab.evaluate((endpoint) => window.upchunk(endpoint, { chunkSize: 512 }), endpoint);
  await beyond(tab, 20);
  // The browser may break the request first and tell of it afterwards, which ends UpChunk for good, as it would anywhere.
  await tab.evaluate(() => window.dispatchEvent(new Event('offline')));
  await context.setOffline(true);
  await tab.waitForFunction(() => window.heard.some((e) => e.name === 'offline'));
  await new Promise((r) => setTimeout(r, 1000));
  assert.ok(!(await heard(tab)).some((e) => e.name === 'success'));
  await context.setOffline(false);
  const all = await succeeds(tab);
  assert.ok(all.some((e) => e.name === 'online'));
  await isWhole(upload, SMALL_SHA256);
});

test('another page may not read the answers', async (t) => {
  const { tab, upload, endpoint } = await setup(t);
  await tab.goto(origin.replace('localhost', '127.0.0.1') + '/page');
  await tab.setInputFiles('#file', SMALL);
  await tab.evaluate((endpoint) => window.upchunk(endpoint, { attempts: 1 }), endpoint);
  await tab.waitForFunction(() => window.heard.some((e) => e.name === 'error'), null, { timeout: 20_000 });
  assert.equal((await mux.video.uploads.retrieve(upload.id)).status, 'waiting');
});
