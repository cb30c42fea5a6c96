/*
 * H18: a migration through one file of a device is ignored by the other files of that device.
 *
 *   cc -static -O2 -pthread -o h18 h18.c
 *   ./h18 [TRIES]		as root; exits 1 if a file read memory that the page has left
 *
 * Two files of one device mirror this process. No thread races with another. Each variant ends with a write of 2 and a file that
 * reads: it reads 2, unless it still has the entry of before the migration. That one leads to memory that is free by then; it is
 * only read here.
 */
#define _GNU_SOURCE
#include "reproducer.h"

static volatile uint64_t *page;
static int first, second;

/* The second file maps the page in system memory; it is migrated to the device and written through the first. */
static bool to_device(void)
{
	if (request(second, READ, page) || request(first, TO_DEVICE, page) || device_write(first, page, 2))
		exit(2);
	return request(second, READ, page) == 0 && word[0] != 2;
}

/* The first file maps the page in device memory; it is migrated back through the second, and a CPU writes. */
static bool to_system(void)
{
	if (request(first, TO_DEVICE, page) || request(second, TO_SYSTEM, page))
		exit(2);
	*page = 2;
	return request(first, READ, page) == 0 && word[0] != 2;
}

int main(int argc, char **argv)
{
	long tries = argc > 1 ? atol(argv[1]) : 200, stale[2] = { 0, 0 };

	first = open_device(0);
	second = open_device(0);
	page = new_page(NULL);
	for (long i = 0; i < 2 * tries; i++) {
		*page = 1;
		stale[i % 2] += i % 2 ? to_system() : to_device();
		new_page(page); /* every file drops its entry */
	}
	return verdict("old memory was read, after a migration to the device", stale[0], tries) |
	       verdict("old memory was read, after a migration to system memory", stale[1], tries);
}
