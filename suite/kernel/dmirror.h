/*
 * The operations of the operation language (docs/operations.md) on a kernel with CONFIG_TEST_HMM.
 */
#ifndef DMIRROR_H
#define DMIRROR_H

#include <stdbool.h>
#include <stddef.h>

#define PAGE 4096UL
#define WINDOW_PAGES 4095UL
#define JSON_SIZE (512 * 1024)
#define BRIEF_SIZE (128 * 1024)

/* What an operation answered: as JSON members without braces, and as outcomes of litmus tests have it. */
struct answer {
	char json[JSON_SIZE];
	char brief[BRIEF_SIZE];
};

/* Opens the devices and finds out how this kernel shows its entries. Ends the program if it cannot. */
void dmirror_begin(void);

/* Has ready what a thread needs for its first operation, so that it maps no memory then. */
void dmirror_prepare(void);

/* Makes the address window empty again, and ends the child if there is one. */
void dmirror_reset(void);

/* Performs one operation. False if it is none that is known. */
bool dmirror_perform(const char *op, struct answer *answer);

/* ---- what these files have from each other ---- */

#define JSON(a, ...) append((a)->json, JSON_SIZE, __VA_ARGS__)
#define BRIEF(a, ...) append((a)->brief, BRIEF_SIZE, __VA_ARGS__)

static inline char *page_at(unsigned long page)
{
	return (char *)0x10000000000UL + page * PAGE;
}

/* answer.c */
_Noreturn void die(const char *what);
char *shared_memory(size_t size);
void append(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
void status(struct answer *a, int error);
void returned(struct answer *a, bool failed);
void value(struct answer *a, unsigned long long what, bool first);

/* entries.c */
void learn_entries(void);
void page_table_entries(struct answer *a, unsigned long page, unsigned long pages);

/* child.c */
void child_begin(void);
bool is_child(void);
int child_fork(void (*inherit)(void));
bool child_ask(const char *op, struct answer *answer);
void child_end(void);

#endif
