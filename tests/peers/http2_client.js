// Node's own http2 against the example server: `http2_client.js SCHEME://HOST:PORT CASE...` runs cases
// on one connection, `http2_client.js --list` tells them all.

const assert = require('node:assert');
const http2 = require('node:http2');

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR } = http2.constants;

// The answer's fields, content, trailers, and the interim responses before it.
function ask(session, fields, content) {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': content ? 'POST' : 'GET', ...fields });
    const answer = { interim: [], content: [], trailers: {} };
    stream.on('headers', (fields) => answer.interim.push(fields));
    stream.on('response', (fields) => { answer.fields = fields; });
    stream.on('data', (piece) => answer.content.push(piece));
    stream.on('trailers', (fields) => { answer.trailers = fields; });
    stream.on('error', reject);
    stream.on('end', () => resolve({ ...answer, content: Buffer.concat(answer.content) }));
    stream.end(content);
  });
}

const cases = {
  async settings(session) {
    assert.strictEqual(session.alpnProtocol, session.encrypted ? 'h2' : 'h2c');
    assert.strictEqual(session.remoteSettings.enableConnectProtocol, true);
    assert.strictEqual(session.remoteSettings.maxConcurrentStreams, 100);
  },

  async get(session) {
    const answer = await ask(session, { ':path': '/plaintext' });
    assert.strictEqual(answer.fields[':status'], 200);
    assert.strictEqual(answer.content.toString(), 'Hello, World!');
    const head = await ask(session, { ':path': '/bytes/12345', ':method': 'HEAD' });
    assert.strictEqual(head.fields['content-length'], '12345');
    assert.strictEqual(head.content.length, 0);
  },

  // More than the server allows at a time: those behind them wait.
  async many_at_once(session) {
    const asking = [];
    for (let number = 0; number < 500; number += 1) {
      const content = number % 2 ? Buffer.alloc(number * 50, number) : undefined;
      asking.push(ask(session, { ':path': content ? '/echo' : `/bytes/${number}` }, content)
        .then((answer) => {
          assert.ok(answer.content.equals(content ?? Buffer.alloc(number, 'x')), `${number}`);
        }));
    }
    await Promise.all(asking);
  },

  async echo(session) {
    const content = require('node:crypto').randomBytes(5_000_000);
    const answer = await ask(session, { ':path': '/echo', 'content-length': '5000000' }, content);
    assert.strictEqual(answer.fields['content-length'], '5000000');
    assert.ok(answer.content.equals(content));
  },

  async trailers(session) {
    const answer = await ask(session, { ':path': '/trailers' });
    assert.strictEqual(answer.content.toString(), 'the trailers come last\n');
    assert.strictEqual(answer.fields['x-count'], undefined);
    assert.strictEqual(answer.trailers['x-count'], '23');
  },

  async trailers_of_a_request(session) {
    const stream = session.request(
      { ':path': '/echo', ':method': 'POST' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '17' }));
    stream.end('content');
    stream.setEncoding('utf8');
    let content = '';
    for await (const piece of stream) content += piece;
    assert.strictEqual(content, 'content');
  },

  async hints(session) {
    const answer = await ask(session, { ':path': '/early-hints' });
    assert.deepStrictEqual(answer.interim.map((fields) => fields[':status']), [103]);
    assert.strictEqual(answer.content.toString(), 'the hints came first\n');
  },

  async continues(session) {
    const fields = { ':path': '/echo', ':method': 'POST', expect: '100-continue' };
    const stream = session.request(fields);
    await new Promise((resolve) => stream.once('continue', resolve));
    stream.end('asked for');
    let content = '';
    for await (const piece of stream) content += piece;
    assert.strictEqual(content, 'asked for');
  },

  async reset(session) {
    for (let round = 0; round < 20; round += 1) {
      const stream = session.request({ ':path': '/bytes/30000000' });
      await new Promise((resolve) => stream.once('data', resolve));
      stream.close(NGHTTP2_CANCEL);
      await new Promise((resolve) => stream.once('close', resolve));
    }
    await cases.get(session);
  },

  async ping(session) {
    for (const payload of ['12345678', 'abcdefgh']) {
      await new Promise((resolve, reject) => {
        session.ping(Buffer.from(payload), (error, _, echo) => {
          if (error || echo.toString() !== payload) reject(error ?? new Error('another payload'));
          else resolve();
        });
      });
    }
  },
};

async function main() {
  const [url, ...names] = process.argv.slice(2);
  if (url === '--list') {
    console.log(Object.keys(cases).join('\n'));
    return;
  }
  const session = http2.connect(url, { rejectUnauthorized: false });
  const failed = new Promise((_, reject) => {
    session.on('error', reject);
    session.on('goaway', (code) => reject(new Error(`GOAWAY ${code}`)));
  });
  await Promise.race([new Promise((resolve) => session.once('remoteSettings', resolve)), failed]);
  for (const name of names) {
    await Promise.race([cases[name](session), failed]);
    console.log('passed', name);
  }
  const closed = new Promise((resolve) => session.once('close', resolve));
  session.goaway(NGHTTP2_NO_ERROR);
  session.close();
  await closed;
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
