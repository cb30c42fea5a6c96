/*
 * What the reproducers have from each other: the requests of /dev/hmm_dmirror* (CONFIG_TEST_HMM), a page of memory at a time, and
 * two threads that begin after random delays. The numbers of the requests are the kernel's.
 */
#ifndef REPRODUCER_H
#define REPRODUCER_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096UL

enum { READ, WRITE, TO_DEVICE, TO_SYSTEM, SNAPSHOT, EXCLUSIVE, CHECK_EXCLUSIVE, RELEASE };

#define MAY_BE_UNUSED __attribute__((unused))

/* What a device has read, or is to write: the first word of a page. Each thread has its own. */
static MAY_BE_UNUSED __thread uint64_t word[512] __attribute__((aligned(4096)));

MAY_BE_UNUSED static int open_device(int number)
{
	char path[32];
	int file;

	snprintf(path, sizeof(path), "/dev/hmm_dmirror%d", number);
	file = open(path, O_RDWR | O_CLOEXEC);
	if (file < 0) {
		fprintf(stderr, "%s: %s: is the kernel built with CONFIG_TEST_HMM?\n", path, strerror(errno));
		exit(2);
	}
	return file;
}

/* One request for the page at an address. Answers 0 or an error; reads into word[0], and writes what is there. */
MAY_BE_UNUSED static int request(int file, int what, volatile void *at)
{
	struct { uint64_t address, buffer, pages, done, faults; } command = { (uintptr_t)at, (uintptr_t)word, 1, 0, 0 };

	return ioctl(file, _IOWR('H', what, command), &command) ? errno : 0;
}

MAY_BE_UNUSED static int device_write(int file, volatile void *at, uint64_t value)
{
	word[0] = value;
	return request(file, WRITE, at);
}

/* An untouched page, at `at` if that is not NULL. */
MAY_BE_UNUSED static volatile uint64_t *new_page(volatile void *at)
{
	void *page = mmap((void *)at, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0), -1, 0);

	if (page == MAP_FAILED)
		exit(2);
	return page;
}

/* ---- two threads at once ---- */

static void (*other_task)(void);
static unsigned int round_begun, round_ended;
static uint64_t delays[2], seed = 88172645463325252;

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Short delays are as likely as long ones. */
static uint64_t random_delay(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 8) % (1UL << (seed % 20));
}

static void wait_for(unsigned int *at, unsigned int value)
{
	while (__atomic_load_n(at, __ATOMIC_ACQUIRE) != value)
		sched_yield();
}

static void spin(uint64_t delay)
{
	for (; delay; delay--)
		__asm__ volatile("" ::: "memory");
}

static void *other_thread(void *unused)
{
	pin(1);
	memset(word, 0, sizeof(word));
	for (unsigned int round = 1;; round++) {
		wait_for(&round_begun, round);
		spin(delays[1]);
		other_task();
		__atomic_store_n(&round_ended, round, __ATOMIC_RELEASE);
	}
	return unused;
}

/* Performs both, each after a delay, on CPUs 0 and 1. Returns when both have ended. */
MAY_BE_UNUSED static void race(void (*here)(void), void (*there)(void))
{
	static pthread_t thread;
	unsigned int round = round_begun + 1;

	if (round == 1) {
		pin(0);
		if (pthread_create(&thread, NULL, other_thread, NULL))
			exit(2);
	}
	other_task = there;
	delays[0] = random_delay();
	delays[1] = random_delay();
	__atomic_store_n(&round_begun, round, __ATOMIC_RELEASE);
	spin(delays[0]);
	here();
	wait_for(&round_ended, round);
}

/* The last line of each reproducer, and what it exits with. */
MAY_BE_UNUSED static int verdict(const char *what, long seen, long tries)
{
	printf("%s: %ld of %ld\n", what, seen, tries);
	return seen > 0;
}

#endif
