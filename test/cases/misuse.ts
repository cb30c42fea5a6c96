/**
 * Small models of procedures that are written wrongly. Run as plain JavaScript each reaches the claim K, or is no model
 * at all: none may be said to hold.
 */
import { check } from '../../src/checker/index.js'
import {
  type AnyProcedure,
  acting,
  BLOCKED,
  become,
  choose,
  claim,
  Layout,
  type Model,
  Mutex,
  type Procedure,
  procedure,
  type Running,
  SpecificationError,
  step,
} from '../../src/world/index.js'

/** The answer to a model: the clause that is broken, or the code of the mistake. */
export async function answerTo(build: () => Model): Promise<string> {
  try {
    const result = await check({ name: 's', summary: '', parameters: {}, exercises: [], build })
    return result.verdict === 'violated' ? `violates ${result.violation?.clause}` : result.verdict
  } catch (error) {
    if (error instanceof SpecificationError) return error.code
    throw error
  }
}

interface Cells {
  readonly layout: Layout
  x: number
}

type Program = Procedure<[], unknown>

/** A model of two threads, which run the same procedure unless a second is made. */
function two(make: (cells: Cells) => readonly Program[], rest: Partial<Model> = {}): () => Model {
  return () => {
    const layout = new Layout({ threads: 2 })
    const [a, b = a] = make(layout.record({ layout, x: layout.counter('x', 7) })) as unknown as AnyProcedure[]
    const threads = [
      { name: 'a', program: a, args: [] },
      { name: 'b', program: b, args: [] },
    ]
    return { layout, threads, ...rest }
  }
}

/** A step that must never be reached. */
const reached = () =>
  step('must not come here', () => {
    claim('K', false, 'reached')
    return 0
  })

const nothing = (name: string) => step(name, () => 0)

const becomes = procedure(function* other(): Running<void> {
  yield* nothing('o')
})
const becomesFive = procedure(function* other(): Running<number> {
  yield* nothing('o')
  return 5
})

/** What is checked beside a step that writes 1. */
const writes = (cells: Cells) =>
  procedure(function* p() {
    yield* step('s', () => {
      cells.x = 1
      return 0
    })
  })

const choosing = (outcomes: unknown) =>
  two(() => [
    procedure(function* p() {
      if ((yield* choose('c', outcomes as number)) === 1) yield* reached()
    }),
  ])

const returning = (result: unknown) =>
  two(() => [
    procedure(function* p() {
      if (yield* step('s', () => result as number)) yield* reached()
    }),
  ])

const judging = (judge: () => unknown) =>
  two((cells) => [writes(cells)], { invariants: [{ clause: 'I', name: 'i', judge: judge as never }] })

/** Each model, and what the checker has to answer. */
export const misuses: readonly (readonly [name: string, build: () => Model, answer: string])[] = [
  [
    'Math.random in a step, a rare outcome',
    two(() => [
      procedure(function* p() {
        if (yield* step('dice', () => (Math.random() < 0.0001 ? 1 : 0))) yield* reached()
      }),
    ]),
    'impure',
  ],
  [
    'Math.random in a step, even odds',
    two((cells) => [
      procedure(function* p() {
        for (let i = 0; i < 4; i++)
          yield* step('dice', () => {
            cells.x = Math.random() < 0.5 ? 1 : 0
            return 0
          })
      }),
    ]),
    'impure',
  ],
  [
    'Math.random in a step, and the error caught',
    two(() => [
      procedure(function* p() {
        const odd = yield* step('dice', () => {
          try {
            return Math.random() < 0.0001 ? 1 : 0
          } catch {
            return 0
          }
        })
        if (odd) yield* reached()
      }),
    ]),
    'impure',
  ],
  [
    'Date.now in a step',
    two(() => [
      procedure(function* p() {
        if (yield* step('late?', () => (Date.now() % 1000 === 999 ? 1 : 0))) yield* reached()
      }),
    ]),
    'impure',
  ],
  [
    'the time of a new Date, by way of another',
    two(() => [
      procedure(function* p() {
        const { constructor: Again } = new Date(0) as unknown as { constructor: DateConstructor }
        if (yield* step('late?', () => (new Again().getMilliseconds() === 999 ? 1 : 0))) yield* reached()
      }),
    ]),
    'impure',
  ],
  [
    'process.exit in a step',
    two(() => [
      procedure(function* p() {
        yield* step('end', () => process.exit(0))
      }),
    ]),
    'impure',
  ],
  [
    'process.hrtime.bigint in a step',
    two(() => [
      procedure(function* p() {
        if (yield* step('late?', () => (process.hrtime.bigint() % 1000n === 999n ? 1 : 0))) yield* reached()
      }),
    ]),
    'impure',
  ],
  [
    'a timer set in a step',
    two(() => [
      procedure(function* p() {
        yield* step('later', () => {
          setTimeout(() => {}, 0)
          return 0
        })
      }),
    ]),
    'impure',
  ],
  [
    'Math.random between steps, seen only by a closure',
    two((cells) => [
      procedure(function* p() {
        const v = Math.random() < 0.5 ? 1 : 0
        yield* nothing('first')
        yield* step('write', () => {
          cells.x = v
          return 0
        })
        yield* step('second', () => {
          claim('K', cells.x === v, 'its own write differs')
          return 0
        })
      }),
    ]),
    'impure',
  ],
  [
    'become without return: what follows is dropped',
    two(() => [
      procedure(function* p() {
        yield* become(becomes)
        yield* reached()
      }),
    ]),
    'code-after-become',
  ],
  [
    'become inside try … finally: the finally is dropped',
    two(() => [
      procedure(function* p(): Running<void> {
        try {
          return yield* become(becomes)
        } finally {
          yield* reached()
        }
      }),
    ]),
    'code-after-become',
  ],
  [
    'become inside a plain helper that should go on',
    two(() => {
      function* helper(): Running<number> {
        return yield* become(becomesFive)
      }
      const p = procedure(function* p() {
        if ((yield* helper()) === 5) yield* reached()
      })
      return [
        procedure(function* caller() {
          yield* p()
        }),
      ]
    }),
    'code-after-become',
  ],
  [
    'become without return where the other returns something',
    two(() => {
      const p = procedure(function* p() {
        yield* become(becomesFive)
      })
      return [
        procedure(function* caller() {
          yield* p()
        }),
      ]
    }),
    'code-after-become',
  ],
  ...[0, -1, Number.NaN, 1.5, '2', undefined, Number.POSITIVE_INFINITY].map(
    (n) => [`choose(…, ${String(n)})`, choosing(n), 'invalid-operation'] as const,
  ),
  [
    'a bigint and a number for an argument',
    two(() => {
      const sub = procedure(function* sub(v: unknown) {
        if (typeof v === 'bigint') yield* reached()
        else yield* nothing('s')
      })
      return [
        procedure(function* p() {
          yield* sub(1)
          yield* sub(1n)
        }),
      ]
    }),
    'violates K',
  ],
  [
    'symbols for arguments',
    two(() => {
      const symbols = [Symbol('s'), Symbol('s')]
      const sub = procedure(function* sub(v: symbol) {
        if (v === symbols[1]) yield* reached()
        else yield* nothing('s')
      })
      return [
        procedure(function* p() {
          yield* sub(symbols[0])
          yield* sub(symbols[1])
        }),
      ]
    }),
    'invalid-value',
  ],
  [
    'objects that differ in a symbol only',
    two(() => {
      const key = Symbol('s')
      const sub = procedure(function* sub(v: { [key]: number }) {
        if (v[key] === 2) yield* reached()
        else yield* nothing('s')
      })
      return [
        procedure(function* p() {
          yield* sub({ [key]: 1 })
          yield* sub({ [key]: 2 })
        }),
      ]
    }),
    'invalid-value',
  ],
  [
    'an object with a getter for an argument',
    two(() => {
      let asked = 0
      const sub = procedure(function* sub(v: { readonly now: number }) {
        if (v.now > 4) yield* reached()
        else yield* nothing('s')
      })
      return [
        procedure(function* p() {
          yield* sub({
            get now() {
              return asked++
            },
          })
        }),
      ]
    }),
    'invalid-value',
  ],
  [
    'a result that is a Map',
    two(() => {
      const sub = procedure(function* sub(): Running<ReadonlyMap<string, number>> {
        yield* nothing('s')
        return new Map([['seen', 1]])
      })
      return [
        procedure(function* p() {
          if ((yield* sub()).has('seen')) yield* reached()
        }),
      ]
    }),
    'invalid-value',
  ],
  [
    'an argument that holds itself',
    two(() => {
      const sub = procedure(function* sub(_v: unknown) {
        yield* nothing('s')
      })
      return [
        procedure(function* p() {
          const ring: { next?: unknown } = {}
          ring.next = ring
          yield* sub(ring)
        }),
      ]
    }),
    'invalid-value',
  ],
  [
    'an array inside a frozen array, changed by the callee',
    two(() => {
      const sub = procedure(function* sub(a: readonly number[][]) {
        a[0].push(1)
        yield* nothing('s')
        if (a[0].length > 1) yield* reached()
      })
      return [
        procedure(function* p() {
          yield* sub(Object.freeze([[]]))
          yield* nothing('t')
          yield* sub(Object.freeze([[]]))
        }),
      ]
    }),
    'procedure-threw',
  ],
  [
    'an instance of a class with state for an argument',
    two(() => {
      class Box {
        v = 0
      }
      const box = new Box()
      const sub = procedure(function* sub(b: Box) {
        yield* step('s', () => {
          b.v++
          return 0
        })
        yield* step('claim', () => {
          claim('K', b.v < 2, 'two')
          return 0
        })
      })
      return [
        procedure(function* p() {
          yield* sub(box)
        }),
      ]
    }),
    'invalid-value',
  ],
  [
    'a violation caught inside the step',
    two(() => [
      procedure(function* p() {
        yield* step('s', () => {
          try {
            claim('K', false, 'k')
          } catch {}
          return 0
        })
      }),
    ]),
    'violates K',
  ],
  [
    'a violation claimed between steps, and caught by the text',
    two(() => [
      procedure(function* p() {
        yield* nothing('s')
        try {
          claim('K', false, 'k')
        } catch {}
        yield* nothing('t')
      }),
    ]),
    'violates K',
  ],
  [
    'yield of a step in place of yield*',
    two((cells) => [
      procedure(function* p() {
        yield step('s', () => {
          cells.x = 1
          return 0
        }) as never
      }),
    ]),
    'never-run',
  ],
  [
    'a call without yield*',
    two(() => {
      const sub = procedure(function* sub() {
        yield* reached()
      })
      return [
        procedure(function* p() {
          sub()
          yield* nothing('t')
        }),
      ]
    }),
    'never-run',
  ],
  [
    'a call without yield*, within a step',
    two(() => {
      const sub = procedure(function* sub() {
        yield* reached()
      })
      return [
        procedure(function* p() {
          yield* step('t', () => {
            sub()
            return 0
          })
        }),
      ]
    }),
    'never-run',
  ],
  [
    'a step without yield*',
    two(() => [
      procedure(function* p() {
        reached()
        yield* nothing('t')
      }),
    ]),
    'never-run',
  ],
  [
    'lock() without yield*',
    two((cells) => {
      const lock = new Mutex(cells.layout, 'l')
      return [
        procedure(function* p() {
          lock.lock()
          yield* step('enter', () => {
            claim('K', cells.x === 0, 'two inside')
            cells.x = 1
            return 0
          })
          yield* step('leave', () => {
            cells.x = 0
            return 0
          })
        }),
      ]
    }),
    'never-run',
  ],
  ['a step that returns 2 ** 21', returning(2 ** 21), 'invalid-result'],
  ['a step that returns true', returning(true), 'violates K'],
  ['a step that returns "1"', returning('1'), 'violates K'],
  ['a step that returns 1.5', returning(1.5), 'invalid-result'],
  ['an async step', returning(Promise.resolve(0)), 'invalid-result'],
  [
    'an invariant that throws',
    judging(() => {
      throw new Error('x')
    }),
    'procedure-threw',
  ],
  ['an invariant that returns false', judging(() => false), 'scenario'],
  ['an invariant that returns an empty text', judging(() => ''), 'scenario'],
  ['an async invariant', judging(async () => 'broken'), 'scenario'],
  ['no threads', () => ({ layout: new Layout({ threads: 1 }), threads: [] }), 'scenario'],
  [
    'progress of a model that is not deterministic',
    two(
      (cells) => {
        let n = 0
        const another = () => n++ % 8
        return [
          procedure(function* p() {
            yield* step('s', () => {
              cells.x = another()
              return 0
            })
            yield* nothing('t')
          }),
        ]
      },
      { progress: [{ clause: 'P', name: 'p', pending: (view) => !view.finished(0) }] },
    ),
    'non-deterministic',
  ],
  [
    'a lock made inside the procedure',
    two(({ layout }) => [
      procedure(function* p() {
        const lock = new Mutex(layout, 'z')
        yield* lock.lock()
        yield* nothing('enter')
        yield* lock.unlock()
      }),
    ]),
    'layout',
  ],
  [
    'a layout made inside a step',
    two(() => [
      procedure(function* p() {
        yield* step('s', () => {
          new Layout({ threads: 2 }).counter('mine', 1)
          return 0
        })
      }),
    ]),
    'layout',
  ],
  [
    'a field written that the layout handed out',
    two(({ layout }) => {
      const device = layout.scope('device', (l) => ({ seen: 0, there: l.flag('there') }))
      return [
        procedure(function* p() {
          yield* step('s', () => {
            device.seen++
            return 0
          })
          if (device.seen > 1) yield* reached()
        }),
      ]
    }),
    'procedure-threw',
  ],
  [
    'an array written that the layout handed out',
    two(({ layout }) => {
      const entries = layout.array('entry', 2, (l) => ({ there: l.flag('there') }))
      return [
        procedure(function* p() {
          yield* step('s', () => {
            Object.assign(entries, { seen: true })
            return 0
          })
        }),
      ]
    }),
    'impure',
  ],
  [
    'a local that a step assigns, and that decides what follows',
    two((cells) => [
      procedure(function* reader() {
        let seen = 0
        yield* step('read', () => {
          seen = cells.x
          return 0
        })
        if (seen === 1) yield* reached()
      }),
      procedure(function* writer() {
        yield* step('write', () => {
          cells.x = 1
          return 0
        })
      }),
    ]),
    'impure',
  ],
  [
    'a local array that a step pushes to',
    two((cells) => [
      procedure(function* reader() {
        const seen: number[] = []
        yield* step('read', () => {
          seen.push(cells.x)
          return 0
        })
        yield* step('use', () => {
          claim('K', !seen.includes(1), 'reached')
          return 0
        })
      }),
      procedure(function* writer() {
        yield* step('write', () => {
          cells.x = 1
          return 0
        })
      }),
    ]),
    'impure',
  ],
  [
    'a flag outside of the procedure for a lock',
    two((cells) => {
      let busy = false
      return [
        procedure(function* p() {
          yield* step('take', () => {
            if (busy) return BLOCKED
            busy = true
            return 0
          })
          yield* step('enter', () => {
            claim('K', cells.x === 0, 'two inside')
            cells.x = 1
            return 0
          })
          yield* step('leave', () => {
            cells.x = 0
            busy = false
            return 0
          })
        }),
      ]
    }),
    'impure',
  ],
  [
    'acting.thread looked at between steps',
    two(() => [
      procedure(function* p() {
        yield* nothing('s')
        if (acting.thread === 1) yield* reached()
        yield* nothing('t')
      }),
    ]),
    'impure',
  ],
  [
    'two steps of one name',
    two(() => [
      procedure(function* p() {
        yield* step('s', () => 0)
        yield* step('s', () => 0)
      }),
    ]),
    'impure',
  ],
]

/** Right ones that look like them. */
export const lookalikes: readonly (readonly [name: string, build: () => Model])[] = [
  [
    'become without return of one that returns nothing',
    two(() => [
      procedure(function* p() {
        yield* become(becomes)
      }),
    ]),
  ],
  [
    'a call held in a variable before it is run',
    two(() => {
      const sub = procedure(function* sub(): Running<number> {
        return yield* nothing('s')
      })
      return [
        procedure(function* p() {
          const call = sub()
          if (yield* call) yield* reached()
        }),
      ]
    }),
  ],
  [
    '-0 for 0, which is what `-error` makes of no error',
    two(() => {
      const sub = procedure(function* sub(error: number): Running<number> {
        yield* nothing('s')
        return -error
      })
      return [
        procedure(function* p() {
          const error = yield* sub(yield* step('s', () => -0))
          if (Object.is(yield* sub(-error), -0)) yield* reached()
        }),
      ]
    }),
  ],
  [
    'a date made of numbers',
    two(() => [
      procedure(function* p() {
        if (new Date(2026, 0).getFullYear() !== 2026) yield* reached()
        yield* nothing('s')
      }),
    ]),
  ],
  [
    'an array of its own, filled with results between steps',
    two(() => [
      procedure(function* p() {
        const seen: number[] = []
        for (let i = 0; i < 3; i++) seen.push(yield* choose('which', 2))
        if (seen.length !== 3) yield* reached()
      }),
    ]),
  ],
]
