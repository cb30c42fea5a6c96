/*
 * H23: what a device writes to a clean page is lost, since nothing tells the kernel that the page is dirty.
 *
 *   cc -static -O2 -pthread -o h23 h23.c
 *   ./h23 [TRIES]		as root, with swap; exits 1 if a write was lost
 *
 * The device writes 2 to a page whose entry is writable and clean; then the page is reclaimed (MADV_PAGEOUT), and a CPU reads it.
 * The entry is clean after MADV_FREE, which a write cancels: a CPU's does, as the control shows. It may be clean, too, after a page
 * was swapped in by a read.
 */
#define _GNU_SOURCE
#include "reproducer.h"

static volatile uint64_t *page;
static int device;

static void advise(int advice)
{
	if (madvise((void *)page, PAGE, advice)) {
		perror("madvise");
		exit(2);
	}
}

/* True if 2 is lost that the CPU or the device has written. */
static bool lost_after_free(bool by_device)
{
	*page = 1;
	advise(MADV_FREE);
	if (!by_device)
		*page = 2;
	else if (device_write(device, page, 2))
		exit(2);
	advise(MADV_PAGEOUT);
	return *page != 2;
}

static bool lost_after_swap(void)
{
	*page = 1;
	advise(MADV_PAGEOUT);
	if (*page != 1 || device_write(device, page, 2))
		exit(2);
	advise(MADV_PAGEOUT);
	return *page != 2;
}

int main(int argc, char **argv)
{
	long tries = argc > 1 ? atol(argv[1]) : 500, lost[3] = { 0, 0, 0 };

	pin(0);
	device = open_device(0);
	page = new_page(NULL);
	for (long i = 0; i < tries; i++) {
		lost[0] += lost_after_free(false);
		new_page(page);
		lost[1] += lost_after_free(true);
		new_page(page);
		lost[2] += lost_after_swap();
		new_page(page);
	}
	verdict("control: a CPU's write after MADV_FREE that was lost", lost[0], tries);
	return verdict("device writes after MADV_FREE that were lost", lost[1], tries) |
	       verdict("device writes after a read from swap that were lost", lost[2], tries);
}
