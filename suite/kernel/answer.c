#define _GNU_SOURCE
#include "dmirror.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void die(const char *what)
{
	fprintf(stderr, "hmm: %s: %s\n", what, strerror(errno));
	exit(2);
}

char *shared_memory(size_t size)
{
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		die("mmap");
	return at;
}

void append(char *to, size_t size, const char *format, ...)
{
	size_t length = strlen(to);
	va_list args;

	va_start(args, format);
	vsnprintf(to + length, size - length, format, args);
	va_end(args);
}

static const char *error_name(int error)
{
	switch (error) {
	case EPERM: return "EPERM";
	case ENOENT: return "ENOENT";
	case EBADF: return "EBADF";
	case EAGAIN: return "EAGAIN";
	case ENOMEM: return "ENOMEM";
	case EFAULT: return "EFAULT";
	case EBUSY: return "EBUSY";
	case EINVAL: return "EINVAL";
	default: return strerrorname_np(error);
	}
}

void status(struct answer *a, int error)
{
	if (error) {
		JSON(a, "\"rc\":-%d,\"err\":\"%s\"", error, error_name(error));
		BRIEF(a, "%s", error_name(error));
	} else {
		JSON(a, "\"rc\":0");
		BRIEF(a, "ok");
	}
}

/* Of a system call that returns -1 and sets errno. */
void returned(struct answer *a, bool failed)
{
	status(a, failed ? errno : 0);
}

/* Values beyond 2^53 - 1 are texts: not every reader of JSON has them exactly. */
void value(struct answer *a, unsigned long long what, bool first)
{
	JSON(a, what >> 53 ? "%s\"%llu\"" : "%s%llu", first ? "" : ",", what);
	BRIEF(a, "%s%llu", first ? "" : ",", what);
}
