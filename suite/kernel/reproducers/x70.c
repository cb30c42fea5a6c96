/*
 * X70: device memory is removed while a page of it is being allocated.
 *
 *   cc -static -O2 -pthread -o x70 x70.c
 *   ./x70 [SECONDS]		as root; exits 1 if the kernel warned. Restart the machine afterwards
 *
 * One thread migrates a page to the device and back, the other removes the device's memory twice: the second removal comes while the
 * first thread has new memory added. The driver may take a page off its free list, and initialise it when its region has been
 * removed, or put the pages of a region on the list that is being removed: the kernel warns, and may hang or crash then. That is why
 * a child does this, and its parent reads the kernel's messages.
 */
#define _GNU_SOURCE
#include "reproducer.h"
#include <signal.h>
#include <time.h>

static volatile uint64_t *page;
static int device;
static long *migrations, *removals; /* the parent reads them */

static void migrate(void)
{
	for (int i = 0; i < 5; i++) {
		*page = 1;
		*migrations += request(device, TO_DEVICE, page) == 0;
	}
}

static void remove_memory(void)
{
	for (int i = 0; i < 2; i++)
		*removals += request(device, RELEASE, page) == 0;
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? atol(argv[1]) : 60);
	int messages = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	static char message[8192];
	long warnings = 0;
	pid_t child;

	if (messages < 0 || lseek(messages, 0, SEEK_END) < 0) {
		perror("/dev/kmsg");
		return 2;
	}
	migrations = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	removals = migrations + 1;
	child = fork();
	if (child == 0) {
		device = open_device(0);
		page = new_page(NULL);
		for (;;)
			race(remove_memory, migrate);
	}
	while (time(NULL) < end && !warnings) {
		usleep(100000);
		while (read(messages, message, sizeof(message) - 1) > 0 || errno == EPIPE) {
			if (strstr(message, "WARNING:") && warnings++ == 0)
				printf("%s", strchr(message, ';') + 1);
			memset(message, 0, sizeof(message));
			errno = 0;
		}
	}
	kill(child, SIGKILL);
	printf("%ld migrations\n", *migrations);
	return verdict("warnings, and removals of device memory", warnings, *removals);
}
