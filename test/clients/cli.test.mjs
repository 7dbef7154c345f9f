// The walk with the official CLI, in a home of its own. Needs MUX_* of a running `filmcan dev`, FILM_URL, and
// FILM, the path of the same film, with FILM_SHA256.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { promisify } from 'node:util';

const home = mkdtempSync(path.join(tmpdir(), 'filmcan-cli-'));
after(() => rmSync(home, { recursive: true, force: true }));
const program = path.join(import.meta.dirname, 'node_modules/.bin/mux');
const options = { env: { ...process.env, HOME: home, XDG_CONFIG_HOME: home, NO_COLOR: '1' }, timeout: 60_000 };

/** Runs `mux ARGS --json` and returns what it printed, parsed. */
async function mux(...args) {
  const { stdout } = await promisify(execFile)(program, [...args, '--json'], options);
  return stdout.trim() === '' ? null : JSON.parse(stdout);
}

test('the walk, with `webhooks listen` beside it', async (t) => {
  // The program is a script that starts the CLI proper: both are ended, as a group.
  const listener = spawn(program, ['webhooks', 'listen', '--json'], { ...options, timeout: undefined, detached: true });
  t.after(() => process.kill(-listener.pid, 'SIGTERM'));
  const heard = [];
  let wake = () => {};
  let log = '';
  const take = (line) => {
    log += `${line}\n`;
    try { heard.push(JSON.parse(line)); } catch { /* words for people */ }
    wake();
  };
  createInterface({ input: listener.stdout }).on('line', take);
  createInterface({ input: listener.stderr }).on('line', take);
  const until = async (what, condition) => {
    for (const deadline = Date.now() + 60_000; !condition(); ) {
      assert.ok(Date.now() < deadline, `${what}; heard: ${log}`);
      await new Promise((r) => { wake = r; setTimeout(r, 500); });
    }
  };
  const me = await mux('whoami');
  assert.equal((me.data ?? me).environment_name, 'development');

  // The stream has no past: an asset that is made before the CLI listens would not be heard. So assets are made until
  // one is heard.
  let probe;
  await until('the CLI listens', () => {
    probe ??= mux('assets', 'create', '--url', process.env.FILM_URL, '-y').then((a) => mux('assets', 'delete', a.id, '--force')).finally(() => { probe = undefined; });
    return heard.length > 0;
  });
  await probe;

  const created = await mux('assets', 'create', '--url', process.env.FILM_URL, '--playback-policy', 'public', '-y', '--wait');
  const asset = await mux('assets', 'get', created.id);
  assert.equal(asset.status, 'ready');
  const listed = await mux('assets', 'list', '--limit', '1');
  assert.equal((listed.data ?? listed)[0].id, asset.id);
  const owner = await mux('playback-ids', asset.playback_ids[0].id);
  assert.equal(owner.object.id, asset.id);
  await mux('assets', 'input-info', asset.id);
  const open = await mux('assets', 'update-master-access', asset.id, '--master-access', 'temporary');
  assert.equal(open.master_access, 'temporary');
  await mux('assets', 'update-master-access', asset.id, '--master-access', 'none');
  await mux('assets', 'delete', asset.id, '--force');

  const types = () => heard.filter((e) => e.object?.id === asset.id).map((e) => e.type);
  await until('every event is heard', () => types().includes('video.asset.deleted'));
  assert.deepEqual(types(), ['created', 'ready', 'master.preparing', 'master.ready', 'master.deleted', 'deleted'].map((e) => `video.asset.${e}`));
});

test('`assets create --upload`', async () => {
  const created = await mux('assets', 'create', '--upload', process.env.FILM, '--playback-policy', 'public', '-y', '--wait');
  const uploads = await mux('uploads', 'list', '--limit', '1');
  const [upload] = uploads.data ?? uploads;
  assert.equal(upload.status, 'asset_created');
  const asset = await mux('assets', 'get', upload.asset_id);
  assert.equal(asset.status, 'ready', JSON.stringify({ created, asset }));
  await mux('assets', 'update-master-access', asset.id, '--master-access', 'temporary');
  const { master } = await mux('assets', 'get', asset.id);
  assert.equal(master.sha256, process.env.FILM_SHA256);
});

test('wrong credentials', async () => {
  await assert.rejects(
    promisify(execFile)(program, ['assets', 'list', '--json'], { ...options, env: { ...options.env, MUX_TOKEN_SECRET: 'wrong' } }),
    (e) => /Authentication failed/.test(`${e.stdout}${e.stderr}`));
});
