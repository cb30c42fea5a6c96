/**
 * A checkpoint of a check as a file: a line that names the format, a line of JSON, the bytes of the arrays, and a checksum of all
 * of it. A new one takes the place of the last when it is whole, so that a process may be killed at any moment.
 *
 * @module
 */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'
import { endianness } from 'node:os'
import type { SavedExploration, SavedFacts } from '../checker/explore/saved.js'
import type { Checkpoints } from '../checker/options.js'
import { SpecificationError } from '../world/errors.js'

/** Begins the first line of a checkpoint of any version. */
const MAGIC = 'hmm-spec checkpoint '
/** The form that this module writes. */
const VERSION = 1
/** Maximum number of bytes of one read or write. After each the supervisor is told that the process is alive. */
const PIECE = 1 << 26
/** Characters of the checksum at the end. */
const CHECKSUM = 64

/** Everything that the result of a check depends on, as plain data. */
export type Identity = Readonly<Record<string, unknown>>

/** Where a check writes its checkpoints, and how often. */
export interface CheckpointPlace {
  readonly file: string
  /** Milliseconds from one checkpoint to the next. */
  readonly everyMs: number
  /** True to continue from the checkpoint in the file. */
  readonly resume: boolean
  readonly identity: Identity
}

/** The second line. */
interface Header {
  readonly endian: string
  readonly identity: Identity
  readonly facts: SavedFacts
  /** By array: the bytes of its pieces. */
  readonly parts: Readonly<Record<string, readonly number[]>>
}

/** A file that the checkpoints of one check are kept in. */
export class CheckpointFile implements Checkpoints {
  readonly name: string
  readonly everyMs: number
  private failed = false

  /**
   * @param place - which file, and what of
   * @param warn - told once that checkpoints cannot be written
   * @param alive - called between pieces of a large file
   */
  constructor(
    readonly place: CheckpointPlace,
    private readonly warn: (message: string) => void = () => {},
    private readonly alive: () => void = () => {},
  ) {
    this.name = place.file
    this.everyMs = place.everyMs
  }

  /**
   * The checkpoint in the file, if there is one and the check is to continue from it.
   *
   * @throws SpecificationError `checkpoint` if it is damaged, of another format, or of another check
   */
  last(): SavedExploration | undefined {
    const { file, resume, identity } = this.place
    if (!resume || !existsSync(file)) return undefined
    const { header, parts } = readCheckpoint(file, this.alive)
    mustBeOf(file, header.identity, identity)
    if (header.endian !== endianness())
      throw new SpecificationError('checkpoint', `${file}: it is of a machine of another byte order`)
    return { facts: header.facts, parts }
  }

  /** Writes a checkpoint. If that fails, the previous one stays, and the check continues. */
  keep({ facts, parts }: SavedExploration): void {
    const { file, identity } = this.place
    const header: Header = {
      endian: endianness(),
      identity,
      facts,
      parts: Object.fromEntries(
        Object.entries(parts).map(([name, pieces]) => [name, pieces.map((piece) => piece.byteLength)]),
      ),
    }
    const beside = `${file}.${process.pid}.part`
    try {
      const out = openSync(beside, 'w')
      try {
        const hash = createHash('sha256')
        this.write(out, Buffer.from(`${MAGIC}${VERSION}\n${JSON.stringify(header)}\n`), hash)
        for (const pieces of Object.values(parts)) for (const piece of pieces) this.write(out, piece, hash)
        this.write(out, Buffer.from(hash.digest('hex')))
        fsyncSync(out)
      } finally {
        closeSync(out)
      }
      renameSync(beside, file)
      this.failed = false
    } catch (error) {
      try {
        rmSync(beside, { force: true })
      } catch {
        // A file that cannot be written may not be removable either.
      }
      if (!this.failed)
        this.warn(
          `${file}: a checkpoint could not be written (${(error as NodeJS.ErrnoException).code ?? error}); the check goes on, ` +
            `and ${existsSync(file) ? 'the last one stays' : 'there is none'}`,
        )
      this.failed = true
    }
  }

  private write(out: number, bytes: Uint8Array, hash?: Hash): void {
    for (let at = 0; at < bytes.byteLength; ) {
      const piece = bytes.subarray(at, at + PIECE)
      const written = writeSync(out, piece)
      hash?.update(piece.subarray(0, written))
      at += written
      // One fsync of a large file could take longer than the supervisor waits.
      if (bytes.byteLength > PIECE) fsyncSync(out)
      this.alive()
    }
  }
}

/** @throws SpecificationError `checkpoint` that names what differs between `then` and `now` */
export function mustBeOf(file: string, then: Identity, now: Identity): void {
  const differ = Object.keys({ ...then, ...now }).filter(
    (key) => JSON.stringify(then[key]) !== JSON.stringify(now[key]),
  )
  if (differ.length === 0) return
  const words = differ.map((key) => `${key} (${shown(then[key])} then, ${shown(now[key])} now)`)
  throw new SpecificationError(
    'checkpoint',
    `${file}: it is of another check: ${words.join(', ')}; give another directory, or delete the file to begin anew`,
  )
}

function shown(value: unknown): string {
  if (value === undefined) return 'none'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length <= 40 ? text : `${text.slice(0, 40)}…`
}

/** @throws SpecificationError `checkpoint` if `file` is damaged or of another format */
function readCheckpoint(
  file: string,
  alive: () => void,
): { readonly header: Header; readonly parts: Record<string, Uint8Array[]> } {
  const input = openSync(file, 'r')
  const hash = createHash('sha256')
  const reader = new Reader(input, hash, () => damaged(file, 'it ends too early'), alive)
  try {
    const first = reader.line(MAGIC.length + 8)
    if (!first.startsWith(MAGIC)) throw damaged(file, 'it does not begin as a checkpoint does')
    if (first !== `${MAGIC}${VERSION}`)
      throw new SpecificationError(
        'checkpoint',
        `${file}: its format is version ${first.slice(MAGIC.length)}, and this hmm-spec reads version ${VERSION}; delete it to begin anew`,
      )
    const header = headerOf(file, reader.line(Number.POSITIVE_INFINITY))
    const parts: Record<string, Uint8Array[]> = {}
    for (const [name, sizes] of Object.entries(header.parts))
      parts[name] = sizes.map((size) => reader.bytes(size))
    const computed = hash.digest('hex')
    if (reader.rest() !== computed) throw damaged(file, 'its checksum differs')
    return { header, parts }
  } finally {
    closeSync(input)
  }
}

function headerOf(file: string, text: string): Header {
  try {
    return JSON.parse(text) as Header
  } catch {
    throw damaged(file, 'its second line is no JSON')
  }
}

function damaged(file: string, why: string): SpecificationError {
  return new SpecificationError(
    'checkpoint',
    `${file}: the checkpoint is damaged: ${why}; delete the file to begin anew`,
  )
}

/** Reads a file from its beginning, and adds it to a checksum. */
class Reader {
  private buffer = Buffer.alloc(1 << 16)
  /** Where what was read and not used yet begins, and ends. */
  private from = 0
  private to = 0

  constructor(
    private readonly input: number,
    private readonly hash: Hash,
    private readonly tooShort: () => Error,
    private readonly alive: () => void,
  ) {}

  /** A line, without its end. @param most - characters that it may have */
  line(most: number): string {
    const pieces: Buffer[] = []
    for (let length = 0; length <= most; ) {
      if (this.from === this.to) this.fill()
      const end = this.buffer.subarray(this.from, this.to).indexOf('\n')
      const until = end < 0 ? this.to : this.from + end
      pieces.push(Buffer.from(this.buffer.subarray(this.from, until)))
      length += until - this.from
      this.from = end < 0 ? until : until + 1
      if (end < 0) continue
      const line = Buffer.concat(pieces)
      this.hash.update(line).update('\n')
      return line.toString('utf8')
    }
    return Buffer.concat(pieces).toString('utf8')
  }

  /** The next `count` bytes. */
  bytes(count: number): Uint8Array {
    if (!Number.isSafeInteger(count) || count < 0) throw this.tooShort()
    let into: Uint8Array
    try {
      into = new Uint8Array(count)
    } catch {
      throw this.tooShort()
    }
    let at = Math.min(count, this.to - this.from)
    into.set(this.buffer.subarray(this.from, this.from + at))
    this.from += at
    while (at < count) {
      const got = readSync(this.input, into, at, Math.min(PIECE, count - at), null)
      if (got === 0) throw this.tooShort()
      at += got
      this.alive()
    }
    for (let done = 0; done < count; done += PIECE) this.hash.update(into.subarray(done, done + PIECE))
    return into
  }

  /** What is left of the file, of which only the checksum may be. */
  rest(): string {
    const left = Buffer.alloc(CHECKSUM + 1)
    let count = this.buffer.copy(left, 0, this.from, this.to)
    for (let got = -1; got !== 0 && count < left.length; count += got)
      got = readSync(this.input, left, count, left.length - count, null)
    return left.subarray(0, count).toString('latin1')
  }

  private fill(): void {
    this.from = 0
    this.to = readSync(this.input, this.buffer, 0, this.buffer.length, null)
    if (this.to === 0) throw this.tooShort()
  }
}
