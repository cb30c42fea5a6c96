/*
 * The child of a fork. It performs what its parent asks for, through memory that both have.
 */
#define _GNU_SOURCE
#include "dmirror.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Through this a parent tells its child what to do. */
struct mailbox {
	int state; /* 0 nothing to do, 1 asked, 2 answered */
	char op[256];
	bool known;
	struct answer answer;
};

static struct mailbox *mailbox;
static pid_t child;
static bool am_child;

/* The child of a child: nobody asks it for anything. It has what it has inherited until its parent ends. */
static _Noreturn void idle(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Its parent may have ended before it could ask to be told. */
	if (getppid() != parent)
		_exit(0);
	for (;;)
		pause();
}

static void wait_while(int *state, int is)
{
	for (int i = 0; i < 200; i++)
		if (__atomic_load_n(state, __ATOMIC_ACQUIRE) != is)
			return;
	while (__atomic_load_n(state, __ATOMIC_ACQUIRE) == is)
		syscall(SYS_futex, state, FUTEX_WAIT, is, NULL, NULL, 0);
}

static void set_state(int *state, int to)
{
	__atomic_store_n(state, to, __ATOMIC_RELEASE);
	syscall(SYS_futex, state, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static _Noreturn void serve(void (*inherit)(void))
{
	am_child = true;
	child = 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	inherit();
	for (;;) {
		wait_while(&mailbox->state, 0);
		if (mailbox->state == 1) {
			mailbox->known = dmirror_perform(mailbox->op, &mailbox->answer);
			set_state(&mailbox->state, 2);
		}
		wait_while(&mailbox->state, 2);
	}
}

void child_end(void)
{
	if (!child)
		return;
	kill(child, SIGKILL);
	/* Its own child ends with it, and is this process's then. */
	while (waitpid(-1, NULL, 0) > 0)
		;
	child = 0;
}

int child_fork(void (*inherit)(void))
{
	pid_t self = getpid(), pid;

	if (child)
		return EBUSY;
	if (!am_child) {
		mailbox->state = 0;
		/* Whom its child leaves behind it waits for as well. */
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	}
	pid = fork();
	if (pid < 0)
		return errno;
	if (pid == 0 && am_child)
		idle(self);
	if (pid == 0)
		serve(inherit);
	child = pid;
	return 0;
}

bool child_ask(const char *op, struct answer *answer)
{
	bool known;

	if (!child) {
		BRIEF(answer, "no child");
		JSON(answer, "\"rc\":-%d,\"err\":\"ESRCH\"", ESRCH);
		return true;
	}
	snprintf(mailbox->op, sizeof(mailbox->op), "%s", op);
	set_state(&mailbox->state, 1);
	wait_while(&mailbox->state, 1);
	known = mailbox->known;
	strcpy(answer->json, mailbox->answer.json);
	strcpy(answer->brief, mailbox->answer.brief);
	set_state(&mailbox->state, 0);
	return known;
}

bool is_child(void)
{
	return am_child;
}

void child_begin(void)
{
	mailbox = (struct mailbox *)shared_memory(sizeof(*mailbox));
}
