/*
 * Runs litmus tests (docs/litmus.md) many times on a kernel with CONFIG_TEST_HMM, with threads that begin after random delays on
 * CPUs that change, and counts the outcomes.
 *
 *   cc -static -O2 -Wall -Wextra -pthread -o hmm_litmus hmm_litmus.c dmirror.c answer.c child.c entries.c
 *   ./hmm_litmus [--runs N] [--seed N] [--time SECONDS] [--json] < litmus.txt
 *
 * The tests are what `hmm-spec litmus --export` writes. With --json each outcome is one line, for `hmm-spec litmus --observed`.
 */
#define _GNU_SOURCE
#include "dmirror.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define THREADS 3
#define OPERATIONS 4
#define LINES 16
#define LENGTH 96
#define RUNS_OF_A_PLACE 16 /* a thread stays on its CPU for so many: to move it takes longer than a run */
#define OUTCOMES 256
#define OUTCOME_SIZE 1024

struct test {
	char name[128];
	char setup[LINES][LENGTH], final[LINES][LENGTH], thread[THREADS][OPERATIONS][LENGTH];
	char allowed[OUTCOMES][OUTCOME_SIZE];
	int setups, finals, threads, operations[THREADS], alloweds;
};

struct outcome {
	char text[OUTCOME_SIZE];
	long count;
};

static struct test test;
static struct outcome outcomes[OUTCOMES];
static int outcome_count;
static long most_runs = 1000, most_seconds = 20;
static bool json;

/* ---- threads ---- */

static struct worker {
	pthread_t thread;
	struct answer answer;
	char text[OPERATIONS][128];
	unsigned long delay;
	int cpu, pinned;
} workers[THREADS];

/* A run begins with another number, and has ended when every thread has. */
static unsigned int round_number, arrived, ended;

/* Waits asleep: whoever spins takes a CPU from those that run. */
static void sleep_until(unsigned int *at, unsigned int until)
{
	unsigned int is;

	while ((is = __atomic_load_n(at, __ATOMIC_ACQUIRE)) != until)
		syscall(SYS_futex, at, FUTEX_WAIT_PRIVATE, is, NULL, NULL, 0);
}

static void advance(unsigned int *at)
{
	__atomic_add_fetch(at, 1, __ATOMIC_ACQ_REL);
	syscall(SYS_futex, at, FUTEX_WAKE_PRIVATE, THREADS + 1, NULL, NULL, 0);
}

/* Waits awake, so that all go on at the same time. */
static void spin_until(unsigned int *at, unsigned int until)
{
	for (int i = 0; __atomic_load_n(at, __ATOMIC_ACQUIRE) != until; i++)
		if (i > 1000)
			sched_yield();
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *work(void *argument)
{
	struct worker *self = argument;
	int index = self - workers;

	for (unsigned int round = 1;; round++) {
		sleep_until(&round_number, round);
		if (index < test.threads) {
			if (self->pinned != self->cpu)
				pin(self->pinned = self->cpu);
			__atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL);
			spin_until(&arrived, test.threads);
			for (unsigned long i = 0; i < self->delay; i++)
				__asm__ volatile("" ::: "memory");
			for (int i = 0; i < test.operations[index]; i++) {
				dmirror_perform(test.thread[index][i], &self->answer);
				self->text[i][0] = 0;
				append(self->text[i], sizeof(self->text[i]), "%s", self->answer.brief);
			}
		}
		advance(&ended);
	}
	return NULL;
}

/* ---- runs ---- */

static uint64_t seed = 1;

static uint64_t random_below(uint64_t limit)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % limit;
}

static void count(const char *text)
{
	int i = 0;

	while (i < outcome_count && strcmp(outcomes[i].text, text))
		i++;
	if (i == OUTCOMES) {
		fprintf(stderr, "hmm_litmus: %s has more than %d outcomes\n", test.name, OUTCOMES);
		exit(2);
	}
	if (i == outcome_count) {
		snprintf(outcomes[outcome_count++].text, OUTCOME_SIZE, "%s", text);
		outcomes[i].count = 0;
	}
	outcomes[i].count++;
}

static void run_once(int cpus)
{
	static struct answer answer;
	static const unsigned long longest[] = { 1, 100, 2000, 20000, 100000 };
	unsigned long limit = longest[random_below(sizeof(longest) / sizeof(*longest))];
	char text[OUTCOME_SIZE] = "";
	static int first, left;

	if (left-- == 0) {
		first = random_below(cpus);
		left = RUNS_OF_A_PLACE;
	}
	dmirror_reset();
	for (int i = 0; i < test.setups; i++) {
		dmirror_perform(test.setup[i], &answer);
		if (strncmp(answer.json, "\"rc\":0", 6)) {
			fprintf(stderr, "hmm_litmus: %s: \"%s\" of the setup answers %s\n", test.name, test.setup[i],
				answer.brief);
			exit(2);
		}
	}
	for (int i = 0; i < THREADS; i++) {
		workers[i].delay = random_below(limit);
		workers[i].cpu = (first + i) % cpus;
	}
	arrived = ended = 0;
	advance(&round_number);
	sleep_until(&ended, THREADS);
	for (int t = 0; t < test.threads; t++)
		for (int i = 0; i < test.operations[t]; i++)
			append(text, sizeof(text), "%s%d:r%d=%s;", *text ? " " : "", t, i, workers[t].text[i]);
	for (int i = 0; i < test.finals; i++) {
		dmirror_perform(test.final[i], &answer);
		append(text, sizeof(text), " [%s]=%s;", test.final[i], answer.brief);
	}
	count(text);
}

static bool is_allowed(const char *text)
{
	for (int i = 0; i < test.alloweds; i++)
		if (!strcmp(test.allowed[i], text))
			return true;
	return false;
}

static void report(long runs, double seconds)
{
	long forbidden = 0;

	for (int i = 0; json && i < outcome_count; i++)
		printf("{\"test\":\"%s\",\"outcome\":\"%s\",\"count\":%ld}\n", test.name, outcomes[i].text,
		       outcomes[i].count);
	if (!json) {
		printf("Test %s\nHistogram (%d states)\n", test.name, outcome_count);
		for (int i = 0; i < outcome_count; i++)
			printf("%-8ld%s>%s\n", outcomes[i].count, is_allowed(outcomes[i].text) ? ":" : "*",
			       outcomes[i].text);
	}
	for (int i = 0; i < outcome_count; i++)
		if (!is_allowed(outcomes[i].text))
			forbidden += outcomes[i].count;
	fprintf(json ? stderr : stdout, "Observation %s %s %ld %ld\nTime %s %.2f\n", test.name,
		forbidden == 0 ? "Never" : forbidden == runs ? "Always" : "Sometimes", forbidden, runs - forbidden,
		test.name, seconds);
	fflush(stdout);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static void run_test(int cpus)
{
	double began = now();
	long runs = 0;

	outcome_count = 0;
	while (runs < most_runs && (runs == 0 || now() - began < most_seconds)) {
		run_once(cpus);
		runs++;
	}
	dmirror_reset();
	report(runs, now() - began);
}

/* ---- the tests ---- */

static void add(char (*lines)[LENGTH], int *lines_used, int most, const char *text)
{
	if (*lines_used == most || strlen(text) >= LENGTH) {
		fprintf(stderr, "hmm_litmus: %s is too large\n", test.name);
		exit(2);
	}
	strcpy(lines[(*lines_used)++], text);
}

/* Reads one line of a test. True at its end. */
static bool read_line(char *line)
{
	char *rest = strchr(line, ' ');

	if (!strcmp(line, "end"))
		return true;
	if (!rest || *line == '#')
		return false;
	*rest++ = 0;
	if (!strcmp(line, "test")) {
		memset(&test, 0, sizeof(test));
		snprintf(test.name, sizeof(test.name), "%s", rest);
	} else if (!strcmp(line, "setup")) {
		add(test.setup, &test.setups, LINES, rest);
	} else if (!strcmp(line, "final")) {
		add(test.final, &test.finals, LINES, rest);
	} else if (!strcmp(line, "thread")) {
		int index = atoi(rest);

		if (index >= THREADS)
			exit(2);
		if (index >= test.threads)
			test.threads = index + 1;
		add(test.thread[index], &test.operations[index], OPERATIONS, strchr(rest, ' ') + 1);
	} else if (!strcmp(line, "allow") && test.alloweds < OUTCOMES) {
		snprintf(test.allowed[test.alloweds++], OUTCOME_SIZE, "%s", rest);
	}
	return false;
}

int main(int argc, char **argv)
{
	static char line[OUTCOME_SIZE + 64];
	int cpus = sysconf(_SC_NPROCESSORS_ONLN);

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json"))
			json = true;
		else if (!strcmp(argv[i], "--runs") && i + 1 < argc)
			most_runs = atol(argv[++i]);
		else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
			seed = strtoull(argv[++i], NULL, 10) | 1;
		else if (!strcmp(argv[i], "--time") && i + 1 < argc)
			most_seconds = atol(argv[++i]);
		else {
			fprintf(stderr, "usage: hmm_litmus [--runs N] [--seed N] [--time SECONDS] [--json] < litmus.txt\n");
			return 2;
		}
	}
	dmirror_begin();
	for (int i = 0; i < THREADS; i++) {
		workers[i].pinned = -1;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			die("pthread_create");
	}
	/* A port has no end: the tests end with a line of their own. */
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!strcmp(line, "done"))
			break;
		if (read_line(line))
			run_test(cpus);
	}
	return 0;
}
