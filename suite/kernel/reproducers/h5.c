/*
 * H5: a walk fails because of a page that was not asked for.
 *
 * The test driver asks for all pages of a walk alike, so this needs a driver of its own: the first half of this file, which is
 * built into the kernel. The second half is the program. `hmm_range_fault` is asked for page 0 alone, of two pages of a mapping
 * whose file ends after page 0.
 *
 *   cp h5.c LINUX/lib/hmm_h5.c; echo 'obj-y += hmm_h5.o' >> LINUX/lib/Makefile; make -C LINUX bzImage
 *   cc -static -O2 -pthread -o h5 h5.c
 *   ./h5			as root; exits 1 if the walk of both pages failed
 */
#ifdef __KERNEL__
#include <linux/fs.h>
#include <linux/hmm.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/mmu_notifier.h>
#include <linux/sched.h>

static bool nothing_to_do(struct mmu_interval_notifier *notifier, const struct mmu_notifier_range *range, unsigned long seq)
{
	mmu_interval_set_seq(notifier, seq);
	return true;
}

static const struct mmu_interval_notifier_ops operations = { .invalidate = nothing_to_do };

/* Walks as many pages as the command says (1 or 2) and asks for the first. Nothing is mapped, so the answer is not used. */
static long walk(struct file *file, unsigned int command, unsigned long address)
{
	unsigned long pfns[2] = { HMM_PFN_REQ_FAULT, 0 };
	unsigned int pages = min(_IOC_NR(command), 2U);
	struct mmu_interval_notifier notifier;
	struct hmm_range range = {
		.notifier = &notifier, .start = address, .end = address + pages * PAGE_SIZE,
		.hmm_pfns = pfns, .pfn_flags_mask = HMM_PFN_REQ_FAULT,
	};
	long error = mmu_interval_notifier_insert(&notifier, current->mm, address, 2 * PAGE_SIZE, &operations);

	if (error)
		return error;
	do {
		range.notifier_seq = mmu_interval_read_begin(&notifier);
		mmap_read_lock(current->mm);
		error = hmm_range_fault(&range);
		mmap_read_unlock(current->mm);
	} while (error == -EBUSY);
	mmu_interval_notifier_remove(&notifier);
	return error;
}

static const struct file_operations files = { .unlocked_ioctl = walk };
static struct miscdevice device = { .minor = MISC_DYNAMIC_MINOR, .name = "hmm_h5", .fops = &files, .mode = 0600 };

static int __init begin(void)
{
	return misc_register(&device);
}
device_initcall(begin);
#else
#define _GNU_SOURCE
#include "reproducer.h"

int main(void)
{
	int device = open("/dev/hmm_h5", O_RDWR), file = memfd_create("one page", 0);
	void *pages = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, file, 0);
	const char *of_one, *of_both;

	if (device < 0 || ftruncate(file, PAGE) || pages == MAP_FAILED) {
		fprintf(stderr, "/dev/hmm_h5: is the first half of h5.c built into the kernel?\n");
		return 2;
	}
	of_both = ioctl(device, _IO('H', 2), pages) ? strerror(errno) : "no error";
	of_one = ioctl(device, _IO('H', 1), pages) ? strerror(errno) : "no error";
	printf("page 0 is asked for; a walk of both pages: %s; of page 0 alone: %s\n", of_both, of_one);
	return strcmp(of_both, of_one) != 0;
}
#endif
