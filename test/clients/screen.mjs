// A real Chromium with hls.js or mux-player in it, and what can be seen of a film there: which picture is shown at what
// time and in what size, what is heard when, what is buffered, where playing halted, and what went wrong. The films carry
// a burned-in frame counter (see filmtest/films).
import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { chromium } from 'playwright-core';

export const FPS = 30;
/** How long anything may take on a machine that does other things as well. */
export const PATIENCE = Number(process.env.PATIENCE ?? 90) * 1000;

const modules = path.dirname(path.dirname(createRequire(import.meta.url).resolve('hls.js')));
const scripts = {
  '/hls.js': path.join(modules, 'dist/hls.js'),
  '/mux-player.js': path.join(path.dirname(modules), '@mux/mux-player/dist/mux-player.js'),
};

// Runs in the page. Frames are read when the browser says that it shows them, with the time that it shows them for.
const probe = () => {
  const s = (window.screen_ = {
    problems: [], // what players report
    seen: [], // pictures that were shown: time, number, height
    halts: [], // where it waited for more to play, when it was neither seeking nor switching
    parts: [], // segments as they lie in the buffer
    beeps: [], // when a beep begins, on the sound's clock
    clock: [], // pairs of the film's time and the sound's clock
    sources: [],
    excused: false, // a wait is none of the film's: it was asked for
  });
  const add = MediaSource.prototype.addSourceBuffer;
  MediaSource.prototype.addSourceBuffer = function (type) {
    const buffer = add.call(this, type);
    s.sources.push({ type, buffer });
    return buffer;
  };
  const ranges = (b) => [...Array(b.length).keys()].map((i) => [b.start(i), b.end(i)]);
  window.buffered = () => ({
    all: ranges(s.video.buffered), duration: s.video.duration,
    sources: s.sources.map(({ type, buffer }) => { try { return { type, ranges: ranges(buffer.buffered) }; } catch { return null; } }).filter(Boolean),
  });
  // Reads the picture that the element shows now: its time, its number, its height. It may be a later one than that for
  // which the browser called, so both are taken from the same picture.
  window.read = (video) => {
    const w = 480, cell = w / 24;
    const canvas = (window.canvas ??= Object.assign(document.createElement('canvas'), { width: w, height: cell }));
    const g = (window.pen ??= canvas.getContext('2d', { willReadFrequently: true }));
    const frame = new VideoFrame(video);
    const t = frame.timestamp / 1e6, h = frame.displayHeight;
    g.drawImage(frame, 0, 0, w, Math.round((w * h) / frame.displayWidth));
    frame.close();
    const { data } = g.getImageData(0, cell / 2, w, 1);
    const bit = (c) => (data[4 * Math.floor((c + 0.5) * cell) + 1] > 127 ? 1 : 0);
    let n = 0;
    for (let c = 2; c < 22; c++) n = n * 2 + bit(c);
    const parity = bit(22) * 2 + bit(23);
    return { t, h, n: bit(0) === 1 && bit(1) === 0 && parity === n % 3 ? n : -1 };
  };
  window.watch = (video) => {
    s.video = video;
    video.muted = true;
    video.addEventListener('error', () => s.problems.push(`video error ${video.error?.message}`));
    let halt = null;
    video.addEventListener('waiting', () => {
      if (!s.excused && !video.seeking && !video.ended && s.seen.length > 0) halt ??= { at: video.currentTime, since: performance.now() };
    });
    const each = () => {
      video.requestVideoFrameCallback(each);
      if (halt) s.halts.push({ at: halt.at, ms: performance.now() - halt.since });
      halt = null;
      try {
        s.seen.push(window.read(video));
      } catch (e) {
        if (e.name !== 'InvalidStateError') throw e; // the buffer was emptied for a switch meanwhile
      }
      if (s.sound && !video.paused) s.clock.push([video.currentTime, s.sound.currentTime]);
    };
    video.requestVideoFrameCallback(each);
  };
  window.follow = (hls) => {
    window.hls = hls;
    const { Events } = Hls;
    hls.on(Events.ERROR, (_, e) => {
      // A halt is measured, see above; a load that a switch or a seek makes needless is ended by hls.js itself.
      if (e.details !== 'bufferStalledError' && e.details !== 'aborted') s.problems.push(`hls ${e.type} ${e.details} ${e.reason ?? e.error?.message ?? ''}`);
    });
    hls.on(Events.FRAG_BUFFERED, (_, { frag }) => {
      for (const [kind, p] of Object.entries(frag.elementaryStreams)) {
        if (p) s.parts.push({ kind, sn: frag.sn, level: frag.level, start: p.startPTS, end: p.endPTS });
      }
    });
  };
  // Listens for the beeps of 1 kHz that begin each second: loud against the tone below them.
  window.listen = async () => {
    if (s.sound) return;
    const ear = `registerProcessor('ear', class extends AudioWorkletProcessor {
      process([[x]]) {
        const loud = x ? x.some((v) => Math.abs(v) > 0.2) : false;
        if (loud && this.quiet > 20) this.port.postMessage(currentTime);
        this.quiet = loud ? 0 : (this.quiet ?? 0) + 1;
        return true;
      }
    })`;
    const sound = new AudioContext();
    await sound.audioWorklet.addModule(URL.createObjectURL(new Blob([ear], { type: 'text/javascript' })));
    const node = new AudioWorkletNode(sound, 'ear');
    node.port.onmessage = (e) => s.beeps.push(e.data);
    const mute = new GainNode(sound, { gain: 0 });
    sound.createMediaElementSource(s.video).connect(node).connect(mute).connect(sound.destination);
    s.video.muted = false;
    await sound.resume();
    s.sound = sound;
  };
};

const page = (kind, src, config) => `<!doctype html><meta charset="utf-8"><body style="margin:0">
<script>(${probe})()</script>
${kind === 'hls' ? `<video width="640" height="360" playsinline></video><script src="/hls.js"></script><script>
  const v = document.querySelector('video');
  watch(v);
  follow(new Hls(${config}));
  hls.loadSource(${JSON.stringify(src)});
  hls.attachMedia(v);
</script>` : `<mux-player ${src} muted disable-tracking disable-cookies style="width:640px;height:360px"></mux-player>
<script src="/mux-player.js"></script><script>
  const p = document.querySelector('mux-player');
  p.addEventListener('error', (e) => screen_.problems.push('mux-player ' + (e.detail?.message ?? p.error?.message)));
  const find = () => p.media?.nativeEl ? watch(p.media.nativeEl) : requestAnimationFrame(find);
  find();
</script>`}`;

/** Starts a browser and the server of its pages; close it when all is seen. */
export async function cinema() {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--mute-audio',
      '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required'],
  });
  const server = createServer((req, res) => {
    const url = new URL(req.url, 'http://localhost');
    if (scripts[url.pathname]) {
      res.writeHead(200, { 'content-type': 'text/javascript' });
      createReadStream(scripts[url.pathname]).pipe(res);
    } else if (url.pathname === '/page') {
      const q = url.searchParams;
      res.writeHead(200, { 'content-type': 'text/html' }).end(page(q.get('kind'), q.get('src'), q.get('config')));
    } else res.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await new Promise((r) => server.once('listening', r));
  const origin = `http://localhost:${server.address().port}`;
  return {
    /** Opens a tab in which hls.js (`hls`, src a URL) or mux-player (`mux`, src its attributes) loads a film. */
    async open(t, kind, src, config = {}) {
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      t.after(() => context.close());
      const tab = await context.newPage();
      const cdp = await context.newCDPSession(tab);
      await cdp.send('Network.setCacheDisabled', { cacheDisabled: true }); // each look is at what the server has
      const screen = new Screen(tab);
      const query = new URLSearchParams({ kind, src, config: JSON.stringify(config) });
      await tab.goto(`${origin}/page?${query}`);
      await screen.until(() => window.screen_.video?.readyState >= 3 || window.screen_.problems.length > 0);
      return screen;
    },
    async close() {
      await browser.close();
      server.close();
    },
  };
}

/** A tab with a film. `from` is the number of the picture at time 0. */
export class Screen {
  constructor(tab) {
    this.tab = tab;
    this.from = 0;
    this.patience = PATIENCE;
    this.places = 0; // where pictures were read after a seek or a switch
    this.refused = []; // requests, and what went wrong in the page
    this.open = 0; // requests under way
    this.calm = 0; // since when there are none
    tab.on('request', () => { this.open++; });
    for (const end of ['requestfinished', 'requestfailed']) tab.on(end, () => { this.open--; this.calm = performance.now(); });
    tab.on('pageerror', (e) => this.refused.push(String(e)));
    tab.on('response', (r) => {
      // What this version does not have yet (pictures, storyboards) is asked for by the player and refused.
      if (r.status() >= 400 && /\.(m3u8|mp4|m4s)(\?|$)/.test(r.url())) this.refused.push(`${r.status()} ${r.url()}`);
    });
  }

  /** Calls f in the page. */
  in(f, arg) { return this.tab.evaluate(f, arg); }

  /** Waits until f is true in the page. */
  async until(f, arg) {
    try {
      await this.tab.waitForFunction(f, arg, { timeout: this.patience, polling: 50 });
    } catch (e) {
      const state = await this.tab.evaluate(() => {
        const { problems, seen, video, halts } = window.screen_;
        return { problems, halts, last: seen.slice(-3), t: video?.currentTime, ready: video?.readyState, seeking: video?.seeking,
          paused: video?.paused, buffered: video && window.buffered().all, level: window.hls?.currentLevel, load: window.hls?.loadLevel,
          pictures: video?.getVideoPlaybackQuality(), height: video?.videoHeight, now: (() => { try { return window.read(video); } catch (e) { return String(e); } })() };
      });
      throw new Error(`waited in vain for ${f} ${JSON.stringify(arg) ?? ''}: ${JSON.stringify({ ...state, refused: this.refused })}`, { cause: e });
    }
  }

  play() { return this.in(() => window.screen_.video.play()); }
  pause() { return this.in(() => window.screen_.video.pause()); }
  forget() { return this.in(() => { window.screen_.seen.length = 0; }); }

  /** Every picture that was shown since `forget` is that of its time. Returns them. */
  async right() {
    const seen = await this.in(() => window.screen_.seen.slice());
    for (const { t, n } of seen) assert.equal(n - this.from, Math.round(t * FPS), `the picture shown at ${t} s`);
    return seen;
  }

  /** Plays until so many pictures were shown from now on, all of which must be right; then it is halted. */
  async frames(count) {
    await this.forget();
    await this.play();
    await this.until((count) => window.screen_.seen.length >= count, count);
    await this.pause();
    return this.right();
  }

  /** Seeks, and the picture of that time must be the one that is shown then, in that height if one is given. */
  async seek(to, height) {
    to = (Math.floor(to * FPS + 1e-6) + 0.5) / FPS; // to the middle of a picture: players have their own way of rounding
    await this.in((to) => {
      const s = window.screen_;
      s.seen.length = 0;
      s.excused = true;
      s.video.currentTime = to;
    }, to);
    // The old rendition, and the old place, may be shown once more.
    const n = Math.floor(to * FPS);
    await this.until(([n, height]) => {
      const { video, seen } = window.screen_;
      const at = (s) => Math.round(s.t * 30) - n;
      return !video.seeking && seen.some((s) => (video.paused ? at(s) === 0 : at(s) >= 0 && at(s) < 30) && (!height || s.h === height));
    }, [n, height]).catch(async (e) => {
      await this.right(); // a wrong picture says more than that the right one did not come
      throw e;
    });
    const seen = await this.right();
    await this.in(() => { window.screen_.excused = false; });
    if (await this.in(() => window.screen_.video.paused)) assert.equal(seen.at(-1).n - this.from, n, `after a seek to ${to}`);
    this.places++;
    return seen;
  }

  /** The renditions that the player chooses from, as heights, lowest first. */
  heights() { return this.in(() => window.hls.levels.map((l) => l.height)); }

  /**
   * Makes hls.js play the rendition of that height: `currentLevel` at once, `nextLevel` after the segment that plays.
   * All pictures must be right until one of that height is shown.
   */
  async level(how, height, playing = false) {
    await this.forget();
    await this.in(([how, height]) => {
      const { hls } = window;
      window.screen_.excused = true;
      const index = hls.levels.findIndex((l) => l.height === height);
      window.screen_.flushed = how !== 'currentLevel' || window.screen_.video.buffered.length === 0 || hls.currentLevel === index;
      setTimeout(() => { window.screen_.flushed = true; }, 5000); // there was nothing to empty; the height tells
      const flushed = (_, { type }) => {
        if (type !== 'video') return;
        window.screen_.flushed = true;
        hls.off('hlsBufferFlushed', flushed);
      };
      hls.on('hlsBufferFlushed', flushed);
      hls[how] = index;
    }, [how, height]);
    // What is sought before the buffer is empty would be shown from it, and then nothing new before the next key frame.
    await this.until(() => window.screen_.flushed);
    if (!playing) return;
    await this.play();
    await this.until((height) => window.screen_.seen.at(-1)?.h === height, height);
    await this.in(() => { window.screen_.excused = false; });
    await this.right();
    this.places++;
  }

  /** The sound's beeps come at whole seconds of what has been played since `listen`. */
  async heard(least) {
    const { beeps, clock } = await this.in(() => ({ beeps: window.screen_.beeps.slice(), clock: window.screen_.clock.slice() }));
    const at = [];
    for (const b of beeps) {
      const near = clock.filter(([, c]) => Math.abs(c - b) < 0.5).map(([film, c]) => film - c).sort((a, b) => a - b);
      if (near.length < 5) continue;
      const film = b + near[near.length >> 1];
      at.push(film - Math.round(film));
    }
    assert.ok(at.length >= least, `${at.length} of ${beeps.length} beeps heard while ${clock.length} pictures were seen, want ${least}`);
    // One may be heard wrong, where the listener was busy.
    const middle = at.toSorted((a, b) => a - b)[at.length >> 1];
    assert.ok(Math.abs(middle) < 0.08, `a beep ${middle.toFixed(3)} s off its second: ${at.map((v) => v.toFixed(3))}`);
    return at;
  }

  /** It did not halt for longer than that since `forget` while it played. */
  async flowed(bound) {
    const halts = await this.in(() => window.screen_.halts.splice(0));
    for (const { at, ms } of halts) assert.ok(ms <= bound, `halted for ${Math.round(ms)} ms at ${at} s`);
    return halts.map(({ ms }) => Math.round(ms));
  }

  /** Loads the whole film and looks at the buffer: one range, of all of it, and segments that meet. Needs hls.js. */
  async whole(duration) {
    await this.in(() => { window.hls.config.maxBufferLength = 600; });
    await this.seek(0.01);
    const complete = (d) => { const { all } = window.buffered(); return all.length === 1 && all[0][1] > d - 0.05; };
    // Or until no more comes.
    for (const end = performance.now() + this.patience; performance.now() < end && !(await this.in(complete, duration));) {
      if (this.open === 0 && performance.now() - this.calm > 5000) break;
      await this.tab.waitForFunction(complete, duration, { timeout: 500 }).catch(() => {});
    }
    const { all, sources, parts, total } = await this.in(() => ({ ...window.buffered(), parts: window.screen_.parts, total: window.screen_.video.duration }));
    const frame = 1 / FPS;
    assert.ok(Math.abs(total - duration) < 0.1, `duration ${total}`);
    for (const { type, ranges } of [{ type: 'together', ranges: all }, ...sources]) {
      assert.ok(ranges.length === 1 && ranges[0][0] <= frame && Math.abs(ranges[0][1] - duration) <= 2 * frame, `buffered ${type}: ${JSON.stringify(ranges)}`);
    }
    const latest = {};
    for (const p of parts) (latest[p.kind] ??= [])[p.sn] = p;
    for (const list of Object.values(latest)) {
      for (let i = 1; i < list.length; i++) {
        // hls.js knows no edit lists, so that its times of different renditions are not the same. See `joins`.
        if (list[i].level !== list[i - 1].level) continue;
        const gap = list[i].start - list[i - 1].end;
        assert.ok(Math.abs(gap) < frame / 2, `segment ${i} of ${list[i].kind} begins ${(1000 * gap).toFixed(1)} ms after the end of the one before`);
      }
    }
    return Object.fromEntries(Object.entries(latest).map(([k, l]) => [k, l.length]));
  }

  /** On both sides of each cut is the picture that belongs there, whatever renditions meet. */
  async joins(duration, cut) {
    for (let at = cut; at < duration; at += cut) {
      await this.seek(at - 1 / FPS);
      await this.seek(at);
    }
  }

  /** Nothing was reported by the player, and nothing was refused, but what is expected. */
  async quiet(expected) {
    const other = (list) => list.filter((text) => !expected?.test(text));
    assert.deepEqual(other(await this.in(() => window.screen_.problems)), []);
    assert.deepEqual(other(this.refused), []);
  }
}

/** Creates an asset of a film and waits until it can be played. */
export async function premiere(mux, url, options = {}) {
  let asset = await mux.video.assets.create({ inputs: [{ url }], playback_policies: ['public'], ...options });
  while (asset.status === 'preparing') {
    await new Promise((r) => setTimeout(r, 100));
    asset = await mux.video.assets.retrieve(asset.id);
  }
  assert.equal(asset.status, 'ready', JSON.stringify(asset.errors));
  return asset;
}
