// A line between a player and the server, of HTTP: it can be slow, and it can be wrong on purpose.
import { once } from 'node:events';
import { createServer, request, Agent } from 'node:http';

/**
 * Relays to a server under a port of its own; playlists name that port, because the server goes by the Host header.
 * `rate` (bytes a second, over all connections) may be changed at any time. `wrong(path)` may return what is to happen
 * to an answer: {path} takes it from elsewhere, {status} refuses it, {hold} sends it so many milliseconds late, and
 * {change} is given the body and returns another one.
 */
export async function relay(t, base, { rate = Infinity, wrong = () => undefined } = {}) {
  const { hostname, port } = new URL(base);
  const agent = new Agent({ keepAlive: true });
  const state = { rate, wrong, asked: [] };
  let free = 0; // when the line is free again
  const turn = (bytes) => {
    const now = performance.now();
    free = Math.max(now - 500, free) + (1000 * bytes) / state.rate; // what a busy machine was late is made up for
    return free - now < 2 ? undefined : new Promise((r) => setTimeout(r, free - now));
  };
  const fetched = (path, headers) => new Promise((resolve, reject) => {
    request({ hostname, port, path, headers, agent }, resolve).on('error', reject).end();
  });
  const server = createServer(async (req, res) => {
    try {
      state.asked.push(req.url);
      const { path = req.url, status, hold, change } = state.wrong(req.url) ?? {};
      if (status) return res.writeHead(status, { 'access-control-allow-origin': '*' }).end();
      const got = await fetched(path, req.headers);
      if (hold) await new Promise((r) => setTimeout(r, hold));
      if (change) {
        const body = await change(Buffer.concat(await got.toArray()), async (other) => {
          const { host, origin } = req.headers;
          return Buffer.concat(await (await fetched(other, { host, ...(origin && { origin }) })).toArray());
        });
        return res.writeHead(got.statusCode, { ...got.headers, 'content-length': body.length }).end(body);
      }
      res.writeHead(got.statusCode, got.headers);
      const gone = new AbortController();
      res.on('close', () => { got.destroy(); gone.abort(); });
      for await (const chunk of got) {
        // In small parts, so that a slow line is slow evenly.
        for (let at = 0; at < chunk.length; at += 4096) {
          const part = chunk.subarray(at, at + 4096);
          await turn(part.length);
          if (res.destroyed) return;
          if (!res.write(part)) await once(res, 'drain', { signal: gone.signal });
        }
      }
      res.end();
    } catch {
      res.destroy();
    }
  }).listen(0, '127.0.0.1');
  t.after(() => { server.closeAllConnections(); server.close(); agent.destroy(); });
  await new Promise((r) => server.once('listening', r));
  state.base = `http://127.0.0.1:${server.address().port}`;
  return state;
}

/** The segment with its decode time (tfdt, version 1: ISO/IEC 14496-12, 8.8.12) moved by so many ticks. */
export function moved(segment, ticks) {
  const copy = Buffer.from(segment);
  const at = copy.indexOf('tfdt') + 8;
  copy.writeBigUInt64BE(copy.readBigUInt64BE(at) + BigInt(ticks), at);
  return copy;
}

/** The decode time of a segment. */
export const decodeTime = (segment) => Number(segment.readBigUInt64BE(segment.indexOf('tfdt') + 8));
