/**
 * Error numbers, as the kernel has them. Procedures return them negated.
 *
 * @module
 */

/** The error numbers that memory management and the drivers' files answer with. */
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

/** Name of a (negated or plain) error number: `EFAULT`. */
export function errnoName(value: number): string {
  const number = Math.abs(value)
  return Object.entries(Errno).find(([, code]) => code === number)?.[0] ?? `errno ${number}`
}
