// The walk of the master access guide with the official Node SDK, every answer and every event decoded strictly into
// the SDK's own types. Needs MUX_* of a running `filmcan dev`, and FILM_URL, FILM_SHA256 of a standard MP4.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import Mux from '@mux/mux-node';
import { validators } from './strict.mjs';

const { FILM_URL, FILM_SHA256, PAGE_URL } = process.env;
const mux = new Mux({ maxRetries: 0 });
const check = validators({
  Asset: 'import("@mux/mux-node/resources/video/assets").Asset',
  PlaybackID: 'Mux.PlaybackId',
  PlaybackIDObject: 'import("@mux/mux-node/resources/video/playback-ids").PlaybackIdsRetrieveResponse',
  InputInfo: 'import("@mux/mux-node/resources/video/assets").AssetRetrieveInputInfoResponse',
  Upload: 'import("@mux/mux-node/resources/video/uploads").Upload',
  Webhook: 'import("@mux/mux-node/resources/system/webhooks").Webhook',
  Whoami: 'import("@mux/mux-node/resources/system/utilities").UtilityWhoamiResponse',
  Event: 'UnwrapWebhookEvent',
});
const strictly = (type, value) => {
  assert.deepEqual(check[type](value), [], `${type}: ${JSON.stringify(value, null, 1)}`);
  return value;
};

let receiver, hook;
const events = [];
let wake = () => {};

before(async () => {
  receiver = createServer((req, res) => {
    let body = '';
    req.on('data', (d) => (body += d)).on('end', () => {
      events.push({ body, headers: req.headers });
      res.writeHead(200).end();
      wake();
    });
  }).listen(0, '127.0.0.1');
  await new Promise((r) => receiver.once('listening', r));
  hook = strictly('Webhook', await mux.system.webhooks.create({ address: `http://127.0.0.1:${receiver.address().port}/` }));
  assert.ok(hook.signing_secret, 'the secret is shown at creation');
});

after(async () => {
  await mux.system.webhooks.delete(hook.id);
  receiver.close();
});

/** Waits for the next event of an object and decodes it as the SDK does: signature, then types. */
async function event(type, id) {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
    const i = events.findIndex((e) => JSON.parse(e.body).object.id === id);
    if (i >= 0) {
      const [{ body, headers }] = events.splice(i, 1);
      const e = strictly('Event', await mux.webhooks.unwrap(body, headers, hook.signing_secret));
      assert.equal(e.type, type);
      return e;
    }
    await new Promise((r) => { wake = r; setTimeout(r, 500); });
  }
  assert.fail(`no ${type} came`);
}

test('whoami', async () => {
  const me = strictly('Whoami', await mux.system.utilities.whoami());
  assert.ok(me.permissions.includes('video:write'));
});

test('the walk of the guide', async () => {
  const created = strictly('Asset', await mux.video.assets.create({
    inputs: [{ url: FILM_URL }], playback_policies: ['public'],
    meta: { title: 'A film', external_id: 'x-1' }, passthrough: 'hello',
  }));
  assert.equal(created.status, 'preparing');
  await event('video.asset.created', created.id);
  const ready = await event('video.asset.ready', created.id);
  assert.equal(ready.data.status, 'ready');
  assert.equal(typeof ready.data.created_at, 'number');

  const asset = strictly('Asset', await mux.video.assets.retrieve(created.id));
  assert.equal(asset.passthrough, 'hello');
  assert.equal(asset.meta.title, 'A film');
  assert.equal(asset.progress.state, 'completed');
  assert.ok(asset.tracks.some((t) => t.type === 'video') && asset.tracks.some((t) => t.type === 'audio' && t.primary));

  const page = await mux.video.assets.list({ limit: 1 });
  assert.equal(page.data[0].id, asset.id);
  const info = strictly('InputInfo', await mux.video.assets.retrieveInputInfo(asset.id));
  assert.equal(info[0].settings.url, FILM_URL);
  strictly('Asset', await mux.video.assets.update(asset.id, { passthrough: '' }));
  const updated = await event('video.asset.updated', asset.id);
  assert.equal(updated.data.passthrough, undefined);

  const signed = strictly('PlaybackID', await mux.video.assets.createPlaybackId(asset.id, { policy: 'signed' }));
  await event('video.asset.updated', asset.id);
  strictly('PlaybackID', await mux.video.assets.retrievePlaybackId(asset.id, signed.id));
  const owner = strictly('PlaybackIDObject', await mux.video.playbackIds.retrieve(signed.id));
  assert.deepEqual(owner.object, { type: 'asset', id: asset.id });
  await mux.video.assets.deletePlaybackId(asset.id, signed.id);
  await event('video.asset.updated', asset.id);

  const open = strictly('Asset', await mux.video.assets.updateMasterAccess(asset.id, { master_access: 'temporary' }));
  assert.equal(open.master_access, 'temporary');
  const preparing = await event('video.asset.master.preparing', asset.id);
  assert.deepEqual(preparing.data.master, { status: 'preparing' });
  const mastered = await event('video.asset.master.ready', asset.id);
  assert.equal(mastered.data.master.url, open.master.url);
  await assert.rejects(mux.video.assets.updateMasterAccess(asset.id, { master_access: 'temporary' }),
    (e) => e instanceof Mux.BadRequestError && /Download already exists/.test(e.message));

  const res = await fetch(open.master.url);
  assert.equal(res.status, 200);
  assert.equal(createHash('sha256').update(Buffer.from(await res.arrayBuffer())).digest('hex'), FILM_SHA256);

  const closed = strictly('Asset', await mux.video.assets.updateMasterAccess(asset.id, { master_access: 'none' }));
  assert.equal(closed.master, undefined);
  await event('video.asset.master.deleted', asset.id);
  assert.equal((await fetch(open.master.url)).status, 403);

  const hls = await (await mux.video.playback.hls(asset.playback_ids[0].id)).text();
  assert.match(hls, /^#EXTM3U/);

  await mux.video.assets.delete(asset.id);
  await event('video.asset.deleted', asset.id);
  await assert.rejects(mux.video.assets.retrieve(asset.id), Mux.NotFoundError);
});

test('master access at creation', async () => {
  const { id } = await mux.video.assets.create({ inputs: [{ url: FILM_URL }], master_access: 'temporary' });
  for (const type of ['created', 'ready', 'master.preparing', 'master.ready']) await event(`video.asset.${type}`, id);
  const asset = strictly('Asset', await mux.video.assets.retrieve(id));
  assert.equal(asset.master.status, 'ready');
  assert.equal(asset.master.sha256, FILM_SHA256);
  await mux.video.assets.delete(id);
  await event('video.asset.deleted', id);
});

test('what is no film ends errored, with a reason', async () => {
  const { id } = await mux.video.assets.create({ inputs: [{ url: PAGE_URL }] });
  await event('video.asset.created', id);
  const errored = await event('video.asset.errored', id);
  assert.match(errored.data.errors.messages[0], /HTML/i);
  strictly('Asset', await mux.video.assets.retrieve(id));
});

test('errors are the SDK\'s own classes', async () => {
  await assert.rejects(mux.video.assets.retrieve('HELLO'), Mux.NotFoundError);
  await assert.rejects(mux.video.assets.create({ inputs: [] }), Mux.BadRequestError);
  await assert.rejects(new Mux({ tokenSecret: 'wrong', maxRetries: 0 }).video.assets.list(), Mux.AuthenticationError);
  const { id } = await mux.video.assets.create({ inputs: [{ url: `${FILM_URL}?slow=1` }] });
  await assert.rejects(mux.video.assets.updateMasterAccess(id, { master_access: 'temporary' }),
    (e) => e.status === 412 && /Asset is not ready/.test(e.message));
  await mux.video.assets.delete(id);
});

test('direct uploads', async () => {
  const upload = strictly('Upload', await mux.video.uploads.create({
    cors_origin: '*', timeout: 600, new_asset_settings: { playback_policies: ['public'], master_access: 'temporary' },
  }));
  await event('video.upload.created', upload.id);
  assert.equal(upload.status, 'waiting');
  strictly('Upload', (await mux.video.uploads.list({ limit: 1 })).data[0]);
  const film = Buffer.from(await (await fetch(FILM_URL)).arrayBuffer());
  assert.equal((await fetch(upload.url, { method: 'PUT', body: film })).status, 200);
  await event('video.upload.asset_created', upload.id);
  const done = strictly('Upload', await mux.video.uploads.retrieve(upload.id));
  assert.equal(done.status, 'asset_created');
  assert.equal(done.url, undefined);
  for (const type of ['created', 'ready', 'master.preparing', 'master.ready']) await event(`video.asset.${type}`, done.asset_id);
  const asset = strictly('Asset', await mux.video.assets.retrieve(done.asset_id));
  assert.equal(asset.upload_id, upload.id);
  assert.equal(asset.master.sha256, FILM_SHA256);

  const second = await mux.video.uploads.create({ cors_origin: 'https://example.com' });
  await event('video.upload.created', second.id);
  assert.equal(strictly('Upload', await mux.video.uploads.cancel(second.id)).status, 'cancelled');
  await event('video.upload.cancelled', second.id);
  await assert.rejects(mux.video.uploads.cancel(second.id), Mux.PermissionDeniedError);
});

test('webhooks', async () => {
  const listed = await mux.system.webhooks.list();
  const found = strictly('Webhook', listed.data.find((w) => w.id === hook.id));
  assert.equal(found.signing_secret, undefined);
  const off = strictly('Webhook', await mux.system.webhooks.update(hook.id, { enabled: false }));
  assert.equal(off.enabled, false);
  await mux.system.webhooks.update(hook.id, { enabled: true });
});
