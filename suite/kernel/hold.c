// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Holds threads at the entry or the return of functions until another thread stands where it has to: /dev/hmm_hold.
 *
 * This file is built into the kernel (build.sh). The objects whose functions can be held at are compiled with
 * -finstrument-functions: their functions call the two hooks below.
 *
 * What is written to the device, one command a write:
 *
 *   clear                                     forget everything; whoever is held goes on
 *   hold T FUNCTION entry|return NTH U COUNT  thread T must not pass the NTH such point, counted since the hold before, until
 *                                             thread U has come to COUNT holds of its own, or has ended
 *   thread T                                  the caller is thread T, and begins
 *   end T                                     thread T has ended
 *
 * FUNCTION is a symbol of the kernel; `begin` is the place where a thread begins. What is read is the log: one line for each hold
 * that was come to, passed, or given up.
 *
 * Whoever is held in a function spins: it may hold a spinlock, or be in a section of RCU. So there must be a CPU for each thread.
 * It gives up after some seconds, and then nobody is held any more: the log says where the schedule stopped.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kallsyms.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nmi.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#define HOLD_THREADS 3
#define HOLD_POINTS 48
#define HOLD_SECONDS 8
#define LOG_SIZE 16384

struct hold_point {
	char name[64];
	unsigned long function; /* 0 where the thread begins */
	bool at_return;
	unsigned int nth;
	unsigned int other, count;
};

struct hold_thread {
	struct task_struct *task;
	struct hold_point points[HOLD_POINTS];
	unsigned int used, hits;
	unsigned int came; /* to how many of its points it has come */
	unsigned int passed;
	bool ended;
};

static struct hold_thread hold_threads[HOLD_THREADS];
static bool hold_armed, hold_given_up;
static DEFINE_SPINLOCK(hold_lock);
static char hold_log[LOG_SIZE];
static size_t hold_log_used;

#define UNHOOKED __attribute__((no_instrument_function))

static __printf(1, 2) UNHOOKED void log_line(const char *format, ...)
{
	unsigned long flags;
	va_list list;

	spin_lock_irqsave(&hold_lock, flags);
	va_start(list, format);
	hold_log_used += vscnprintf(hold_log + hold_log_used, LOG_SIZE - hold_log_used, format, list);
	va_end(list);
	spin_unlock_irqrestore(&hold_lock, flags);
}

static UNHOOKED const char *end_of(const struct hold_point *point)
{
	return point->function ? (point->at_return ? " return" : " entry") : "";
}

static UNHOOKED bool may_pass(const struct hold_point *point)
{
	const struct hold_thread *other = &hold_threads[point->other];

	return READ_ONCE(other->came) >= point->count || READ_ONCE(other->ended) || READ_ONCE(hold_given_up) ||
	       !READ_ONCE(hold_armed);
}

static UNHOOKED void wait_at(unsigned int index, struct hold_thread *thread, const struct hold_point *point)
{
	u64 until = ktime_get_mono_fast_ns() + HOLD_SECONDS * NSEC_PER_SEC;

	log_line("%u stands at %s%s\n", index, point->name, end_of(point));
	smp_store_release(&thread->came, thread->came + 1);
	while (!may_pass(point)) {
		if (point->function) {
			cpu_relax();
			touch_softlockup_watchdog();
		} else {
			msleep(1);
		}
		if (ktime_get_mono_fast_ns() < until)
			continue;
		log_line("%u gives up at %s%s: thread %u has come to %u of %u places\n", index, point->name,
			 end_of(point), point->other, READ_ONCE(hold_threads[point->other].came), point->count);
		WRITE_ONCE(hold_given_up, true);
	}
	smp_mb();
	thread->passed++;
	thread->hits = 0;
	if (!READ_ONCE(hold_given_up))
		log_line("%u passes %s%s\n", index, point->name, end_of(point));
}

static UNHOOKED void come_to(unsigned long function, bool at_return)
{
	if (likely(!READ_ONCE(hold_armed)) || !in_task())
		return;
	for (unsigned int i = 0; i < HOLD_THREADS; i++) {
		struct hold_thread *thread = &hold_threads[i];
		const struct hold_point *point;

		if (READ_ONCE(thread->task) != current)
			continue;
		if (thread->passed == thread->used)
			return;
		point = &thread->points[thread->passed];
		if (point->function == function && point->at_return == at_return && ++thread->hits >= point->nth)
			wait_at(i, thread, point);
		return;
	}
}

void __cyg_profile_func_enter(void *function, void *from);
void __cyg_profile_func_exit(void *function, void *from);

void UNHOOKED __cyg_profile_func_enter(void *function, void *from)
{
	come_to((unsigned long)function, false);
}
EXPORT_SYMBOL_GPL(__cyg_profile_func_enter);

void UNHOOKED __cyg_profile_func_exit(void *function, void *from)
{
	come_to((unsigned long)function, true);
}
EXPORT_SYMBOL_GPL(__cyg_profile_func_exit);

/* ---- the device ---- */

static void hold_clear(void)
{
	WRITE_ONCE(hold_armed, false);
	memset(hold_threads, 0, sizeof(hold_threads));
	hold_given_up = false;
	hold_log_used = 0;
}

static int hold_add(const char *text)
{
	struct hold_thread *thread;
	struct hold_point point = {};
	unsigned int index;
	char end[8];

	if (sscanf(text, "hold %u %63s %7s %u %u %u", &index, point.name, end, &point.nth, &point.other,
		   &point.count) != 6 ||
	    index >= HOLD_THREADS || point.other >= HOLD_THREADS)
		return -EINVAL;
	thread = &hold_threads[index];
	if (thread->used == HOLD_POINTS)
		return -ENOSPC;
	point.at_return = !strcmp(end, "return");
	if (strcmp(point.name, "begin")) {
		point.function = kallsyms_lookup_name(point.name);
		if (!point.function)
			return -ENOENT;
	}
	thread->points[thread->used++] = point;
	return 0;
}

static ssize_t hold_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	char text[160] = "";
	unsigned int index;
	int error = 0;

	if (size >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, from, size))
		return -EFAULT;
	strim(text);
	if (!strcmp(text, "clear")) {
		hold_clear();
	} else if (!strncmp(text, "hold ", 5)) {
		error = hold_add(text);
	} else if (sscanf(text, "thread %u", &index) == 1 && index < HOLD_THREADS) {
		WRITE_ONCE(hold_threads[index].task, current);
		WRITE_ONCE(hold_armed, true);
		come_to(0, false);
	} else if (sscanf(text, "end %u", &index) == 1 && index < HOLD_THREADS) {
		WRITE_ONCE(hold_threads[index].task, NULL);
		/* The log has it before anybody goes on because of it. */
		log_line("%u has ended\n", index);
		smp_store_release(&hold_threads[index].ended, true);
	} else {
		error = -EINVAL;
	}
	return error ?: size;
}

static ssize_t hold_read(struct file *file, char __user *to, size_t size, loff_t *at)
{
	return simple_read_from_buffer(to, size, at, hold_log, hold_log_used);
}

static const struct file_operations hold_operations = {
	.owner = THIS_MODULE,
	.write = hold_write,
	.read = hold_read,
	.llseek = default_llseek,
};

static struct miscdevice hold_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hmm_hold",
	.fops = &hold_operations,
	.mode = 0600,
};

static int __init hold_init(void)
{
	return misc_register(&hold_device);
}
device_initcall(hold_init);
