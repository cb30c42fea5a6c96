/**
 * Error numbers of the kernel. Procedures return them negated.
 *
 * @module
 */

/** The error numbers that memory management and drivers return. */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EFAULT: 14,
  EBUSY: 16,
  EINVAL: 22,
  ERANGE: 34,
  EOVERFLOW: 75,
  EOPNOTSUPP: 95,
} as const

/** The name of an error number, negated or not: `EFAULT`. */
export function errnoName(value: number): string {
  const number = Math.abs(value)
  return Object.entries(Errno).find(([, code]) => code === number)?.[0] ?? `errno ${number}`
}
