/** A peer that misbehaves: `node hostile.mjs WAY`. It behaves until the first operation, unless the way says otherwise. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'

const way = process.argv[2]
const line = (fields) => process.stdout.write(`${JSON.stringify(fields)}\n`)
const HELLO = { protocol: 1, name: 'hostile', release: '0', profile: 'test_hmm-6.1' }

const FLOOD = 'x'.repeat(65536)
const flood = (stream) => {
  while (stream.write(FLOOD));
  stream.once('drain', () => flood(stream))
}

const onOperation = {
  garbage: () => process.stdout.write('this is not JSON\n'),
  binary: () => process.stdout.write(Buffer.concat([randomBytes(4096), Buffer.from('\n')])),
  'not-an-object': () => process.stdout.write('[1,2,3]\n'),
  nested: () => process.stdout.write(`${'['.repeat(200_000)}\n`),
  'no-rc': (id) => line({ id }),
  'wrong-id': (id) => line({ id: id + 1, rc: 0 }),
  'no-id': () => line({ rc: 0 }),
  'out-of-order': (id) => line({ id: id - 1, rc: 0 }),
  twice: (id) => process.stdout.write(`{"id":${id},"rc":0}\n{"id":${id},"rc":0}\n`),
  ahead: (id) => {
    for (let i = 0; i < 1000; i++) line({ id: id + i, rc: 0 })
  },
  'huge-line': () => flood(process.stdout),
  'half-a-line': () => process.stdout.write('{"id":'),
  silent: () => {},
  'floods-errors': () => flood(process.stderr),
  exit: () => process.exit(3),
  crash: () => process.kill(process.pid, 'SIGSEGV'),
  'deaf-and-exits': () => {
    process.stdin.destroy()
    setImmediate(() => process.exit(0))
  },
  'child-holds-output': () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })
    process.stderr.write(`child ${child.pid}\n`)
    process.exit(4)
  },
  'control-characters': (id) => line({ id, rc: 0, val: '\u001b[2J\u0007\u009b' }),
  prototype: (id) => process.stdout.write(`{"id":${id},"rc":0,"__proto__":{"rc":1},"constructor":1}\n`),
}

const onHello = {
  'no-hello': () => {},
  'exits-at-once': () => process.exit(1),
  'hello-without-profile': (id) => line({ id, hello: { ...HELLO, profile: undefined } }),
  'other-protocol': (id) => line({ id, hello: { ...HELLO, protocol: 2 } }),
  'speaks-first': (id) => {
    line({ welcome: true })
    line({ id, hello: HELLO })
  },
}

for await (const text of createInterface({ input: process.stdin })) {
  const { id, hello, op, bye } = JSON.parse(text)
  if (hello) (onHello[way] ?? (() => line({ id, hello: HELLO })))(id)
  else if (op) onOperation[way](id)
  else {
    line({ id })
    if (bye && way !== 'never-ends') break
  }
}
