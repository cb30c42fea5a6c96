/*
 * H17: what a device writes to a page while its own driver migrates the page to the device is lost.
 *
 *   cc -static -O2 -pthread -o h17 h17.c
 *   ./h17 [TRIES]		as root; exits 1 if a write was lost
 *
 * The device has a page of system memory mapped writable. One thread migrates the page to the device, the other writes 3 through the
 * device, which answers that it was written. Afterwards the page must hold 3, wherever it is.
 */
#define _GNU_SOURCE
#include "reproducer.h"

static volatile uint64_t *page;
static int device, written;

static void migrate(void)
{
	request(device, TO_DEVICE, page);
}

static void write_3(void)
{
	written = device_write(device, page, 3);
}

int main(int argc, char **argv)
{
	long tries = argc > 1 ? atol(argv[1]) : 2000, lost = 0;

	device = open_device(0);
	page = new_page(NULL);
	for (long i = 0; i < tries; i++) {
		*page = 1; /* brings the page back into system memory */
		if (device_write(device, page, 2))
			return 2;
		race(write_3, migrate);
		if (written == 0 && *page != 3 && lost++ < 3)
			printf("try %ld: the device wrote 3, and the page holds %llu\n", i, (unsigned long long)*page);
	}
	return verdict("device writes that were lost", lost, tries);
}
