/*
 * A peer of the conformance suite in plain C: a model of anonymous memory, of two devices that
 * mirror it, of migration to their private memory, of exclusive access and of fork. It answers by
 * the profile test_hmm-6.1. Written from docs/operations.md and docs/suite.md; it shares no code
 * with the specification.
 *
 *   cc -std=c99 -Wall -Wextra -O1 -o peer peer.c
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGES 256        /* of the window */
#define FRAMES 4096      /* of memory, the devices' included */
#define PIECE 64         /* pages that the driver serves at once */
#define DEVICES 2
#define PROCESSES 2

enum { EPERM = 1, ENOENT = 2, EBADF = 9, ENOMEM = 12, EFAULT = 14, EBUSY = 16, EINVAL = 22 };
enum { READ = 1, WRITE = 2, ACCOUNT = 4 };
enum kind { NONE, ZERO, PRESENT, PRIVATE, EXCLUSIVE };

typedef unsigned long long value;

/* A page of memory. It is free while no entry of a page table names it. */
struct frame {
	value word;
	int device;           /* whose private memory it is in, or -1 */
	struct mirror *filled_by;
	bool anon_exclusive;  /* only one process can have it, so that it may write without a copy */
};

struct pte {
	enum kind kind;
	int frame;
	bool write, dirty;
};

/* A page of an area: neighbours with the same number are one area. */
struct vma {
	int area;             /* 0 for a hole */
	int flags;
	int anon;             /* the anon_vma, or 0 */
	bool forked;          /* it has the parent's anon_vma too, and joins nobody who has none */
};

struct entry {
	int frame;            /* -1 if there is none */
	bool write, atomic;
};

/* An open device file, with the page table of the device. */
struct mirror {
	bool open;            /* somebody has it */
	struct process *of;
	int device;
	struct entry at[PAGES];
};

struct process {
	bool alive;
	struct vma vma[PAGES];
	struct pte pte[PAGES];
	struct mirror *file[DEVICES];      /* its own, or NULL */
	struct mirror *inherited[DEVICES]; /* of its parent, or NULL */
};

static struct frame frames[FRAMES];
static struct process processes[PROCESSES];
static struct mirror mirrors[PROCESSES * DEVICES * 64];
static int mirror_count, next_area, next_anon;

/* ---- pages ---- */

static int mapcount(int frame)
{
	int count = 0;

	for (struct process *p = processes; p < processes + PROCESSES; p++)
		for (int i = 0; p->alive && i < PAGES; i++)
			if ((p->pte[i].kind == PRESENT || p->pte[i].kind == PRIVATE) && p->pte[i].frame == frame)
				count++;
	return count;
}

static int alloc_frame(int device)
{
	static bool used[FRAMES];

	memset(used, 0, sizeof(used));
	for (struct process *p = processes; p < processes + PROCESSES; p++)
		for (int i = 0; p->alive && i < PAGES; i++)
			if (p->pte[i].kind >= PRESENT)
				used[p->pte[i].frame] = true;
	for (int frame = 0; frame < FRAMES; frame++)
		if (!used[frame]) {
			frames[frame] = (struct frame){ .device = device };
			return frame;
		}
	exit(3);
}

/* ---- invalidation ---- */

static void drop(struct mirror *m, int page)
{
	if (page < PAGES)
		m->at[page] = (struct entry){ .frame = -1 };
}

/*
 * Tells the mirrors of a process that pages change. A migration of the device's own is passed over;
 * any other drops the entry after the range too.
 */
static void invalidate(struct process *p, int start, int end, int own_device)
{
	for (struct mirror *m = mirrors; m < mirrors + mirror_count; m++)
		if (m->open && m->of == p && m->device != own_device)
			for (int page = start; page <= end; page++)
				drop(m, page);
}

/* ---- areas ---- */

static bool in_area(struct process *p, int page)
{
	return page >= 0 && page < PAGES && p->vma[page].area != 0;
}

static int area_end(struct process *p, int page)
{
	int end = page;

	while (end < PAGES && p->vma[end].area == p->vma[page].area)
		end++;
	return end;
}

static int area_start(struct process *p, int page)
{
	while (page > 0 && p->vma[page - 1].area == p->vma[page].area)
		page--;
	return page;
}

static bool mergeable(const struct vma *new, const struct vma *old)
{
	if (new->flags != old->flags)
		return false;
	if (!new->anon || !old->anon)
		return !old->forked;
	return new->anon == old->anon;
}

static void set_area(struct process *p, int start, int end, struct vma vma)
{
	for (int page = start; page < end; page++)
		p->vma[page] = vma;
}

/* Makes [start, end) an area of its own, and joins it to its neighbours where they are alike. */
static void place(struct process *p, int start, int end, struct vma vma)
{
	bool before = in_area(p, start - 1) && mergeable(&vma, &p->vma[start - 1]);
	bool after = in_area(p, end) && mergeable(&vma, &p->vma[end]);
	int from = before ? area_start(p, start - 1) : start;
	int to = after ? area_end(p, end) : end;
	int one = before ? p->vma[start - 1].anon : 0, other = after ? p->vma[end].anon : 0;

	if (before && after && one != other && one && other)
		to = end, after = false, other = 0;
	vma.area = ++next_area;
	vma.forked = vma.forked || (before && p->vma[start - 1].forked) || (after && p->vma[end].forked);
	if (!vma.anon)
		vma.anon = one ? one : other;
	set_area(p, from, to, vma);
}

/* Splits an area, so that one begins at the page. */
static void split(struct process *p, int page)
{
	if (page <= 0 || page >= PAGES || !p->vma[page].area || p->vma[page - 1].area != p->vma[page].area)
		return;
	int end = area_end(p, page);

	next_area++;
	for (int i = page; i < end; i++)
		p->vma[i].area = next_area;
}

/* What an area needs before its first page of its own: a neighbour's anon_vma will do. */
static void anon_vma_prepare(struct process *p, int page)
{
	int start = area_start(p, page), end = area_end(p, page);
	int anon = 0;

	if (p->vma[page].anon)
		return;
	if (in_area(p, end) && !p->vma[end].forked && !((p->vma[end].flags ^ p->vma[page].flags) & ACCOUNT))
		anon = p->vma[end].anon;
	if (!anon && in_area(p, start - 1) && !p->vma[start - 1].forked &&
	    !((p->vma[start - 1].flags ^ p->vma[page].flags) & ACCOUNT))
		anon = p->vma[start - 1].anon;
	if (!anon)
		anon = ++next_anon;
	for (int i = start; i < end; i++)
		p->vma[i].anon = anon;
}

/* ---- migration of one page, and CPU faults ---- */

/* Gives every entry that names a page another page, of the same contents. */
static void move_frame(int from, int to)
{
	frames[to].word = frames[from].word;
	frames[to].anon_exclusive = frames[from].anon_exclusive;
	for (struct process *p = processes; p < processes + PROCESSES; p++)
		for (int i = 0; p->alive && i < PAGES; i++) {
			struct pte *pte = &p->pte[i];

			if ((pte->kind != PRESENT && pte->kind != PRIVATE) || pte->frame != from)
				continue;
			pte->kind = frames[to].device >= 0 ? PRIVATE : PRESENT;
			pte->frame = to;
			pte->dirty = false;
		}
}

/* Unmapping a page by its reverse mapping tells every process that has it, the migrating one too. */
static void announce_unmap(int frame)
{
	for (struct process *p = processes; p < processes + PROCESSES; p++)
		for (int i = 0; p->alive && i < PAGES; i++)
			if ((p->pte[i].kind == PRESENT || p->pte[i].kind == PRIVATE) && p->pte[i].frame == frame)
				invalidate(p, i, i + 1, -1);
}

/* Moves a page that is mapped in a process whose page table the migration has walked. */
static void migrate_frame(int from, int to)
{
	if (mapcount(from) > 1)
		announce_unmap(from);
	move_frame(from, to);
}

/* The CPU has touched a page of a device: it comes back. */
static void migrate_to_ram(struct process *p, int page)
{
	int from = p->pte[page].frame;
	struct mirror *m = frames[from].filled_by;

	invalidate(p, page, page + 1, frames[from].device);
	drop(m, page);
	migrate_frame(from, alloc_frame(-1));
}

static void restore_exclusive(struct process *p, int page)
{
	struct pte *pte = &p->pte[page];

	pte->kind = PRESENT;
	pte->write = pte->write && (p->vma[page].flags & WRITE);
	pte->dirty = pte->write;
}

static void map_new(struct process *p, int page, value word)
{
	int frame = alloc_frame(-1);

	frames[frame].word = word;
	frames[frame].anon_exclusive = true;
	p->pte[page] = (struct pte){ PRESENT, frame, true, true };
}

/* Serves a fault, until the access would succeed. */
static void handle_mm_fault(struct process *p, int page, bool write)
{
	struct pte *pte = &p->pte[page];

	if (pte->kind == PRIVATE)
		migrate_to_ram(p, page);
	if (pte->kind == EXCLUSIVE) {
		invalidate(p, page, page + 1, -1);
		restore_exclusive(p, page);
	}
	if (pte->kind == NONE && !write) {
		*pte = (struct pte){ ZERO, -1, false, false };
		return;
	}
	if (!write)
		return;
	if (pte->kind == NONE || pte->kind == ZERO) {
		anon_vma_prepare(p, page);
		if (pte->kind == ZERO)
			invalidate(p, page, page + 1, -1);
		map_new(p, page, 0);
	} else if (!pte->write) {
		if (frames[pte->frame].anon_exclusive || mapcount(pte->frame) == 1) {
			frames[pte->frame].anon_exclusive = true;
			pte->write = true;
		} else {
			value word = frames[pte->frame].word;

			invalidate(p, page, page + 1, -1);
			map_new(p, page, word);
		}
	}
	pte->dirty = true;
}

/* ---- the walk ---- */

/* Faults pages in that are requested, and returns 0 or an error. */
static int hmm_range_fault(struct process *p, int start, int end, bool write, int device)
{
	for (int page = start; page < end;) {
		struct pte *pte = &p->pte[page];
		int stop;

		if (!in_area(p, page) || !(p->vma[page].flags & READ))
			return -EFAULT;
		if (pte->kind == PRIVATE && frames[pte->frame].device == device) {
			page++;
			continue;
		}
		if ((pte->kind == PRESENT || pte->kind == ZERO) && (pte->write || !write)) {
			page++;
			continue;
		}
		if (write && !(p->vma[page].flags & WRITE))
			return -EPERM;
		stop = area_end(p, page) < end ? area_end(p, page) : end;
		for (int i = page; i < stop; i++)
			handle_mm_fault(p, i, write);
	}
	return 0;
}

/* ---- the driver ---- */

static int dmirror_fault(struct mirror *m, int start, int end, bool write)
{
	struct process *p = m->of;

	for (int at = start; at < end; at += PIECE) {
		int next = at + PIECE < end ? at + PIECE : end;
		int error = hmm_range_fault(p, at, next, write, m->device);

		if (error)
			return error;
		for (int page = at; page < next; page++) {
			struct pte *pte = &p->pte[page];

			if (write && !pte->write)
				return -EFAULT;
			m->at[page] = (struct entry){ pte->kind == ZERO ? FRAMES : pte->frame, pte->write, false };
		}
	}
	return 0;
}

static value read_entry(const struct entry *e)
{
	return e->frame == FRAMES ? 0 : frames[e->frame].word;
}

/* Reads until an entry is missing. Returns the page that it stopped at. */
static int do_read(struct mirror *m, int page, int end, value *values)
{
	for (; page < end && m->at[page].frame >= 0; page++)
		*values++ = read_entry(&m->at[page]);
	return page;
}

static int dev_read(struct mirror *m, int start, int end, value *values, int *faults)
{
	int page = start, error;

	if (start >= end)
		return -EINVAL;
	while ((page = do_read(m, page, end, values + (page - start))) < end) {
		if ((error = dmirror_fault(m, page, end, false)))
			return error;
		++*faults;
	}
	return 0;
}

static int dev_write(struct mirror *m, int start, int end, value word, int *faults)
{
	int page = start, error;

	if (start >= end)
		return -EINVAL;
	for (;;) {
		while (page < end && m->at[page].frame >= 0 && m->at[page].write && !m->at[page].atomic) {
			frames[m->at[page].frame].word = word + (value)(page - start);
			page++;
		}
		if (page == end)
			return 0;
		if ((error = dmirror_fault(m, page, end, true)))
			return error;
		++*faults;
	}
}

/* A page of the range moves to the device. */
static void page_to_device(struct mirror *m, int page)
{
	struct process *p = m->of;
	struct pte *pte = &p->pte[page];
	bool write = pte->kind == PRESENT ? pte->write : (p->vma[page].flags & WRITE) != 0;
	int to;

	if (pte->kind == PRIVATE || pte->kind == EXCLUSIVE)
		return;
	to = alloc_frame(m->device);
	frames[to].filled_by = m;
	if (pte->kind == PRESENT) {
		migrate_frame(pte->frame, to);
	} else {
		anon_vma_prepare(p, page);
		frames[to].anon_exclusive = true;
		*pte = (struct pte){ PRIVATE, to, write, false };
	}
	m->at[page] = (struct entry){ to, write, false };
}

/* The end of the piece that begins at a page, or an error. */
static int piece_end(struct process *p, int at, int end)
{
	int next = at + PIECE < end ? at + PIECE : end;

	if (!in_area(p, at) || !(p->vma[at].flags & READ))
		return -EINVAL;
	return area_end(p, at) < next ? area_end(p, at) : next;
}

static int migrate_to_dev(struct mirror *m, int start, int end, value *values)
{
	if (start >= end)
		return -EINVAL;
	for (int at = start, next; at < end; at = next) {
		if ((next = piece_end(m->of, at, end)) < 0)
			return next;
		invalidate(m->of, at, next, m->device);
		for (int page = at; page < next; page++)
			page_to_device(m, page);
	}
	return do_read(m, start, end, values) < end ? -ENOENT : 0;
}

static int migrate_to_sys(struct mirror *m, int start, int end, int *moved)
{
	struct process *p = m->of;

	if (start >= end)
		return -EINVAL;
	for (int at = start, next; at < end; at = next) {
		if ((next = piece_end(p, at, end)) < 0)
			return next;
		invalidate(p, at, next, m->device);
		for (int page = at; page < next; page++) {
			struct pte *pte = &p->pte[page];

			if (pte->kind != PRIVATE || frames[pte->frame].device != m->device)
				continue;
			drop(m, page);
			migrate_frame(pte->frame, alloc_frame(-1));
			++*moved;
		}
	}
	return 0;
}

/* Every page of the device goes back to the system. */
static void evict(int device)
{
	for (struct process *p = processes; p < processes + PROCESSES; p++)
		for (int i = 0; p->alive && i < PAGES; i++)
			if (p->pte[i].kind == PRIVATE && frames[p->pte[i].frame].device == device) {
				announce_unmap(p->pte[i].frame);
				move_frame(p->pte[i].frame, alloc_frame(-1));
			}
}

static int exclusive_piece(struct mirror *m, int start, int end)
{
	struct process *p = m->of;
	int got = start;

	for (; got < end && in_area(p, got) && (p->vma[got].flags & WRITE); got++)
		if (p->pte[got].kind != PRESENT || !p->pte[got].write)
			handle_mm_fault(p, got, true);
	for (int page = start; page < got; page++) {
		invalidate(p, page, page + 1, -1);
		p->pte[page].kind = EXCLUSIVE;
	}
	if (got < end)
		return -EBUSY;
	for (int page = start; page < end; page++)
		m->at[page] = (struct entry){ p->pte[page].frame, true, true };
	return 0;
}

static int exclusive(struct mirror *m, int start, int end, value *values)
{
	if (start >= end)
		return -EINVAL;
	for (int at = start; at < end; at += PIECE) {
		int error = exclusive_piece(m, at, at + PIECE < end ? at + PIECE : end);

		if (error)
			return error;
	}
	return do_read(m, start, end, values) < end ? -ENOENT : 0;
}

static int check_exclusive(struct mirror *m, int start, int end)
{
	if (start >= end)
		return -EINVAL;
	for (int page = start; page < end; page++)
		if (m->at[page].frame >= 0 && m->at[page].atomic)
			return -EPERM;
	return 0;
}

static int snapshot_byte(struct mirror *m, int page)
{
	struct process *p = m->of;
	struct pte *pte = &p->pte[page];

	if (!in_area(p, page) || !(p->vma[page].flags & READ))
		return 255;
	switch (pte->kind) {
	case ZERO:
		return 16 + 1;
	case PRESENT:
		return pte->write ? 2 : 1;
	case PRIVATE:
		return frames[pte->frame].device == m->device ? 32 + (pte->write ? 2 : 1) : 0;
	default:
		return 0;
	}
}

/* ---- files ---- */

static bool shared_file(struct mirror *m)
{
	int holders = 0;

	for (struct process *p = processes; p < processes + PROCESSES; p++)
		for (int d = 0; p->alive && d < DEVICES; d++)
			holders += (p->file[d] == m) + (p->inherited[d] == m);
	return holders > 0;
}

/* A file that nobody has any more ends its mirror and evicts the device. */
static void put_file(struct mirror *m)
{
	if (shared_file(m))
		return;
	m->open = false;
	evict(m->device);
}

static void close_file(struct process *p, int device)
{
	struct mirror *m = p->file[device];

	p->file[device] = NULL;
	if (m)
		put_file(m);
}

static void open_files(struct process *p)
{
	for (int d = 0; d < DEVICES; d++)
		close_file(p, d);
	for (int d = 0; d < DEVICES; d++) {
		struct mirror *m = &mirrors[mirror_count++];

		*m = (struct mirror){ .open = true, .of = p, .device = d };
		for (int page = 0; page < PAGES; page++)
			drop(m, page);
		p->file[d] = m;
	}
}

/* ---- system calls ---- */

static void unmap(struct process *p, int start, int end)
{
	bool any = false;

	for (int page = start; page < end; page++)
		any = any || in_area(p, page);
	if (!any)
		return;
	split(p, start);
	split(p, end);
	invalidate(p, start, end, -1);
	for (int page = start; page < end; page++) {
		p->vma[page] = (struct vma){ 0, 0, 0, false };
		p->pte[page].kind = NONE;
	}
}

static int do_mmap(struct process *p, int start, int end, int flags)
{
	if (start >= end)
		return -EINVAL;
	unmap(p, start, end);
	place(p, start, end, (struct vma){ 0, flags | (flags & WRITE ? ACCOUNT : 0), 0, false });
	return 0;
}

static void protect_entries(struct process *p, int start, int end)
{
	for (int page = start; page < end; page++) {
		struct pte *pte = &p->pte[page];
		bool may = pte->kind == PRESENT && (p->vma[page].flags & WRITE) && pte->dirty &&
			   frames[pte->frame].anon_exclusive;

		pte->write = may;
	}
}

static int do_mprotect(struct process *p, int start, int end, int flags)
{
	for (int at = start, next; at < end; at = next) {
		struct vma vma;

		if (!in_area(p, at))
			return -ENOMEM;
		next = area_end(p, at) < end ? area_end(p, at) : end;
		vma = p->vma[at];
		vma.flags = flags | (vma.flags & ACCOUNT);
		if (vma.flags == p->vma[at].flags)
			continue;
		if (flags & WRITE)
			vma.flags |= ACCOUNT;
		split(p, at);
		split(p, next);
		place(p, at, next, vma);
		invalidate(p, at, next, -1);
		protect_entries(p, at, next);
	}
	return 0;
}

static int madv_dontneed(struct process *p, int start, int end)
{
	int error = 0;

	for (int at = start, next; at < end; at = next) {
		if (!in_area(p, at)) {
			error = -ENOMEM;
			next = at + 1;
			continue;
		}
		next = area_end(p, at) < end ? area_end(p, at) : end;
		invalidate(p, at, next, -1);
		for (int page = at; page < next; page++)
			p->pte[page].kind = NONE;
	}
	return error;
}

static void fork_area(struct process *p, struct process *c, int start, int end)
{
	invalidate(p, start, end, -1);
	next_anon++;
	for (int page = start; page < end; page++) {
		struct pte *pte = &p->pte[page];

		c->vma[page].anon = next_anon;
		c->vma[page].forked = true;
		if (pte->kind == EXCLUSIVE)
			restore_exclusive(p, page);
		if (pte->kind == PRESENT || pte->kind == PRIVATE) {
			pte->write = false;
			frames[pte->frame].anon_exclusive = false;
		}
		c->pte[page] = *pte;
	}
}

static int do_fork(void)
{
	struct process *p = &processes[0], *c = &processes[1];

	if (c->alive)
		return -EBUSY;
	*c = (struct process){ .alive = true };
	memcpy(c->vma, p->vma, sizeof(c->vma));
	memcpy(c->inherited, p->file, sizeof(c->inherited));
	for (int at = 0, next; at < PAGES; at = next) {
		next = area_end(p, at);
		if (p->vma[at].area && p->vma[at].anon)
			fork_area(p, c, at, next);
	}
	return 0;
}

static void do_exit(struct process *c)
{
	struct mirror *held[2 * DEVICES];

	memcpy(held, c->file, sizeof(c->file));
	memcpy(held + DEVICES, c->inherited, sizeof(c->inherited));
	c->alive = false;
	for (int i = 0; i < 2 * DEVICES; i++)
		if (held[i])
			put_file(held[i]);
}

static void reset(void)
{
	memset(processes, 0, sizeof(processes));
	mirror_count = 0;
	processes[0].alive = true;
	open_files(&processes[0]);
}

/* ---- answers ---- */

static void answer_error(int error)
{
	static const struct { int error; const char *name; } names[] = {
		{ EPERM, "EPERM" }, { ENOENT, "ENOENT" }, { EBADF, "EBADF" }, { ENOMEM, "ENOMEM" },
		{ EFAULT, "EFAULT" }, { EBUSY, "EBUSY" }, { EINVAL, "EINVAL" },
	};

	printf(",\"rc\":%d", error);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].error == -error)
			printf(",\"err\":\"%s\"", names[i].name);
}

static void answer_values(const char *name, const value *values, int count)
{
	printf(",\"%s\":[", name);
	for (int i = 0; i < count; i++)
		printf("%s%llu", i ? "," : "", values[i]);
	printf("]");
}

static void answer_ptes(struct process *p, int start, int end)
{
	static const char *const names[] = { "none", "present+zero", "present", "dpriv", "dexcl" };

	printf(",\"rc\":0,\"ptes\":[");
	for (int page = start; page < end; page++) {
		struct pte *pte = &p->pte[page];

		printf("%s\"%s", page > start ? "," : "", names[pte->kind]);
		if (pte->kind >= PRIVATE)
			printf(pte->write ? "_w" : "_r");
		if ((pte->kind == PRESENT || pte->kind == PRIVATE) && mapcount(pte->frame) == 1)
			printf("+excl");
		printf("\"");
	}
	printf("]");
}

/* An access by the CPU. Memory that may be written may be read. */
static bool access_cpu(struct process *p, int page, bool write)
{
	int wanted = write ? WRITE : READ | WRITE;

	if (in_area(p, page) && (p->vma[page].flags & wanted)) {
		struct pte *pte = &p->pte[page];

		if (pte->kind == NONE || pte->kind >= PRIVATE || (write && !pte->write))
			handle_mm_fault(p, page, write);
		return true;
	}
	printf(",\"rc\":-1,\"sig\":\"SIGSEGV\",\"code\":\"%s\"", in_area(p, page) ? "ACCERR" : "MAPERR");
	return false;
}

static void cpu_read(struct process *p, int page)
{
	if (access_cpu(p, page, false)) {
		struct pte *pte = &p->pte[page];

		printf(",\"rc\":0,\"val\":%llu", pte->kind == ZERO ? 0 : frames[pte->frame].word);
	}
}

static void cpu_write(struct process *p, int page, value word)
{
	if (access_cpu(p, page, true)) {
		frames[p->pte[page].frame].word = word;
		p->pte[page].dirty = true;
		printf(",\"rc\":0");
	}
}

static void on_device(const char *name, struct mirror *m, int start, int end, value word)
{
	static value values[PAGES];
	int faults = 0, moved = 0, pages = end - start;

	if (!strcmp(name, "dev_read")) {
		int error = dev_read(m, start, end, values, &faults);

		answer_error(error);
		if (!error) {
			printf(",\"cpages\":%d,\"faults\":%d", pages, faults);
			answer_values("vals", values, pages);
		}
	} else if (!strcmp(name, "dev_write")) {
		int error = dev_write(m, start, end, word, &faults);

		answer_error(error);
		if (!error)
			printf(",\"cpages\":%d,\"faults\":%d", pages, faults);
	} else if (!strcmp(name, "snapshot")) {
		answer_error(start < end ? 0 : -EINVAL);
		if (start >= end)
			return;
		for (int i = 0; i < pages; i++)
			values[i] = (value)snapshot_byte(m, start + i);
		printf(",\"cpages\":%d", pages);
		answer_values("prot", values, pages);
	} else if (!strcmp(name, "migrate_to_dev") || !strcmp(name, "exclusive")) {
		int error = *name == 'm' ? migrate_to_dev(m, start, end, values)
					 : exclusive(m, start, end, values);

		answer_error(error);
		if (!error) {
			printf(",\"cpages\":%d", pages);
			answer_values("vals", values, pages);
		}
	} else if (!strcmp(name, "migrate_to_sys")) {
		int error = migrate_to_sys(m, start, end, &moved);

		answer_error(error);
		if (!error)
			printf(",\"cpages\":%d", moved);
	} else {
		answer_error(check_exclusive(m, start, end));
	}
}

/* ---- the protocol ---- */

static int protection(const char *text)
{
	if (!strcmp(text, "rw"))
		return READ | WRITE;
	return !strcmp(text, "ro") ? READ : !strcmp(text, "wo") ? WRITE : 0;
}

static struct mirror *file_of(struct process *p, int device)
{
	return device < 10 ? p->file[device] : p->inherited[device - 10];
}

/* Performs an operation and answers it. Returns false if there is none of that name. */
static bool perform(char *op)
{
	struct process *p = &processes[!strncmp(op, "c:", 2)];
	char *word[6] = { "", "", "", "", "", "" };
	long n[6];
	int count = 0;

	if (p != processes)
		op += 2;
	for (char *w = strtok(op, " "); w && count < 6; w = strtok(NULL, " "))
		word[count++] = w;
	for (int i = 0; i < 6; i++)
		n[i] = strtol(word[i], NULL, 10);

	int start = (int)n[1], end = (int)(n[1] + n[2]);
	const char *name = word[0];

	if (!strcmp(name, "mmap"))
		answer_error(do_mmap(p, start, end, protection(word[3])));
	else if (!strcmp(name, "munmap")) {
		answer_error(start < end ? 0 : -EINVAL);
		unmap(p, start, end);
	} else if (!strcmp(name, "mprotect"))
		answer_error(do_mprotect(p, start, end, protection(word[3])));
	else if (!strcmp(name, "madv_dontneed"))
		answer_error(madv_dontneed(p, start, end));
	else if (!strcmp(name, "cpu_read"))
		cpu_read(p, start);
	else if (!strcmp(name, "cpu_write"))
		cpu_write(p, start, strtoull(word[2], NULL, 10));
	else if (!strcmp(name, "ptes"))
		answer_ptes(p, start, end);
	else if (!strcmp(name, "fork"))
		answer_error(do_fork());
	else if (!strcmp(name, "exit")) {
		do_exit(p);
		answer_error(0);
	} else if (!strcmp(name, "open")) {
		open_files(p);
		answer_error(0);
	} else if (count == 2 && !file_of(p, start))
		answer_error(-EBADF);
	else if (!strcmp(name, "close")) {
		close_file(p, start);
		answer_error(0);
	} else if (!strcmp(name, "release")) {
		evict(start);
		answer_error(0);
	} else if (count < 4)
		return false;
	else if (!file_of(p, start))
		answer_error(-EBADF);
	else
		on_device(name, file_of(p, start), (int)n[2], (int)(n[2] + n[3]), strtoull(word[4], NULL, 10));
	return true;
}

static const char HELLO[] =
	"\"hello\":{\"protocol\":1,\"name\":\"C peer\",\"release\":\"6.1\",\"profile\":\"test_hmm-6.1\","
	"\"limits\":{\"pages\":256},\"operations\":[\"mmap\",\"munmap\",\"mprotect\",\"madv_dontneed\","
	"\"cpu_read\",\"cpu_write\",\"ptes\",\"dev_read\",\"dev_write\",\"snapshot\",\"migrate_to_dev\","
	"\"migrate_to_sys\",\"exclusive\",\"check_exclusive\",\"release\",\"close\",\"open\",\"fork\","
	"\"c:mmap\",\"c:munmap\",\"c:mprotect\",\"c:madv_dontneed\",\"c:cpu_read\",\"c:cpu_write\","
	"\"c:ptes\",\"c:dev_read\",\"c:dev_write\",\"c:snapshot\",\"c:migrate_to_dev\","
	"\"c:migrate_to_sys\",\"c:exclusive\",\"c:check_exclusive\",\"c:open\",\"c:exit\"]}";

int main(void)
{
	static char line[65536];

	while (fgets(line, sizeof(line), stdin)) {
		char *id = strstr(line, "\"id\":"), *op = strstr(line, "\"op\":\"");

		printf("{\"id\":%ld", id ? strtol(id + 5, NULL, 10) : -1);
		if (strstr(line, "\"hello\":"))
			printf(",%s", HELLO);
		else if (op) {
			op += 6;
			op[strcspn(op, "\"")] = '\0';
			if (!perform(op))
				printf(",\"unsupported\":true");
		} else
			reset();
		printf("}\n");
		fflush(stdout);
		if (!op && strstr(line, "\"bye\":"))
			return 0;
	}
	return 0;
}
