#define _GNU_SOURCE
#include "dmirror.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What pagemap and kpageflags tell of a page. */

#define PM_PRESENT (1ULL << 63)
#define PM_SWAP (1ULL << 62)
#define PM_FILE (1ULL << 61)
#define PM_EXCLUSIVE (1ULL << 56)
#define PM_FRAME ((1ULL << 55) - 1)
#define PM_SWAP_TYPE 31ULL
#define KPF_THP (1ULL << 22)
#define KPF_ZERO (1ULL << 24)

/* By type of a swap entry: its name, or NULL. */
static const char *entry_names[32];

static uint64_t word_of(const char *path, unsigned long index)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t word = 0;

	if (file < 0)
		die(path);
	if (pread(file, &word, sizeof(word), index * sizeof(word)) != sizeof(word))
		word = 0;
	close(file);
	return word;
}

static uint64_t pagemap(unsigned long page)
{
	return word_of("/proc/self/pagemap", (unsigned long)page_at(page) / PAGE);
}

void page_table_entries(struct answer *a, unsigned long page, unsigned long pages)
{
	JSON(a, "\"rc\":0,\"ptes\":[");
	for (unsigned long i = 0; i < pages; i++) {
		uint64_t entry = pagemap(page + i);
		char text[64] = "none";

		if (entry & PM_PRESENT) {
			uint64_t flags = word_of("/proc/kpageflags", entry & PM_FRAME);

			snprintf(text, sizeof(text), "present%s%s%s%s", flags & KPF_ZERO ? "+zero" : "",
				 entry & PM_EXCLUSIVE ? "+excl" : "", entry & PM_FILE ? "+file" : "",
				 flags & KPF_THP ? "+thp" : "");
		} else if (entry & PM_SWAP) {
			const int type = entry & PM_SWAP_TYPE;

			if (entry_names[type])
				snprintf(text, sizeof(text), "%s%s", entry_names[type], entry & PM_EXCLUSIVE ? "+excl" : "");
			else
				snprintf(text, sizeof(text), "swap:%d", type);
		}
		JSON(a, "%s\"%s\"", i ? "," : "", text);
		BRIEF(a, "%s%s", i ? "," : "", text);
	}
	JSON(a, "]");
}

/* Brings an entry about and notes the type under which this kernel shows it. */
static void learn(const char *name, const char *const ops[])
{
	static struct answer answer;

	for (; *ops; ops++) {
		dmirror_perform(*ops, &answer);
		if (strcmp(answer.brief, "ok") && strcmp(answer.brief, "5")) {
			fprintf(stderr, "hmm: \"%s\" answers %s\n", *ops, answer.brief);
			exit(2);
		}
	}
	if (pagemap(0) & PM_SWAP)
		entry_names[pagemap(0) & PM_SWAP_TYPE] = name;
	dmirror_reset();
}

void learn_entries(void)
{
	learn("dexcl_w", (const char *const[]){ "mmap 0 1 rw", "cpu_write 0 5", "exclusive 0 0 1", NULL });
	learn("dexcl_r", (const char *const[]){ "mmap 0 1 rw", "cpu_write 0 5", "exclusive 0 0 1",
						"mprotect 0 1 ro", NULL });
	learn("dpriv_w", (const char *const[]){ "mmap 0 1 rw", "cpu_write 0 5", "migrate_to_dev 0 0 1", NULL });
	learn("dpriv_r", (const char *const[]){ "mmap 0 1 rw", "cpu_write 0 5", "migrate_to_dev 0 0 1",
						"mprotect 0 1 ro", NULL });
}
