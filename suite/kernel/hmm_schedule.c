/*
 * Runs schedules (suite/schedules, `hmm-spec export trace FILE --to schedule`) on a kernel with CONFIG_TEST_HMM and hold.c: each thread
 * performs its operation, and the kernel holds it where the schedule says. Then it looks whether the breach is seen.
 *
 *   cc -static -O2 -Wall -Wextra -pthread -o hmm_schedule hmm_schedule.c dmirror.c answer.c child.c entries.c
 *   ./hmm_schedule [--runs N] [--free] < H17.txt
 *
 * One JSON object a line: what each thread answered, what each operation at the end answered, the log of the holds, and whether the
 * schedule was forced. With --free nobody is held: the threads begin at the same time, for comparison.
 */
#define _GNU_SOURCE
#include "dmirror.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define THREADS 3
#define LINES 64
#define LENGTH 128
#define LOG_SIZE 16384
#define CPUS 8
#define ABSORBED 2048 /* pages that each CPU takes, so that one that was freed is not had again by chance */

struct schedule {
	char name[64];
	char setup[LINES][LENGTH], hold[LINES][LENGTH], final[LINES][LENGTH], thread[THREADS][LENGTH];
	int setups, holds, finals, threads;
};

static struct schedule schedule;
static int hold_device;
static bool held = true;
static pthread_barrier_t barrier;
static struct answer answers[THREADS];

static void command(const char *text)
{
	if (write(hold_device, text, strlen(text)) < 0) {
		fprintf(stderr, "hmm_schedule: %s: the kernel refuses \"%s\": %m\n", schedule.name, text);
		exit(2);
	}
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		fprintf(stderr, "hmm_schedule: there must be a CPU for each thread and one more\n");
		exit(2);
	}
}

static void *work(void *argument)
{
	int index = (int)(long)argument;
	char text[32];

	pin(index + 1);
	dmirror_prepare();
	pthread_barrier_wait(&barrier);
	snprintf(text, sizeof(text), "thread %d", index);
	if (held)
		command(text);
	dmirror_perform(schedule.thread[index], &answers[index]);
	snprintf(text, sizeof(text), "end %d", index);
	if (held)
		command(text);
	return NULL;
}

static char *touched(size_t size)
{
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	for (size_t at = 0; at < size; at += PAGE)
		*(unsigned long long *)(memory + at) = 4242;
	return memory;
}

/*
 * A page that was touched just now waits in a list of its CPU. To migrate it would mean to empty the lists of all CPUs, for which
 * each has to run something: a CPU whose thread is held cannot. Others push it out of its list.
 */
static void settle(void)
{
	munmap(touched(64 * PAGE), 64 * PAGE);
}

/* Pages that are free get another owner, who writes to them. */
static void absorb(char **memory, int cpus)
{
	for (int cpu = 0; cpu < cpus; cpu++) {
		pin(cpu);
		memory[cpu] = touched(ABSORBED * PAGE);
	}
	pin(0);
}

static void print_log(const char *log)
{
	printf("\"log\":[");
	for (const char *at = log, *end; *at; at = end + 1) {
		end = strchrnul(at, '\n');
		printf("%s\"%.*s\"", at == log ? "" : ",", (int)(end - at), at);
		if (!*end)
			break;
	}
	printf("]");
}

static void run(int cpus)
{
	static struct answer answer;
	static char log[LOG_SIZE];
	pthread_t threads[THREADS];
	bool seen = false, stopped;
	ssize_t size = 0;
	char *absorbed[CPUS];

	dmirror_reset();
	dmirror_perform("open", &answer);
	for (int i = 0; i < schedule.setups; i++) {
		dmirror_perform(schedule.setup[i], &answer);
		if (strncmp(answer.json, "\"rc\":0", 6)) {
			fprintf(stderr, "hmm_schedule: %s: \"%s\" of the setup answers %s\n", schedule.name,
				schedule.setup[i], answer.brief);
			exit(2);
		}
	}
	settle();
	command("clear");
	for (int i = 0; held && i < schedule.holds; i++)
		command(schedule.hold[i]);
	/* A kernel that crashes says no more than this. */
	fprintf(stderr, "hmm_schedule: %s begins\n", schedule.name);
	pthread_barrier_init(&barrier, NULL, schedule.threads);
	for (long i = 0; i < schedule.threads; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)i))
			die("pthread_create");
	for (int i = 0; i < schedule.threads; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	size = pread(hold_device, log, sizeof(log) - 1, 0);
	log[size < 0 ? 0 : size] = 0;
	stopped = strstr(log, "gives up") != NULL;
	command("clear");
	absorb(absorbed, cpus);
	printf("{\"schedule\":\"%s\",\"held\":%s,\"forced\":%s,\"threads\":[", schedule.name, held ? "true" : "false",
	       held && !stopped ? "true" : "false");
	for (int i = 0; i < schedule.threads; i++)
		printf("%s{\"op\":\"%s\",\"answer\":\"%s\"}", i ? "," : "", schedule.thread[i], answers[i].brief);
	printf("],\"final\":[");
	for (int i = 0; i < schedule.finals; i++) {
		char *op = strchr(schedule.final[i], ' ');
		bool same;

		dmirror_perform(op + 1, &answer);
		same = strlen(answer.brief) == (size_t)(op - schedule.final[i]) &&
		       !strncmp(answer.brief, schedule.final[i], op - schedule.final[i]);
		seen = seen || !same;
		printf("%s{\"op\":\"%s\",\"answer\":\"%s\",\"expected\":\"%.*s\"}", i ? "," : "", op + 1, answer.brief,
		       (int)(op - schedule.final[i]), schedule.final[i]);
	}
	printf("],\"seen\":%s,", seen ? "true" : "false");
	print_log(log);
	printf("}\n");
	fflush(stdout);
	for (int cpu = 0; cpu < cpus; cpu++)
		munmap(absorbed[cpu], ABSORBED * PAGE);
}

static void add(char (*lines)[LENGTH], int *used, const char *text)
{
	if (*used == LINES || strlen(text) >= LENGTH) {
		fprintf(stderr, "hmm_schedule: %s is too large\n", schedule.name);
		exit(2);
	}
	strcpy(lines[(*used)++], text);
}

/* Reads one line of a schedule. True at its end. */
static bool read_line(char *line)
{
	char *rest = strchr(line, ' ');

	if (!strcmp(line, "end"))
		return true;
	if (!rest || *line == '#')
		return false;
	if (!strncmp(line, "schedule ", 9)) {
		memset(&schedule, 0, sizeof(schedule));
		snprintf(schedule.name, sizeof(schedule.name), "%s", rest + 1);
	} else if (!strncmp(line, "setup ", 6)) {
		add(schedule.setup, &schedule.setups, rest + 1);
	} else if (!strncmp(line, "hold ", 5)) {
		add(schedule.hold, &schedule.holds, line);
	} else if (!strncmp(line, "final ", 6)) {
		add(schedule.final, &schedule.finals, rest + 1);
	} else if (!strncmp(line, "thread ", 7)) {
		int index = atoi(rest + 1);

		if (index != schedule.threads || index >= THREADS || strlen(rest) >= LENGTH)
			exit(2);
		strcpy(schedule.thread[schedule.threads++], strchr(rest + 1, ' ') + 1);
	}
	return false;
}

int main(int argc, char **argv)
{
	static char line[256];
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	long runs = 1;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--free"))
			held = false;
		else if (!strcmp(argv[i], "--runs") && i + 1 < argc)
			runs = atol(argv[++i]);
		else {
			fprintf(stderr, "usage: hmm_schedule [--runs N] [--free] < schedule.txt\n");
			return 2;
		}
	}
	hold_device = open("/dev/hmm_hold", O_RDWR | O_CLOEXEC);
	if (hold_device < 0)
		die("/dev/hmm_hold: was the kernel built with hold-points.sh?");
	if (cpus > CPUS)
		cpus = CPUS;
	pin(0);
	dmirror_begin();
	/* A port has no end: the schedules end with a line of their own. */
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!strcmp(line, "done"))
			break;
		if (read_line(line))
			for (long i = 0; i < runs; i++)
				run(cpus);
	}
	return 0;
}
