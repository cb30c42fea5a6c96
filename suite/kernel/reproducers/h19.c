/*
 * H19: a page that is in use while a file is closed stays in device memory, and keeps its reference to the closed file.
 *
 *   cc -static -O2 -pthread -o h19 h19.c
 *   ./h19 [TRIES]		as root; exits 1 if a page was left behind
 *
 * A page is migrated to device 0 through a second file. One thread closes that file, the other touches the page, so that it faults.
 * The closer opens a file of device 1 at once, which often gets the memory of the closed one: a fault that goes through the page's old
 * reference then looks for pages of device 1, finds none, and is taken again without end. So what is looked for is a page that is in
 * device memory after the close, and a touch that does not end.
 */
#define _GNU_SOURCE
#include "reproducer.h"

#define DEVICE_PRIVATE 0x20 /* of a snapshot: the page is in this device's memory */

static volatile uint64_t *page;
static int device, closing, other, touched;
static long left, endless;

static void touch(void)
{
	*page = 2;
	__atomic_store_n(&touched, 1, __ATOMIC_RELEASE);
}

static void close_it(void)
{
	close(closing);
	other = open_device(1);
	word[0] = 0;
	left += request(device, SNAPSHOT, page) == 0 && (word[0] & 0xf0) == DEVICE_PRIVATE;
	for (int ms = 0; ms < 500 && !__atomic_load_n(&touched, __ATOMIC_ACQUIRE); ms++)
		usleep(1000);
	if (!__atomic_load_n(&touched, __ATOMIC_ACQUIRE)) {
		endless++;
		new_page(page); /* lets the other thread go on */
	}
}

int main(int argc, char **argv)
{
	long tries = argc > 1 ? atol(argv[1]) : 1000;

	device = open_device(0);
	page = new_page(NULL);
	for (long i = 0; i < tries; i++) {
		closing = open_device(0);
		*page = 1;
		if (request(closing, TO_DEVICE, page))
			exit(2);
		touched = 0;
		race(close_it, touch);
		close(other);
		new_page(page);
	}
	return verdict("pages in device memory after the close", left, tries) |
	       verdict("touches that did not end", endless, tries);
}
