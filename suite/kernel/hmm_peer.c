/*
 * A peer of the conformance suite (docs/suite.md) that is a real kernel: it performs the operations on
 * /dev/hmm_dmirror*, the test driver of CONFIG_TEST_HMM.
 *
 *   cc -static -O2 -Wall -Wextra -o hmm_peer hmm_peer.c dmirror.c answer.c child.c entries.c
 *   ./hmm_peer [PROFILE [RELEASE]]        default test_hmm-6.1 6.1
 */
#define _GNU_SOURCE
#include "dmirror.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* A sequence runs in a process of its own, so that nothing is left of it. */
static pid_t worker;
static FILE *to_worker, *from_worker;

static void work(FILE *in, FILE *out)
{
	static struct answer answer;
	static char op[4096];

	dmirror_perform("open", &answer);
	while (fgets(op, sizeof(op), in)) {
		op[strcspn(op, "\n")] = 0;
		if (dmirror_perform(op, &answer))
			fprintf(out, "%s\n", answer.json);
		else
			fprintf(out, "\"unsupported\":true\n");
		fflush(out);
	}
	dmirror_reset();
	_exit(0);
}

static void end_worker(void)
{
	if (!worker)
		return;
	/* It ends its child before itself: a child that lived on would answer for the next, and as it ends, evict its pages. */
	fclose(to_worker);
	waitpid(worker, NULL, 0);
	fclose(from_worker);
	worker = 0;
}

static void start_worker(void)
{
	int down[2], up[2];

	end_worker();
	if (pipe(down) || pipe(up))
		exit(2);
	fflush(stdout);
	worker = fork();
	if (worker < 0)
		exit(2);
	if (worker == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(down[1]);
		close(up[0]);
		work(fdopen(down[0], "r"), fdopen(up[1], "w"));
	}
	close(down[0]);
	close(up[1]);
	to_worker = fdopen(down[1], "w");
	from_worker = fdopen(up[0], "r");
}

/* The text of a member of the question, without quotes; false if there is none. No text has a quote inside. */
static bool member(const char *line, const char *name, char *text, size_t size)
{
	char key[32];
	const char *at;
	size_t length;

	snprintf(key, sizeof(key), "\"%s\":", name);
	at = strstr(line, key);
	if (!at)
		return false;
	at += strlen(key);
	at += strspn(at, " \"");
	length = strcspn(at, "\"}");
	snprintf(text, size, "%.*s", (int)length, at);
	return true;
}

int main(int argc, char **argv)
{
	static char line[8192], op[4096], answer[JSON_SIZE];
	static struct answer first;
	const char *profile = argc > 1 ? argv[1] : "test_hmm-6.1";
	const char *release = argc > 2 ? argv[2] : "6.1";

	/* How the kernel shows its entries is found out once. What is open belongs to the sequences. */
	dmirror_begin();
	dmirror_perform("close 0", &first);
	dmirror_perform("close 1", &first);
	while (fgets(line, sizeof(line), stdin)) {
		int id = -1;
		char *at = strstr(line, "\"id\":");

		if (at)
			id = atoi(at + 5);
		if (strstr(line, "\"hello\"")) {
			printf("{\"id\":%d,\"hello\":{\"protocol\":1,\"name\":\"Linux with test_hmm\","
			       "\"release\":\"%s\",\"profile\":\"%s\"}}\n", id, release, profile);
		} else if (strstr(line, "\"bye\"")) {
			end_worker();
			printf("{\"id\":%d}\n", id);
			fflush(stdout);
			return 0;
		} else if (strstr(line, "\"reset\"")) {
			start_worker();
			printf("{\"id\":%d}\n", id);
		} else if (member(line, "op", op, sizeof(op)) && worker) {
			fprintf(to_worker, "%s\n", op);
			fflush(to_worker);
			if (!fgets(answer, sizeof(answer), from_worker)) {
				fprintf(stderr, "hmm_peer: the process that performs \"%s\" has ended\n", op);
				return 2;
			}
			answer[strcspn(answer, "\n")] = 0;
			printf("{\"id\":%d,%s}\n", id, answer);
		} else {
			fprintf(stderr, "hmm_peer: not a question: %s", line);
			return 2;
		}
		fflush(stdout);
	}
	end_worker();
	return 0;
}
