#define _GNU_SOURCE
#include "dmirror.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- the interface of the test driver: these numbers are the kernel's ---- */

struct dmirror_command {
	uint64_t address, buffer, pages, done, faults;
};

enum { DO_READ, DO_WRITE, DO_TO_DEV, DO_TO_SYS, DO_SNAPSHOT, DO_EXCLUSIVE, DO_CHECK, DO_RELEASE, DO_FLAGS, DO_READ_UNLOCKED };

#define DMIRROR(number) _IOWR('H', number, struct dmirror_command)

#define FILE_PAGES 64
#define FILE_CONTENTS 61440
#define HUGE_PAGES 512
#define DEVICES 2
#define SECOND 2 /* another file of device 0 */
#define FILES 3
#define INHERITED 10

/* The files of this process, then, in a child, those of its parent; -1 if closed. */
static int files[2 * FILES] = { -1, -1, -1, -1, -1, -1 };
static int memory_file = -1;
static int userfaults = -1;

/* Each thread's own buffer for what a device reads and writes: shared, so that no fork makes it copy-on-write. */
static __thread char *buffer;

/* ---- accesses of the CPU ---- */

static __thread sigjmp_buf after_signal;
static __thread volatile sig_atomic_t accessing;
static __thread siginfo_t signalled;

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (!accessing)
		_exit(128 + number);
	signalled = *info;
	siglongjmp(after_signal, 1);
}

static long minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_minflt;
}

static void cpu_access(struct answer *a, unsigned long page, bool write, unsigned long long written)
{
	volatile unsigned long long what = written;
	volatile unsigned long long *at = (void *)page_at(page);
	long before, faults;

	if (sigsetjmp(after_signal, 0)) {
		const char *name = signalled.si_signo == SIGBUS ? "SIGBUS" : "SIGSEGV";
		const char *code = signalled.si_signo == SIGBUS ? "BUS"
				 : signalled.si_code == SEGV_MAPERR ? "MAPERR" : "ACCERR";

		accessing = 0;
		JSON(a, "\"rc\":-1,\"sig\":\"%s\",\"code\":\"%s\"", name, code);
		BRIEF(a, "%s_%s", name, code);
		return;
	}
	accessing = 1;
	/* Counted from here on: after a fork what was written above is copied first. */
	before = minor_faults();
	if (write)
		*at = what;
	else
		what = *at;
	/* An operation has ended when its effect is there for others. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	faults = minor_faults() - before;
	accessing = 0;
	JSON(a, "\"rc\":0,");
	if (write) {
		BRIEF(a, "ok");
	} else {
		JSON(a, "\"val\":");
		value(a, what, true);
		JSON(a, ",");
	}
	JSON(a, "\"minflt\":%ld", faults);
}

/* ---- operations on a device ---- */

static int *file_of(unsigned long device)
{
	return &files[device >= INHERITED ? device - INHERITED + FILES : device];
}

static void device_operation(struct answer *a, int number, unsigned long device, unsigned long page,
			     unsigned long pages, unsigned long long first)
{
	int file = *file_of(device);
	struct dmirror_command command = { 0 };

	if (file < 0) {
		status(a, EBADF);
		return;
	}
	dmirror_prepare();
	command.address = (uint64_t)page_at(page);
	command.buffer = (uint64_t)buffer;
	command.pages = pages; /* of DO_FLAGS the flags: 1 has the next allocation fail */
	if (number == DO_WRITE)
		for (unsigned long i = 0; i < pages; i++) {
			memset(buffer + i * PAGE, 0, PAGE);
			*(unsigned long long *)(buffer + i * PAGE) = first + i;
		}
	if (ioctl(file, DMIRROR(number), &command)) {
		status(a, errno);
		return;
	}
	JSON(a, "\"rc\":0");
	if (number == DO_CHECK || number == DO_RELEASE || number == DO_FLAGS) {
		BRIEF(a, "ok");
		return;
	}
	JSON(a, ",\"cpages\":%llu", (unsigned long long)command.done);
	switch (number) {
	case DO_WRITE:
		JSON(a, ",\"faults\":%llu", (unsigned long long)command.faults);
		BRIEF(a, "ok");
		break;
	case DO_TO_SYS:
		BRIEF(a, "ok/%llu", (unsigned long long)command.done);
		break;
	case DO_SNAPSHOT:
		JSON(a, ",\"prot\":[");
		for (unsigned long i = 0; i < pages; i++)
			value(a, (unsigned char)buffer[i], i == 0);
		JSON(a, "]");
		break;
	default:
		if (number == DO_READ || number == DO_READ_UNLOCKED)
			JSON(a, ",\"faults\":%llu", (unsigned long long)command.faults);
		JSON(a, ",\"vals\":[");
		for (unsigned long i = 0; i < pages; i++)
			value(a, *(unsigned long long *)(buffer + i * PAGE), i == 0);
		JSON(a, "]");
	}
}

static void close_device(unsigned long device)
{
	int *file = file_of(device);

	if (*file >= 0)
		close(*file);
	*file = -1;
}

static int open_device(unsigned long number)
{
	char path[32];

	close_device(number);
	snprintf(path, sizeof(path), "/dev/hmm_dmirror%lu", number == SECOND ? 0 : number);
	*file_of(number) = open(path, O_RDWR | O_CLOEXEC);
	return *file_of(number) < 0 ? errno : 0;
}

static int open_devices(void)
{
	int error = 0;

	close_device(SECOND);
	for (unsigned long device = 0; !error && device < DEVICES; device++)
		error = open_device(device);
	return error;
}

/* What the parent has open is for its child another number. */
static void inherit_files(void)
{
	for (int file = 0; file < FILES; file++) {
		files[FILES + file] = files[file];
		files[file] = -1;
	}
}

/* ---- operations on memory ---- */

static int protection_of(const char *name)
{
	if (!strcmp(name, "rw"))
		return PROT_READ | PROT_WRITE;
	if (!strcmp(name, "ro"))
		return PROT_READ;
	return strcmp(name, "wo") ? PROT_NONE : PROT_WRITE;
}

static int map(unsigned long page, unsigned long pages, const char *name, int flags, int file)
{
	void *at = mmap(page_at(page), pages * PAGE, protection_of(name), MAP_FIXED | flags, file,
			file < 0 ? 0 : (off_t)(page * PAGE));

	return at == MAP_FAILED ? errno : 0;
}

static int open_memory_file(void)
{
	if (memory_file >= 0)
		return memory_file;
	memory_file = memfd_create("window", MFD_CLOEXEC);
	if (memory_file < 0 || ftruncate(memory_file, FILE_PAGES * PAGE))
		die("memfd_create");
	for (unsigned long long i = 0; i < FILE_PAGES; i++) {
		unsigned long long contents = FILE_CONTENTS + i;

		if (pwrite(memory_file, &contents, sizeof(contents), i * PAGE) != sizeof(contents))
			die("pwrite");
	}
	return memory_file;
}

static int map_huge(unsigned long page)
{
	int error = map(page, HUGE_PAGES, "rw", MAP_PRIVATE | MAP_ANONYMOUS, -1);

	if (error)
		return error;
	return madvise(page_at(page), HUGE_PAGES * PAGE, MADV_HUGEPAGE) ? errno : 0;
}

static const struct { const char *name; int advice; } advices[] = {
	{ "populate_r", MADV_POPULATE_READ }, { "populate_w", MADV_POPULATE_WRITE }, { "willneed", MADV_WILLNEED },
	{ "locked", MADV_DONTNEED_LOCKED },   { "dontfork", MADV_DONTFORK },	     { "wipefork", MADV_WIPEONFORK },
	{ "merge", MADV_MERGEABLE },	      { "unmerge", MADV_UNMERGEABLE },	     { "free", MADV_FREE },
	{ "pageout", MADV_PAGEOUT },
};

static bool advise(struct answer *a, const char *name, unsigned long page, unsigned long pages)
{
	for (size_t i = 0; i < sizeof(advices) / sizeof(*advices); i++)
		if (!strcmp(name, advices[i].name)) {
			returned(a, madvise(page_at(page), pages * PAGE, advices[i].advice));
			return true;
		}
	return false;
}

static int open_userfaults(void)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_SIGBUS };

	if (userfaults >= 0)
		return 0;
	userfaults = syscall(SYS_userfaultfd, O_CLOEXEC);
	return userfaults < 0 || ioctl(userfaults, UFFDIO_API, &api) ? errno : 0;
}

static bool userfault(struct answer *a, const char *name, unsigned long page, unsigned long pages)
{
	struct uffdio_range range = { .start = (uint64_t)page_at(page), .len = pages * PAGE };
	int error = open_userfaults();

	if (error) {
		status(a, error);
	} else if (!strcmp(name, "wp") || !strcmp(name, "missing")) {
		struct uffdio_register request = { .range = range };

		request.mode = *name == 'w' ? UFFDIO_REGISTER_MODE_WP : UFFDIO_REGISTER_MODE_MISSING;
		returned(a, ioctl(userfaults, UFFDIO_REGISTER, &request));
	} else if (!strcmp(name, "protect") || !strcmp(name, "unprotect")) {
		struct uffdio_writeprotect request = { .range = range };

		request.mode = *name == 'p' ? UFFDIO_WRITEPROTECT_MODE_WP : 0;
		returned(a, ioctl(userfaults, UFFDIO_WRITEPROTECT, &request));
	} else {
		return false;
	}
	return true;
}

#define KSM "/sys/kernel/mm/ksm/"

static bool write_text(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");
	bool written = file && fputs(text, file) >= 0;

	return file && !fclose(file) && written;
}

static long read_number(const char *name)
{
	long value = -1;
	FILE *file = fopen(name, "r");

	if (file) {
		if (fscanf(file, "%ld", &value) != 1)
			value = -1;
		fclose(file);
	}
	return value;
}

/* Three scans: the first notes what pages hold, the second merges those that still hold it, and the third those of equal contents. */
static bool ksm_scan(void)
{
	long seen = read_number(KSM "full_scans"), until = seen + 3;

	/* Of the releases that have it: pages that were never merged are scanned less and less often. */
	write_text(KSM "smart_scan", "0");
	if (!write_text(KSM "pages_to_scan", "1000") || !write_text(KSM "run", "1"))
		return false;
	/* Where no memory may be merged ksmd does not scan. */
	for (int idle = 0; seen < until && idle < 50; idle++) {
		long now = read_number(KSM "full_scans");

		if (now != seen)
			idle = 0;
		seen = now;
		usleep(10000);
	}
	return write_text(KSM "run", "0");
}

static void move(struct answer *a, const unsigned long n[], int flags)
{
	returned(a, mremap(page_at(n[0]), n[1] * PAGE, n[1] * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | flags,
			   page_at(n[2])) == MAP_FAILED);
}

bool dmirror_perform(const char *op, struct answer *a)
{
	char name[32] = "", word[4][32] = { "", "", "", "" };
	unsigned long n[4];

	a->json[0] = a->brief[0] = 0;
	if (!strncmp(op, "c:", 2) && !is_child()) {
		if (strcmp(op, "c:exit"))
			return child_ask(op + 2, a);
		child_end();
		status(a, 0);
		return true;
	}
	sscanf(op, "%31s %31s %31s %31s %31s", name, word[0], word[1], word[2], word[3]);
	for (int i = 0; i < 4; i++)
		n[i] = strtoul(word[i], NULL, 10);
#define IS(text) (!strcmp(name, text))
	if (IS("mmap"))
		status(a, map(n[0], n[1], word[2], MAP_PRIVATE | MAP_ANONYMOUS, -1));
	else if (IS("mmap_shared"))
		status(a, map(n[0], n[1], word[2], MAP_SHARED | MAP_ANONYMOUS, -1));
	else if (IS("mmap_file"))
		status(a, map(n[0], n[1], word[2], strcmp(word[3], "priv") ? MAP_SHARED : MAP_PRIVATE,
			      open_memory_file()));
	else if (IS("mmap_huge"))
		status(a, map_huge(n[0]));
	else if (IS("munmap"))
		returned(a, munmap(page_at(n[0]), n[1] * PAGE));
	else if (IS("mprotect"))
		returned(a, mprotect(page_at(n[0]), n[1] * PAGE, protection_of(word[2])));
	else if (IS("madv_dontneed"))
		returned(a, madvise(page_at(n[0]), n[1] * PAGE, MADV_DONTNEED));
	else if (IS("madv"))
		return advise(a, word[0], n[1], n[2]);
	else if (IS("uffd"))
		return userfault(a, word[0], n[1], n[2]);
	else if (IS("mlock"))
		returned(a, mlock(page_at(n[0]), n[1] * PAGE));
	else if (IS("munlock"))
		returned(a, munlock(page_at(n[0]), n[1] * PAGE));
	else if (IS("mremap"))
		move(a, n, 0);
	else if (IS("mremap_keep"))
		move(a, n, MREMAP_DONTUNMAP);
	else if (IS("cpu_read"))
		cpu_access(a, n[0], false, 0);
	else if (IS("cpu_write"))
		cpu_access(a, n[0], true, strtoull(word[1], NULL, 10));
	else if (IS("dev_read"))
		device_operation(a, DO_READ, n[0], n[1], n[2], 0);
	else if (IS("dev_read_unlocked"))
		device_operation(a, DO_READ_UNLOCKED, n[0], n[1], n[2], 0);
	else if (IS("dev_write"))
		device_operation(a, DO_WRITE, n[0], n[1], n[2], strtoull(word[3], NULL, 10));
	else if (IS("snapshot"))
		device_operation(a, DO_SNAPSHOT, n[0], n[1], n[2], 0);
	else if (IS("migrate_to_dev"))
		device_operation(a, DO_TO_DEV, n[0], n[1], n[2], 0);
	else if (IS("migrate_to_sys"))
		device_operation(a, DO_TO_SYS, n[0], n[1], n[2], 0);
	else if (IS("exclusive"))
		device_operation(a, DO_EXCLUSIVE, n[0], n[1], n[2], 0);
	else if (IS("check_exclusive"))
		device_operation(a, DO_CHECK, n[0], n[1], n[2], 0);
	else if (IS("release"))
		device_operation(a, DO_RELEASE, n[0], 0, 1, 0);
	else if (IS("fail_alloc"))
		device_operation(a, DO_FLAGS, n[0], 0, 1, 0);
	else if (IS("close")) {
		bool open = *file_of(n[0]) >= 0;

		close_device(n[0]);
		status(a, open ? 0 : EBADF);
	} else if (IS("open"))
		status(a, open_devices());
	else if (IS("open2"))
		status(a, open_device(SECOND));
	else if (IS("ksm_scan"))
		status(a, ksm_scan() ? 0 : ENOSYS);
	else if (IS("ptes"))
		page_table_entries(a, n[0], n[1]);
	else if (IS("fork"))
		status(a, child_fork(inherit_files));
	else
		return false;
	return true;
}

/* ---- the beginning ---- */

void dmirror_begin(void)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_NODEFER };
	int error;

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	child_begin();
	error = open_devices();
	if (error) {
		errno = error;
		die("/dev/hmm_dmirror: is the kernel built with CONFIG_TEST_HMM?");
	}
	learn_entries();
}

void dmirror_prepare(void)
{
	if (!buffer)
		buffer = shared_memory(WINDOW_PAGES * PAGE);
	buffer[0] = 0;
}

void dmirror_reset(void)
{
	child_end();
	munmap(page_at(0), WINDOW_PAGES * PAGE);
	if (memory_file >= 0)
		close(memory_file);
	memory_file = -1;
	if (userfaults >= 0)
		close(userfaults);
	userfaults = -1;
}
