/*
 * H26: a page that is made exclusive for the device is mapped by it, although it was zapped in between.
 *
 *   cc -static -O2 -pthread -o h26 h26.c
 *   ./h26 [TRIES]		as root; exits 1 if the device kept an entry for a page that is gone
 *
 * One thread makes a page exclusive, the other gives it up with MADV_DONTNEED. Then a CPU writes 7. If the page is still there and
 * exclusive, this takes it back, and the device loses its entry; if it is not there, a new page is allocated. In both cases the device
 * may have no exclusive entry any more.
 */
#define _GNU_SOURCE
#include "reproducer.h"

static volatile uint64_t *page;
static int device;

static void make_exclusive(void)
{
	request(device, EXCLUSIVE, page);
}

static void give_up(void)
{
	madvise((void *)page, PAGE, MADV_DONTNEED);
}

int main(int argc, char **argv)
{
	long tries = argc > 1 ? atol(argv[1]) : 3000, kept = 0;

	device = open_device(0);
	page = new_page(NULL);
	for (long i = 0; i < tries; i++) {
		*page = 1;
		race(give_up, make_exclusive);
		*page = 7;
		if (request(device, CHECK_EXCLUSIVE, page) == EPERM && kept++ < 3 && request(device, READ, page) == 0)
			printf("try %ld: the page holds 7, and the device reads %llu\n", i, (unsigned long long)word[0]);
		new_page(page); /* the device drops its entry, also a wrong one */
	}
	return verdict("exclusive entries for a page that is gone", kept, tries);
}
