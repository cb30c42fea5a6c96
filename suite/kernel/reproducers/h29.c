/*
 * H29: ksmd reads a merged page that has migrated to a device.
 *
 *   cc -static -O2 -pthread -o h29 h29.c
 *   ./h29			as root; the kernel oopses in ksmd, or the program ends by itself
 *
 * Two pages with equal contents are merged (CONFIG_KSM), and the merged page migrates to the device. Then ksmd is given a page more to
 * compare. No thread races with another. Where the kernel does not panic on an oops, ksmd is gone afterwards, and whoever waits for
 * its locks waits for ever.
 */
#define _GNU_SOURCE
#include "reproducer.h"

#define KSM "/sys/kernel/mm/ksm/"

static void put(const char *name, const char *value)
{
	FILE *file = fopen(name, "w");

	if (!file || fputs(value, file) < 0 || fclose(file)) {
		perror(name);
		exit(2);
	}
}

static long get(const char *name)
{
	long value;
	FILE *file = fopen(name, "r");

	if (!file || fscanf(file, "%ld", &value) != 1) {
		perror(name);
		exit(2);
	}
	fclose(file);
	return value;
}

/* The first scan notes what a page holds; the second merges those that still hold it. */
static void scan(void)
{
	long until = get(KSM "full_scans") + 3;

	put(KSM "run", "1");
	while (get(KSM "full_scans") < until)
		usleep(10000);
	put(KSM "run", "0");
}

int main(void)
{
	volatile uint64_t *pages = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int device = open_device(0);

	pages[0] = pages[PAGE / 8] = 7;
	if (madvise((void *)pages, 3 * PAGE, MADV_MERGEABLE)) {
		perror("madvise: is the kernel built with CONFIG_KSM?");
		return 2;
	}
	put(KSM "pages_to_scan", "1000");
	scan();
	printf("merged pages: %ld\n", get(KSM "pages_shared"));
	if (request(device, TO_DEVICE, pages))
		return 2;
	printf("merged pages, once one is on the device: %ld; now ksmd goes on\n", get(KSM "pages_shared"));
	fflush(stdout);
	pages[2 * PAGE / 8] = 8;
	scan();
	printf("ksmd has gone on\n");
	return 0;
}
