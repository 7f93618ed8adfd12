/*
 * powercut: a FUSE file system that forgets what was not synced.
 *
 * The tree lives in memory. Programs see the volatile image. Every mutating
 * operation is numbered and appended to a log on top of the base image, the
 * last state known to be durable. A reboot replays the log onto the base and
 * keeps only what the chosen model lets survive; the result becomes both the
 * new volatile image and the new base.
 *
 * A crash state is thus a pure function of base, log, model and seed, and one
 * recorded run yields the states of every model. Control goes through the
 * hidden file /.powercut: write one command, then read the reply. What is
 * written to the hidden file /.notes is kept beside the log, with the number of
 * operations that came before: what was told to anybody, and when.
 */
#define FUSE_USE_VERSION 312

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "tree.h"

#define CONTROL 2u		/* inode number and node id of /.powercut, as ROOT is 1 */
#define NOTES 3u		/* of /.notes */
#define SLOTS 16
#define BLOCK 4096u
#define SMALL 16384u		/* the content of larger files is not told */

/* ---- the operation log -------------------------------------------------- */

enum kind { NONE, ENTRY, DATA, SIZE, ATTR, FSYNC, FSYNCDIR, SYNC };

struct op {			/* immutable once logged, so that logs can share it */
	int refs, nchg;
	enum kind kind;
	uint32_t ino;		/* what it acts on; for ENTRY the inode being named */
	struct { uint32_t dir, ino; char name[256]; } chg[2];
	bool creates, replaces, grows, datasync, failed;
	size_t off, len;	/* SIZE: off is the new size */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	dev_t rdev;
	struct timespec when;	/* the mtime that it gives, but for ATTR without `timed` */
	bool timed;
	struct blob *bytes;	/* data written, symlink target, xattrs for ATTR */
	char *text;
};

struct world {
	struct image vol, base;
	struct op **log;
	int nlog;
};

static struct world w, slots[SLOTS];
static uint32_t epoch = 1;	/* part of every node id: a reboot makes old ids stale */

static void op_put(struct op *op) {
	if (--op->refs) return;
	blob_put(op->bytes);
	free(op->text);
	free(op);
}

static void log_clear(struct world *x) {
	while (x->nlog) op_put(x->log[--x->nlog]);
	free(x->log);
	x->log = NULL;
}

static void world_copy(struct world *to, const struct world *from) {
	image_clear(&to->vol);
	image_clear(&to->base);
	log_clear(to);
	to->vol = image_copy(&from->vol);
	to->base = image_copy(&from->base);
	to->log = grow(NULL, (size_t)from->nlog * sizeof *to->log);
	for (; to->nlog < from->nlog; to->nlog++) {
		to->log[to->nlog] = from->log[to->nlog];
		to->log[to->nlog]->refs++;
	}
}

/* Gives the inode of a creating operation its first attributes. */
static void born(struct image *im, const struct op *op) {
	struct inode *f = &im->tab[op->ino];
	f->mode = op->mode;
	f->uid = op->uid;
	f->gid = op->gid;
	f->rdev = op->rdev;
	f->mtime = f->ctime = op->when;
	blob_set(&f->data, op->bytes);
}

static void apply(struct image *im, const struct op *op) {
	struct inode *f = &im->tab[op->ino];
	for (int i = 0; i < op->nchg; i++)
		set_entry(im, op->chg[i].dir, op->chg[i].name, op->chg[i].ino);
	if (op->kind == DATA) blob_write(&f->data, op->off, op->bytes->p, op->len);
	if (op->kind == SIZE) blob_resize(&f->data, op->off);
	if (op->kind == DATA || op->kind == SIZE || op->timed) f->mtime = op->when;
	if (op->kind != ATTR) return;
	f->mode = op->mode;
	f->uid = op->uid;
	f->gid = op->gid;
	blob_set(&f->xattr, op->bytes);
}

/* ---- what survives a power cut ------------------------------------------ */

enum model { STRICT, ORDERED, TORN, SUBSET, STALE, LOOSE };

static long model = STRICT, seed;
static long sector;		/* tearing grain; 0: 4096 for even seeds, 512 for odd */
static long newentry;		/* fsync of a new file also persists its directory entry */
static long auto_da_alloc;	/* ordered: data of a file renamed over another goes first */
static long ignore;		/* this sync is taken as if it had not been made */

enum { NEXT_OK = 1, NEXT_FAILED = 2, ANY = 4, FULL = 8, DIRECTORY = 16 };
enum { LOST = 4 };

static struct node {		/* what the replay knows of an inode */
	unsigned later;		/* which syncs come later in the log */
	int unit;		/* the unit of its unsynced data */
	int meta, size;		/* 1 + its last metadata operation, its last size change */
	int flush;		/* writes before this operation went out with a rename */
	size_t pending;		/* where its unsynced data ends */
	bool stranded;		/* a truncation was lost, and so are later writes */
} *nodes;

static struct fate {		/* what becomes of an operation */
	unsigned must;		/* change k is forced (1 << k), or the data is LOST */
	int unit;		/* its unit, a bit in the seed of a subset; 0: none */
	bool timed;		/* an fsync that is no fdatasync comes later */
	char what;		/* kept, part or lost */
} *fates;

static int units;		/* groups of operations that may or may not survive */
static int prefix;		/* ordered, stale: the metadata below this operation survives */
static int checkpoint;		/* loose: all below it survives */

static uint64_t chance(uint64_t a, uint64_t b) { return mix(mix((uint64_t)seed ^ mix(a + 1)) ^ b); }

/* Seeds 0 to 3 are the corners: bit 0 keeps all metadata, bit 1 all data. */
static bool corner(bool data) { return seed >> data & 1; }

/* Marks what a later sync made durable, and numbers the undecided units. */
static void plan_syncs(int n) {
	bool all = false;
	units = 0;
	for (int i = n - 1; i >= 0; i--) {
		const struct op *op = w.log[i];
		struct node *f = &nodes[op->ino];
		unsigned must = 0;
		if (op->kind >= FSYNC && i + 1 == ignore) continue;
		if (op->kind == SYNC) {
			all = true;
			for (uint32_t k = 0; k < w.vol.n; k++) nodes[k].later &= ~(unsigned)NEXT_FAILED;
		} else if (op->kind == FSYNC) {
			f->later &= ~(unsigned)(NEXT_OK | NEXT_FAILED);
			f->later |= op->failed ? NEXT_FAILED : op->datasync ? NEXT_OK | ANY : NEXT_OK | ANY | FULL;
		} else if (op->kind == FSYNCDIR) {
			f->later |= op->failed ? 0 : DIRECTORY | FULL;
		} else if (op->kind == ENTRY) {
			for (int k = 0; k < op->nchg; k++)
				if (all || nodes[op->chg[k].dir].later & DIRECTORY) must |= 1u << k;
			if ((newentry || model == LOOSE) && op->creates && f->later & (ANY | DIRECTORY)) must = 3;
		} else if (op->kind == DATA) {	/* a failed fsync marks the pages clean */
			must = f->later & NEXT_FAILED ? LOST : all || f->later & NEXT_OK;
			if (!must && op->off + op->len > f->pending) f->pending = op->off + op->len;
		} else if (op->kind == SIZE || op->kind == ATTR) {
			must = all || f->later & (op->kind == SIZE ? ANY : FULL);
		}
		fates[i].must = must;
		fates[i].timed = all || f->later & FULL;
		if (must || op->kind == NONE || op->kind >= FSYNC) continue;
		int *unit = op->kind == DATA ? &f->unit : &fates[i].unit;
		if (!*unit) *unit = ++units;
		fates[i].unit = *unit;
	}
}

/* Ordered: how far the journal was committed, and how far it got by chance. */
static void plan_journal(int n) {
	int committed = 0;
	for (int i = 0; i < n; i++) {
		const struct op *op = w.log[i];
		struct node *f = &nodes[op->ino];
		bool sync = (op->kind == FSYNC || op->kind == FSYNCDIR) && !op->failed;
		if (op->kind >= FSYNC && i + 1 == ignore) continue;
		if (op->kind == SYNC || (sync && (op->datasync ? f->size : f->meta) > committed)) committed = i;
		if (op->kind == NONE || op->kind >= FSYNC) continue;
		f->meta = i + 1;
		if (op->creates || op->grows || op->kind == SIZE) f->size = i + 1;
		for (int k = 0; k < op->nchg; k++) nodes[op->chg[k].dir].meta = i + 1;
	}
	prefix = seed >= 4 ? committed + (int)(chance(7, 7) % (uint64_t)(n - committed + 1)) : corner(false) ? n : committed;
	for (int i = 0; auto_da_alloc && i < prefix; i++)
		if (w.log[i]->replaces) nodes[w.log[i]->ino].flush = i;
}

static bool metadata_survives(int i) {
	int unit = fates[i].unit;
	if (model == ORDERED || model == STALE) return i < prefix;
	if (fates[i].must || (model == LOOSE && i < checkpoint)) return true;
	if (model == SUBSET) return unit <= 62 && seed >> (unit - 1) & 1;
	return (model == TORN || model == LOOSE) && (seed < 4 ? corner(false) : chance((uint64_t)i, 3) & 1);
}

/* Whether the bytes from offset at of an unsynced write reached the disk. */
static bool data_survives(int i, size_t at, size_t grain) {
	const struct node *f = &nodes[w.log[i]->ino];
	if (model == SUBSET) return metadata_survives(i);
	if (model == LOOSE && i < checkpoint) return true;
	if (seed < 4) return corner(true) || i < f->flush;
	if (model == TORN || model == STALE || model == LOOSE) return chance((uint64_t)i, at / grain) & 1;
	return i < f->flush || at / BLOCK < chance(w.log[i]->ino, 9) % (f->pending / BLOCK + 2);	/* writeback, in order */
}

/* Stale: a file reaches to `end`, in blocks that hold what the medium held before. */
static void extend_with_stale_blocks(struct blob **slot, size_t end) {
	static const char before[] = "{\"stale\":1}\n";
	size_t at = size_of(*slot);
	blob_resize(slot, end);
	for (; at < end; at++) (*slot)->p[at] = (unsigned char)before[at % (sizeof before - 1)];
}

/* Whether the size that an unsynced write gives survives without its bytes. */
static bool size_survives(int i) {
	if (model == ORDERED || model == STALE) return i < prefix;
	if (model == LOOSE) return metadata_survives(i);
	return model == SUBSET || (seed < 4 ? seed : (long)chance((uint64_t)i, 5) & 1);
}

/* Writes the surviving sectors of an unsynced write; answers kept, part or lost. */
static char spill(struct inode *f, int i) {
	struct blob **slot = &f->data;
	const struct op *op = w.log[i];
	size_t grain = model != TORN && model != SUBSET ? BLOCK : sector ? (size_t)sector : seed & 1 ? 512 : BLOCK;
	size_t end = op->off + op->len, next, wrote = 0;
	bool grows = size_survives(i);
	if (grows && (model == TORN || model == LOOSE) && end > size_of(*slot)) blob_resize(slot, end);
	if (grows && model == STALE && end > size_of(*slot)) extend_with_stale_blocks(slot, end);
	for (size_t at = op->off; at < end; at = next) {
		next = (at / grain + 1) * grain < end ? (at / grain + 1) * grain : end;
		if (!data_survives(i, at, grain) || (!grows && next > size_of(*slot))) continue;
		blob_write(slot, at, op->bytes->p + (at - op->off), next - at);
		wrote += next - at;
	}
	if (wrote) f->mtime = op->when;
	return wrote == op->len ? 'k' : wrote ? 'p' : 'l';
}

/* Loose: a rename may leave both names, and never none. */
static char rename_survives(struct image *im, int i) {
	const struct op *op = w.log[i];
	bool all = i < checkpoint, some = seed < 4 ? seed : (long)chance((uint64_t)i, 3) & 1;
	bool comes = all || some || fates[i].must & 2;
	bool goes = all || fates[i].must & 1 || (comes && seed >= 4 && chance((uint64_t)i, 4) & 1);
	if (goes) set_entry(im, op->chg[0].dir, op->chg[0].name, op->chg[0].ino);
	if (comes) set_entry(im, op->chg[1].dir, op->chg[1].name, op->chg[1].ino);
	return comes && goes ? 'k' : comes || goes ? 'p' : 'l';
}

/* Loose: what is removed may come back, be it that all else stays. */
static bool removal_is_lost(int i) {
	const struct op *op = w.log[i];
	return seed == 3 && op->nchg == 1 && !op->chg[0].ino && !fates[i].must;
}

/* Applies operation i as far as it survives. */
static char apply_survivor(struct image *im, int i) {
	const struct op *op = w.log[i];
	bool *stranded = &nodes[op->ino].stranded;
	unsigned must = fates[i].must;
	if (op->kind == NONE || op->kind >= FSYNC) return 'k';
	if (op->kind == DATA && !must && model != STRICT && !*stranded) return spill(&im->tab[op->ino], i);
	if (model == STRICT && op->nchg == 2 && (must == 1 || must == 2)) {
		set_entry(im, op->chg[must - 1].dir, op->chg[must - 1].name, op->chg[must - 1].ino);
		return 'p';
	}
	if (op->kind == DATA ? must != 1 : !metadata_survives(i)) {
		*stranded |= op->kind == SIZE;
		return 'l';
	}
	apply(im, op);
	return 'k';
}

static char survive(struct image *im, int i) {
	struct inode *f = &im->tab[w.log[i]->ino];
	struct timespec before = f->mtime;
	char what;
	if (model != LOOSE) return apply_survivor(im, i);
	if (w.log[i]->nchg == 2) return rename_survives(im, i);
	if (removal_is_lost(i)) return 'l';
	what = apply_survivor(im, i);
	/* As with lazytime: times are written by fsync alone. */
	if (!w.log[i]->nchg && !fates[i].timed && i >= checkpoint) f->mtime = before;
	return what;
}

/* Computes the durable image after a cut behind the first n operations. */
static struct image crash_image(int n) {
	struct image im = image_copy(&w.base);
	image_extend(&im, w.vol.n);
	nodes = zeros(w.vol.n * sizeof *nodes);
	fates = zeros((size_t)n * sizeof *fates);
	plan_syncs(n);
	plan_journal(n);
	checkpoint = seed >= 4 ? (int)(chance(11, 11) % (uint64_t)(n + 1)) : 0;
	for (int i = 0; i < n; i++)
		if (w.log[i]->creates) born(&im, w.log[i]);
	for (int i = 0; i < n; i++) fates[i].what = survive(&im, i);
	image_prune(&im);
	free(nodes);
	return im;
}

/* ---- the gate that every mutating operation passes ----------------------- */

static bool dead;		/* the power is off */
static long cut_at = -1;	/* operations allowed before it goes off */
static long fail_at, fail_count, fail_error;
static long victim;		/* process group killed at the cut */
static long space = 1L << 30;

static struct op *op_new(enum kind kind, uint32_t ino) {
	struct op *op = zeros(sizeof *op);
	op->refs = 1;
	op->kind = kind;
	op->ino = ino;
	clock_gettime(CLOCK_REALTIME, &op->when);
	return op;
}

static void op_change(struct op *op, uint32_t dir, const char *name, uint32_t ino) {
	op->chg[op->nchg].dir = dir;
	op->chg[op->nchg].ino = ino;
	snprintf(op->chg[op->nchg++].name, sizeof op->chg->name, "%s", name);
}

static void touch(uint32_t ino) {
	clock_gettime(CLOCK_REALTIME, &w.vol.tab[ino].ctime);
	w.vol.tab[ino].mtime = w.vol.tab[ino].ctime;
}

/*
 * Numbers, applies and logs an operation, unless the power is off, now goes
 * off, or a fault is due. Consumes op; returns 0 or the error to answer.
 */
__attribute__((format(printf, 2, 3))) static int submit(struct op *op, const char *fmt, ...) {
	if (!dead && cut_at >= 0 && w.nlog >= cut_at) {
		dead = true;
		if (victim > 1) kill(-(pid_t)victim, SIGKILL);
	}
	if (dead) {
		op_put(op);
		return EIO;
	}
	char text[9000];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof text - 64, fmt, ap);
	va_end(ap);
	w.log = grow(w.log, ((size_t)w.nlog + 1) * sizeof *w.log);
	w.log[w.nlog++] = op;
	op->failed = fail_at > 0 && w.nlog >= fail_at && w.nlog < fail_at + fail_count;
	if (op->failed) snprintf(text + n, 64, " = %s", strerrorname_np((int)fail_error));
	op->text = strcpy(grow(NULL, strlen(text) + 1), text);
	if (op->failed) {
		op->creates = op->replaces = false;
		op->nchg = 0;
		if (op->kind < FSYNC) op->kind = NONE;
		return (int)fail_error;
	}
	if (op->creates) {
		image_extend(&w.vol, op->ino + 1);
		born(&w.vol, op);
	}
	apply(&w.vol, op);
	for (int i = 0; i < op->nchg; i++) touch(op->chg[i].dir);
	return 0;
}

/* ---- control ------------------------------------------------------------ */

static struct blob *notes;	/* "N LENGTH", a newline, the text, for each */

static struct blob *reply;
static size_t reply_at;		/* file offset of the reply: behind the command */

static const struct { const char *name; long value; } names[] = {
	{ "off", -1 }, { "EIO", EIO }, { "ENOSPC", ENOSPC }, { "EROFS", EROFS }, { "EDQUOT", EDQUOT },
	{ "strict", STRICT }, { "ordered", ORDERED }, { "torn", TORN }, { "subset", SUBSET },
	{ "stale", STALE }, { "loose", LOOSE },
};

static const struct { const char *key; long *value; } options[] = {
	{ "cut", &cut_at }, { "victim", &victim }, { "space", &space }, { "sector", &sector }, { "newentry", &newentry },
	{ "auto_da_alloc", &auto_da_alloc }, { "ignore", &ignore }, { "model", &model }, { "seed", &seed },
};

__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...) {
	char line[9100];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	blob_write(&reply, size_of(reply), line, (size_t)n);
}

static long number(const char *s) {
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(s, names[i].name)) return names[i].value;
	return strtol(s, NULL, 0);
}

static void note(const char *text, size_t len) {
	char head[64];
	int n = snprintf(head, sizeof head, "%d %zu\n", w.nlog, len);
	blob_write(&notes, size_of(notes), head, (size_t)n);
	blob_write(&notes, size_of(notes), text, len);
}

/* Every name with what is behind it, and the content of small files. */
static void say_tree(const struct image *im, uint32_t dir, const char *path) {
	for (uint32_t i = 0; i < entries(&im->tab[dir]); i++) {
		const struct entry *e = entry_at(&im->tab[dir], i);
		struct inode *f = &im->tab[e->ino];
		bool small = size_of(f->data) <= SMALL && !S_ISDIR(f->mode);
		char at[4096];
		snprintf(at, sizeof at, "%s/%s", path, e->name);
		say("%o %d %lld%09ld %016lx %zu %d %s\n", f->mode, f->nlink, (long long)f->mtime.tv_sec, f->mtime.tv_nsec,
		    S_ISDIR(f->mode) ? 0 : blob_hash(f->data), size_of(f->data), small, at);
		if (small && f->data) blob_write(&reply, size_of(reply), f->data->p, f->data->size);
		if (S_ISDIR(f->mode)) say_tree(im, e->ino, at);
	}
}

static void power_on(void) {
	if (notes) notes->size = 0;
	dead = false;
	cut_at = -1;
	fail_at = 0;
	epoch++;
}

static void rebase(void) {
	log_clear(&w);
	image_clear(&w.base);
	w.base = image_copy(&w.vol);
}

static void reboot(int n) {
	struct image im = crash_image(n);
	int lost = 0;
	for (int i = 0; i < n; i++) lost += fates[i].what != 'k';
	say("digest %016lx units %d lost %d\n", image_hash(&im, ROOT, 0), units, lost);
	for (int i = 0; i < n; i++)
		if (fates[i].what != 'k') say("%s %d %s\n", fates[i].what == 'p' ? "part" : "lost", i + 1, w.log[i]->text);
	free(fates);
	image_clear(&w.vol);
	w.vol = im;
	rebase();
	power_on();
}

/* Runs one command line; returns 0 or an error number. */
static int command(const char *line) {
	char c[32] = "", a[64] = "", b[64] = "", d[64] = "";
	int words = sscanf(line, "%31[a-z_]%*[ =]%63s %63s %63s", c, a, b, d);
	struct world *slot = (unsigned long)number(a) < SLOTS ? &slots[number(a)] : slots;
	if (reply) reply->size = 0;
	for (size_t i = 0; words == 2 && i < sizeof options / sizeof *options; i++)
		if (!strcmp(c, options[i].key)) {
			*options[i].value = number(a);
			return 0;
		}
	if (!strcmp(c, "sync")) return submit(op_new(SYNC, 0), "sync");
	if (!strcmp(c, "fail") && words > 1) {
		fail_at = number(a);
		fail_error = words > 2 ? number(b) : EIO;
		fail_count = words > 3 ? number(d) : 1;
	} else if (!strcmp(c, "reset")) {
		rebase();
		if (notes) notes->size = 0;
	} else if (!strcmp(c, "save") && words == 2) {
		world_copy(slot, &w);
	} else if (!strcmp(c, "load") && words == 2 && slot->vol.n) {
		world_copy(&w, slot);
		power_on();
	} else if (!strcmp(c, "reboot")) {
		if (words > 1) model = number(a);
		if (words > 2) seed = number(b);
		reboot(words > 3 && number(d) < w.nlog ? (int)number(d) : w.nlog);
	} else if (!strcmp(c, "tree")) {
		say_tree(&w.vol, ROOT, "");
	} else if (!strcmp(c, "notes")) {
		if (notes) blob_write(&reply, 0, notes->p, notes->size);
	} else if (!strcmp(c, "log")) {
		for (long i = words > 1 ? number(a) : 1; i > 0 && i <= w.nlog; i++) say("%ld %s\n", i, w.log[i - 1]->text);
	} else if (!strcmp(c, "status")) {
		say("ops %d power %s digest %016lx fail %ld", w.nlog, dead ? "off" : "on", image_hash(&w.vol, ROOT, 0), fail_at);
		for (size_t i = 0; i < sizeof options / sizeof *options; i++) say(" %s %ld", options[i].key, *options[i].value);
		say("\n");
	} else {
		return EINVAL;
	}
	return 0;
}

/* ---- FUSE operations ---------------------------------------------------- */

/* The live inode number behind a node id, or 0 if stale or the power is off. */
static uint32_t live(fuse_ino_t id) {
	bool stale = id != ROOT && id != CONTROL && id != NOTES && id >> 32 != epoch;
	return dead || stale || (uint32_t)id >= w.vol.n ? 0 : (uint32_t)id;
}

#define LIVE(ino, id) \
	uint32_t ino = live(id); \
	if (!ino) { \
		fuse_reply_err(req, EIO); \
		return; \
	}

/* A name of ino and the directory that has it, or NULL. */
static const char *name_of(uint32_t ino, uint32_t *dir) {
	for (*dir = ROOT; *dir < w.vol.n; ++*dir)
		for (uint32_t i = 0; i < entries(&w.vol.tab[*dir]); i++)
			if (entry_at(&w.vol.tab[*dir], i)->ino == ino) return entry_at(&w.vol.tab[*dir], i)->name;
	return NULL;
}

static const char *path_at(uint32_t dir, const char *name) {
	static char bufs[2][4096];
	static unsigned turn;
	char *buf = bufs[turn++ % 2], *p = buf + sizeof *bufs - 1;
	for (*p = 0; name && p - buf > 256; name = dir == ROOT ? NULL : name_of(dir, &dir)) {
		p -= strlen(name) + 1;
		*p = '/';
		memcpy(p + 1, name, strlen(name));
	}
	return p;
}

static const char *path_of(uint32_t ino) {
	uint32_t dir;
	const char *name = name_of(ino, &dir);
	return ino == ROOT ? "/" : name ? path_at(dir, name) : "(unlinked)";
}

static size_t file_size(uint32_t ino) { return size_of(w.vol.tab[ino].data); }

static size_t blocks(size_t bytes) { return (bytes + BLOCK - 1) / BLOCK * BLOCK; }

static size_t footprint(uint32_t ino) {
	const struct inode *f = &w.vol.tab[ino];
	size_t size = f->reserved > file_size(ino) ? f->reserved : file_size(ino);
	return S_ISREG(f->mode) && (f->nlink || f->opens) ? blocks(size) : 0;
}

static size_t space_left(void) {
	size_t used = 0;
	for (uint32_t i = ROOT; i < w.vol.n; i++) used += footprint(i);
	return used < (size_t)space ? (size_t)space - used : 0;
}

/* Frees the bytes of a file that has neither names nor users left. */
static void reap(uint32_t ino) {
	struct inode *f = &w.vol.tab[ino];
	if (S_ISREG(f->mode) && f->nlink <= 0 && !f->opens) blob_set(&f->data, NULL);
}

static struct stat attributes(uint32_t ino) {
	const struct inode *f = &w.vol.tab[ino];
	return (struct stat){ .st_ino = ino, .st_mode = f->mode, .st_uid = f->uid, .st_gid = f->gid, .st_rdev = f->rdev,
		.st_nlink = S_ISDIR(f->mode) ? 1 : (nlink_t)f->nlink, .st_size = (off_t)file_size(ino), .st_blksize = BLOCK,
		.st_blocks = (blkcnt_t)(blocks(file_size(ino)) / 512), .st_mtim = f->mtime, .st_ctim = f->ctime };
}

static void reply_entry(fuse_req_t req, int err, uint32_t ino, struct fuse_file_info *fi) {
	fuse_ino_t id = ino == CONTROL || ino == NOTES ? ino : (fuse_ino_t)epoch << 32 | ino;
	struct fuse_entry_param e = { .ino = id, .generation = 1, .attr = attributes(err ? ROOT : ino) };
	if (err) fuse_reply_err(req, err);
	else if (fi) fuse_reply_create(req, &e, fi);
	else fuse_reply_entry(req, &e);
}

static void pc_init(void *arg, struct fuse_conn_info *conn) {
	conn->want &= ~(unsigned)FUSE_CAP_AUTO_INVAL_DATA;	/* all changes come through the kernel */
	conn->want &= ~(unsigned)FUSE_CAP_ATOMIC_O_TRUNC;	/* so that O_TRUNC is an operation of its own */
}

static void pc_lookup(fuse_req_t req, fuse_ino_t parent, const char *name) {
	uint32_t dir = live(parent), ino = dir ? lookup(&w.vol.tab[dir], name) : 0;
	if (parent == ROOT && !strcmp(name, ".powercut")) ino = CONTROL;
	if (parent == ROOT && !strcmp(name, ".notes")) ino = NOTES;
	reply_entry(req, ino ? 0 : dir ? ENOENT : EIO, ino, NULL);
}

static void pc_getattr(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi) {
	uint32_t ino = id == ROOT || id == CONTROL || id == NOTES ? (uint32_t)id : live(id);
	struct stat st = attributes(ino);
	if (ino) fuse_reply_attr(req, &st, 0);
	else fuse_reply_err(req, EIO);
}

static struct op *op_attr(uint32_t ino) {
	struct op *op = op_new(ATTR, ino);
	op->mode = w.vol.tab[ino].mode;
	op->uid = w.vol.tab[ino].uid;
	op->gid = w.vol.tab[ino].gid;
	op->bytes = blob_ref(w.vol.tab[ino].xattr);
	return op;
}

static void pc_setattr(fuse_req_t req, fuse_ino_t id, struct stat *st, int set, struct fuse_file_info *fi) {
	const int owner = FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID;
	LIVE(ino, id);
	struct inode *f = &w.vol.tab[ino];
	int err = 0;
	if (ino == CONTROL || ino == NOTES) {
		set = 0;
	} else if (set & FUSE_SET_ATTR_SIZE) {
		struct op *op = op_new(SIZE, ino);
		op->off = (size_t)st->st_size;
		err = submit(op, "truncate %s to %zu", path_of(ino), (size_t)st->st_size);
		f->reserved = 0;
	} else if (set & (owner | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME)) {
		struct op *op = op_attr(ino);
		if (set & FUSE_SET_ATTR_MODE) op->mode = (f->mode & S_IFMT) | (st->st_mode & 07777);
		if (set & FUSE_SET_ATTR_UID) op->uid = st->st_uid;
		if (set & FUSE_SET_ATTR_GID) op->gid = st->st_gid;
		op->timed = set & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW);
		if (set & FUSE_SET_ATTR_MTIME && !(set & FUSE_SET_ATTR_MTIME_NOW)) op->when = st->st_mtim;
		err = set & owner ? submit(op, "setattr %s %04o %u:%u", path_of(ino), op->mode & 07777, op->uid, op->gid)
				  : submit(op, "utimens %s", path_of(ino));
	}
	if (err) fuse_reply_err(req, err);
	else pc_getattr(req, id, fi);
}

static void pc_readlink(fuse_req_t req, fuse_ino_t id) {
	LIVE(ino, id);
	char target[4097];
	snprintf(target, sizeof target, "%.*s", (int)file_size(ino), (char *)w.vol.tab[ino].data->p);
	fuse_reply_readlink(req, target);
}

/* Creates a file (opened if fi is given), directory, device or symlink. */
static void make(fuse_req_t req, const char *what, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev,
		 const char *target, struct fuse_file_info *fi) {
	LIVE(dir, parent);
	uint32_t ino = w.vol.n;
	int err = lookup(&w.vol.tab[dir], name) ? EEXIST : strlen(name) > 255 ? ENAMETOOLONG : 0;
	if (!err) {
		struct op *op = op_new(ENTRY, ino);
		op->creates = true;
		op->mode = mode;
		op->uid = fuse_req_ctx(req)->uid;
		op->gid = fuse_req_ctx(req)->gid;
		op->rdev = rdev;
		if (target) blob_write(&op->bytes, 0, target, strlen(target));
		op_change(op, dir, name, ino);
		err = submit(op, "%s %s%s%s", what, path_at(dir, name), target ? " -> " : "", target ? target : "");
	}
	if (!err && fi) {
		w.vol.tab[ino].opens++;
		fi->keep_cache = 1;
	}
	reply_entry(req, err, ino, fi);
}

static void pc_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev) {
	make(req, S_ISREG(mode) ? "create" : "mknod", parent, name, mode, rdev, NULL, NULL);
}

static void pc_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode) {
	make(req, "mkdir", parent, name, S_IFDIR | mode, 0, NULL, NULL);
}

static void pc_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name) {
	make(req, "symlink", parent, name, S_IFLNK | 0777, 0, target, NULL);
}

static void pc_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi) {
	make(req, "create", parent, name, S_IFREG | (mode & 07777), 0, NULL, fi);
}

static void pc_link(fuse_req_t req, fuse_ino_t id, fuse_ino_t parent, const char *name) {
	LIVE(ino, id);
	LIVE(dir, parent);
	int err = lookup(&w.vol.tab[dir], name) ? EEXIST : strlen(name) > 255 ? ENAMETOOLONG : 0;
	if (!err) {
		struct op *op = op_new(ENTRY, ino);
		op_change(op, dir, name, ino);
		err = submit(op, "link %s as %s", path_of(ino), path_at(dir, name));
	}
	reply_entry(req, err, ino, NULL);
}

/* Serves unlink and rmdir; the kernel has checked the type. */
static void pc_unlink(fuse_req_t req, fuse_ino_t parent, const char *name) {
	LIVE(dir, parent);
	uint32_t ino = lookup(&w.vol.tab[dir], name);
	int err = !ino ? ENOENT : entries(&w.vol.tab[ino]) ? ENOTEMPTY : 0;
	if (!err) {
		struct op *op = op_new(ENTRY, ino);
		op_change(op, dir, name, 0);
		err = submit(op, "%s %s", S_ISDIR(w.vol.tab[ino].mode) ? "rmdir" : "unlink", path_at(dir, name));
		reap(ino);
	}
	fuse_reply_err(req, err);
}

static void pc_rename(fuse_req_t req, fuse_ino_t from, const char *name, fuse_ino_t to, const char *new,
		      unsigned flags) {
	LIVE(dir, from);
	LIVE(new_dir, to);
	uint32_t ino = lookup(&w.vol.tab[dir], name), old = lookup(&w.vol.tab[new_dir], new);
	bool exchange = flags & RENAME_EXCHANGE;
	int err = 0;
	if (flags & ~(unsigned)(RENAME_EXCHANGE | RENAME_NOREPLACE)) err = EINVAL;
	else if (!ino || (exchange && !old)) err = ENOENT;
	else if (old && flags & RENAME_NOREPLACE) err = EEXIST;
	else if (old && !exchange && entries(&w.vol.tab[old])) err = ENOTEMPTY;
	else if (strlen(new) > 255) err = ENAMETOOLONG;
	if (!err) {
		struct op *op = op_new(ENTRY, ino);
		op->replaces = old;
		op_change(op, dir, name, exchange ? old : 0);
		op_change(op, new_dir, new, ino);
		err = submit(op, "%s %s -> %s", exchange ? "exchange" : "rename", path_at(dir, name), path_at(new_dir, new));
		reap(old);
	}
	fuse_reply_err(req, err);
}

static void pc_open(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi) {
	fi->direct_io = id == CONTROL || id == NOTES;
	fi->keep_cache = !fi->direct_io;
	if (id == CONTROL) {
		command("status");
		reply_at = 0;
	} else if (id != NOTES) {
		LIVE(ino, id);
		w.vol.tab[ino].opens++;
	}
	fuse_reply_open(req, fi);
}

static void pc_release(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi) {
	uint32_t ino = id == CONTROL || id == NOTES ? 0 : live(id);
	if (ino && w.vol.tab[ino].opens > 0) {
		w.vol.tab[ino].opens--;
		reap(ino);
	}
	fuse_reply_err(req, 0);
}

static void pc_read(fuse_req_t req, fuse_ino_t id, size_t len, off_t start, struct fuse_file_info *fi) {
	size_t off = (size_t)start - (id == CONTROL ? reply_at : 0);
	const struct blob *b = reply;
	if (id != CONTROL) {
		LIVE(ino, id);
		b = w.vol.tab[ino].data;
	}
	if (off >= size_of(b)) fuse_reply_buf(req, NULL, 0);
	else fuse_reply_buf(req, (char *)b->p + off, len < b->size - off ? len : b->size - off);
}

static int write_file(uint32_t ino, const char *buf, size_t *len, size_t off) {
	size_t room = footprint(ino) + space_left();
	if (blocks(off + *len) > footprint(ino) && off + *len > room)
		*len = off < room ? room - off : 0;	/* a full disk shortens the write */
	if (!*len) return ENOSPC;
	struct op *op = op_new(DATA, ino);
	op->off = off;
	op->len = *len;
	op->grows = off + *len > file_size(ino);
	blob_write(&op->bytes, 0, buf, *len);
	return submit(op, "write %s %zu+%zu", path_of(ino), off, *len);
}

static void pc_write(fuse_req_t req, fuse_ino_t id, const char *buf, size_t len, off_t off,
		     struct fuse_file_info *fi) {
	char line[256];
	snprintf(line, sizeof line, "%.*s", id == CONTROL ? (int)len : 0, buf);
	uint32_t ino = live(id);
	if (id == NOTES && ino) {
		note(buf, len);
		fuse_reply_write(req, len);
		return;
	}
	int err = id == CONTROL ? command(line) : !ino ? EIO : write_file(ino, buf, &len, (size_t)off);
	if (id == CONTROL) reply_at = (size_t)off + len;
	if (err) fuse_reply_err(req, err);
	else fuse_reply_write(req, len);
}

static void pc_fallocate(fuse_req_t req, fuse_ino_t id, int mode, off_t off, off_t len, struct fuse_file_info *fi) {
	LIVE(ino, id);
	size_t end = (size_t)(off + len), size = file_size(ino);
	int err = mode & ~FALLOC_FL_KEEP_SIZE ? EOPNOTSUPP : blocks(end) > footprint(ino) + space_left() ? ENOSPC : 0;
	if (!err) {
		struct op *op = op_new(mode ? NONE : SIZE, ino);
		op->off = end > size ? end : size;
		err = submit(op, "fallocate %s %lld+%lld", path_of(ino), (long long)off, (long long)len);
		if (!err && end > w.vol.tab[ino].reserved) w.vol.tab[ino].reserved = end;
	}
	fuse_reply_err(req, err);
}

static void pc_fsync(fuse_req_t req, fuse_ino_t id, int datasync, struct fuse_file_info *fi) {
	LIVE(ino, id);
	struct op *op = op_new(FSYNC, ino);
	op->datasync = datasync;
	fuse_reply_err(req, submit(op, "%s %s", datasync ? "fdatasync" : "fsync", path_of(ino)));
}

static void pc_fsyncdir(fuse_req_t req, fuse_ino_t id, int datasync, struct fuse_file_info *fi) {
	LIVE(ino, id);
	fuse_reply_err(req, submit(op_new(FSYNCDIR, ino), "fsyncdir %s", path_of(ino)));
}

static void pc_readdir(fuse_req_t req, fuse_ino_t id, size_t len, off_t off, struct fuse_file_info *fi) {
	LIVE(dir, id);
	const struct inode *d = &w.vol.tab[dir];
	char *buf = grow(NULL, len);
	size_t used = 0, n = 1;
	for (uint32_t i = 0; i < entries(d) + 2 && n; i++) {
		const struct entry *e = i < 2 ? NULL : entry_at(d, i - 2);
		off_t cookie = e ? (off_t)e->cookie + 2 : (off_t)i + 1;
		if (cookie <= off) continue;
		struct stat st = attributes(e ? e->ino : dir);
		n = fuse_add_direntry(req, buf + used, len - used, e ? e->name : i ? ".." : ".", &st, cookie);
		n = n <= len - used ? n : 0;
		used += n;
	}
	fuse_reply_buf(req, buf, used);
	free(buf);
}

static void pc_statfs(fuse_req_t req, fuse_ino_t id) {
	struct statvfs st = { .f_bsize = BLOCK, .f_frsize = BLOCK, .f_namemax = 255, .f_files = 1 << 20, .f_ffree = 1 << 20,
		.f_blocks = (fsblkcnt_t)space / BLOCK, .f_bfree = space_left() / BLOCK, .f_bavail = space_left() / BLOCK };
	fuse_reply_statfs(req, &st);
}

struct xattr {
	char name[256], value[1024];
	uint32_t len;
};

static uint32_t xattrs(uint32_t ino) { return (uint32_t)(size_of(w.vol.tab[ino].xattr) / sizeof(struct xattr)); }

static struct xattr *xattr_at(uint32_t ino, uint32_t i) { return (struct xattr *)w.vol.tab[ino].xattr->p + i; }

static uint32_t find_xattr(uint32_t ino, const char *name) {
	uint32_t i = 0, n = xattrs(ino);
	while (i < n && strcmp(xattr_at(ino, i)->name, name)) i++;
	return i;
}

static void pc_setxattr(fuse_req_t req, fuse_ino_t id, const char *name, const char *value, size_t len, int flags) {
	LIVE(ino, id);
	uint32_t i = find_xattr(ino, name), n = xattrs(ino);
	struct xattr x = { .len = (uint32_t)len };
	int err = i < n ? flags & XATTR_CREATE ? EEXIST : 0 : !value || flags & XATTR_REPLACE ? ENODATA : 0;
	if (len > sizeof x.value) err = ENOSPC;
	if (!err) {
		struct op *op = op_attr(ino);
		snprintf(x.name, sizeof x.name, "%s", name);
		if (value) memcpy(x.value, value, len);
		if (value) blob_write(&op->bytes, i * sizeof x, &x, sizeof x);
		else blob_cut(&op->bytes, i * sizeof x, sizeof x);
		err = submit(op, "%s %s %s", value ? "setxattr" : "removexattr", path_of(ino), name);
	}
	fuse_reply_err(req, err);
}

static void pc_removexattr(fuse_req_t req, fuse_ino_t id, const char *name) {
	pc_setxattr(req, id, name, NULL, 0, 0);
}

static void reply_xattr(fuse_req_t req, const void *p, size_t n, size_t room) {
	if (!room) fuse_reply_xattr(req, n);
	else if (n > room) fuse_reply_err(req, ERANGE);
	else fuse_reply_buf(req, p, n);
}

static void pc_getxattr(fuse_req_t req, fuse_ino_t id, const char *name, size_t room) {
	LIVE(ino, id);
	uint32_t i = find_xattr(ino, name);
	if (i == xattrs(ino)) fuse_reply_err(req, ENODATA);
	else reply_xattr(req, xattr_at(ino, i)->value, xattr_at(ino, i)->len, room);
}

static void pc_listxattr(fuse_req_t req, fuse_ino_t id, size_t room) {
	LIVE(ino, id);
	struct blob *list = NULL;
	for (uint32_t i = 0; i < xattrs(ino); i++)
		blob_write(&list, size_of(list), xattr_at(ino, i)->name, strlen(xattr_at(ino, i)->name) + 1);
	reply_xattr(req, list ? list->p : NULL, size_of(list), room);
	blob_put(list);
}

static const struct fuse_lowlevel_ops operations = {
	.init = pc_init, .lookup = pc_lookup, .getattr = pc_getattr, .setattr = pc_setattr, .readlink = pc_readlink,
	.mknod = pc_mknod, .mkdir = pc_mkdir, .symlink = pc_symlink, .create = pc_create, .link = pc_link,
	.unlink = pc_unlink, .rmdir = pc_unlink, .rename = pc_rename, .open = pc_open, .release = pc_release,
	.read = pc_read, .write = pc_write, .fallocate = pc_fallocate, .fsync = pc_fsync, .fsyncdir = pc_fsyncdir,
	.readdir = pc_readdir, .statfs = pc_statfs, .setxattr = pc_setxattr, .getxattr = pc_getxattr,
	.listxattr = pc_listxattr, .removexattr = pc_removexattr,
};

int main(int argc, char **argv) {
	int background = argc > 1 && !strcmp(argv[1], "-d"), first = 1 + background, bad = argc <= first;
	for (int i = first + 1; i < argc; i++) bad |= command(argv[i]);
	if (bad) {
		fputs("usage: powercut [-d] DIRECTORY [model=M seed=N space=BYTES sector=N newentry=1 auto_da_alloc=1]\n", stderr);
		return 2;
	}
	image_extend(&w.vol, NOTES + 1);
	w.vol.tab[ROOT] = (struct inode){ .mode = S_IFDIR | 0755, .uid = getuid(), .gid = getgid() };
	w.vol.tab[CONTROL] = (struct inode){ .mode = S_IFREG | 0600, .nlink = 1, .uid = getuid(), .gid = getgid() };
	w.vol.tab[NOTES] = (struct inode){ .mode = S_IFREG | 0622, .nlink = 1, .uid = getuid(), .gid = getgid() };
	touch(ROOT);
	rebase();

	char *fuse_argv[] = { "powercut", "-odefault_permissions,fsname=powercut,subtype=powercut", "-oallow_other" };
	struct fuse_args args = FUSE_ARGS_INIT(getuid() ? 2 : 3, fuse_argv);
	struct fuse_session *se = fuse_session_new(&args, &operations, sizeof operations, NULL);
	if (!se || fuse_set_signal_handlers(se) || fuse_session_mount(se, argv[first])) return 1;
	fuse_daemonize(!background);
	int rc = fuse_session_loop(se);
	fuse_session_unmount(se);
	fuse_remove_signal_handlers(se);
	fuse_session_destroy(se);
	fuse_opt_free_args(&args);
	return rc ? 1 : 0;
}
