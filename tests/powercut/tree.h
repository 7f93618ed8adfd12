/*
 * tree: an in-memory directory tree that is cheap to copy. Inodes share their
 * bytes, their directory entries and their attributes until one is written to.
 */
#ifndef TREE_H
#define TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define ROOT 1u			/* inode number of the root */
#define FIRST_FREE 4u		/* inode numbers below are reserved */

/* ---- counted byte strings, copied on write ------------------------------ */

struct blob {
	int refs;
	bool hashed;		/* `hash` is that of the bytes */
	uint64_t hash;
	size_t size, cap;
	unsigned char *p;
};

static void *grow(void *p, size_t n) {
	p = realloc(p, n ? n : 1);
	if (!p) abort();
	return p;
}

static void *zeros(size_t n) { return memset(grow(NULL, n), 0, n); }

static size_t size_of(const struct blob *b) { return b ? b->size : 0; }

static struct blob *blob_ref(struct blob *b) {
	if (b) b->refs++;
	return b;
}

static void blob_put(struct blob *b) {
	if (!b || --b->refs) return;
	free(b->p);
	free(b);
}

static void blob_set(struct blob **slot, struct blob *b) {
	blob_ref(b);
	blob_put(*slot);
	*slot = b;
}

/* Makes *slot an unshared blob of the given size; new bytes are zero. */
static void blob_resize(struct blob **slot, size_t size) {
	struct blob *b = *slot;
	if (!b || b->refs > 1) {
		b = zeros(sizeof *b);
		*b = (struct blob){ .refs = 1, .size = size_of(*slot), .cap = size_of(*slot), .p = grow(NULL, size_of(*slot)) };
		if (b->size) memcpy(b->p, (*slot)->p, b->size);
		blob_put(*slot);
		*slot = b;
	}
	b->hashed = false;
	if (size > b->cap) {
		b->cap = size + size / 4;
		b->p = grow(b->p, b->cap);
	}
	if (size > b->size) memset(b->p + b->size, 0, size - b->size);
	b->size = size;
}

static void blob_write(struct blob **slot, size_t off, const void *src, size_t len) {
	blob_resize(slot, off + len > size_of(*slot) ? off + len : size_of(*slot));
	if (len) memcpy((*slot)->p + off, src, len);
}

static void blob_cut(struct blob **slot, size_t off, size_t len) {
	blob_resize(slot, size_of(*slot));
	memmove((*slot)->p + off, (*slot)->p + off + len, (*slot)->size - off - len);
	(*slot)->size -= len;
}

static uint64_t mix(uint64_t x) {
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static uint64_t hash_bytes(uint64_t h, const void *p, size_t n) {
	const unsigned char *c = p;
	for (h = mix(h ^ n); n >= 8; c += 8, n -= 8) {
		uint64_t v;
		memcpy(&v, c, 8);
		h = (h ^ v) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	while (n--) h = (h ^ *c++) * 0x100000001b3u;
	return mix(h);
}

/* Of the content; kept until it changes. */
static uint64_t blob_hash(struct blob *b) {
	if (!b) return hash_bytes(0, NULL, 0);
	if (!b->hashed) b->hash = hash_bytes(0, b->p, b->size);
	b->hashed = true;
	return b->hash;
}

static uint64_t hash_blob(uint64_t h, struct blob *b) { return mix(h ^ blob_hash(b)); }

/* ---- images: a table of inodes, indexed by inode number ----------------- */

struct entry {
	char name[256];
	uint32_t ino, cookie;	/* cookie: position for readdir */
};

struct inode {
	mode_t mode;		/* 0: free */
	uid_t uid;
	gid_t gid;
	dev_t rdev;
	struct timespec mtime, ctime;
	int nlink, opens;
	uint32_t cookies;
	size_t reserved;	/* space held by fallocate */
	struct blob *data;	/* file bytes, symlink target or directory entries */
	struct blob *xattr;	/* array of struct xattr */
};

struct image {
	struct inode *tab;
	uint32_t n;
};

static void inode_clear(struct inode *f) {
	blob_put(f->data);
	blob_put(f->xattr);
	*f = (struct inode){ 0 };
}

static void image_clear(struct image *im) {
	while (im->n) inode_clear(&im->tab[--im->n]);
	free(im->tab);
	im->tab = NULL;
}

static void image_extend(struct image *im, uint32_t n) {
	if (n <= im->n) return;
	im->tab = grow(im->tab, n * sizeof *im->tab);
	memset(im->tab + im->n, 0, (n - im->n) * sizeof *im->tab);
	im->n = n;
}

static struct image image_copy(const struct image *src) {
	struct image im = { 0 };
	image_extend(&im, src->n);
	for (uint32_t i = 0; i < src->n; i++) {
		im.tab[i] = src->tab[i];
		im.tab[i].opens = 0;
		blob_ref(im.tab[i].data);
		blob_ref(im.tab[i].xattr);
	}
	return im;
}

static uint32_t entries(const struct inode *d) {
	return S_ISDIR(d->mode) ? (uint32_t)(size_of(d->data) / sizeof(struct entry)) : 0;
}

static struct entry *entry_at(const struct inode *d, uint32_t i) { return (struct entry *)d->data->p + i; }

/* The index of a name, or the number of entries if it is not there. */
static uint32_t find(const struct inode *d, const char *name) {
	uint32_t i = 0, n = entries(d);
	while (i < n && strcmp(entry_at(d, i)->name, name)) i++;
	return i;
}

static uint32_t lookup(const struct inode *d, const char *name) {
	uint32_t i = find(d, name);
	return i < entries(d) ? entry_at(d, i)->ino : 0;
}

/* Makes name in directory dir mean ino; 0 removes the name. */
static void set_entry(struct image *im, uint32_t dir, const char *name, uint32_t ino) {
	struct inode *d = &im->tab[dir];
	uint32_t i = find(d, name), n = entries(d);
	if (i < n) im->tab[entry_at(d, i)->ino].nlink--;
	if (ino) {
		blob_resize(&d->data, (i < n ? n : n + 1) * sizeof(struct entry));
		struct entry *e = entry_at(d, i);
		if (i == n) e->cookie = ++d->cookies;
		snprintf(e->name, sizeof e->name, "%s", name);
		e->ino = ino;
		im->tab[ino].nlink++;
	} else if (i < n) {
		blob_cut(&d->data, i * sizeof(struct entry), sizeof(struct entry));
	}
}

/* Counts the links that the root reaches, entering each directory but once. */
static void image_visit(struct image *im, uint32_t dir, bool *seen) {
	struct inode *d = &im->tab[dir];
	seen[dir] = true;
	for (uint32_t i = 0; i < entries(d);) {
		uint32_t ino = entry_at(d, i)->ino;
		struct inode *f = &im->tab[ino];
		if (!f->mode || (S_ISDIR(f->mode) && seen[ino])) {
			blob_cut(&d->data, i * sizeof(struct entry), sizeof(struct entry));
			continue;
		}
		f->nlink++;
		if (S_ISDIR(f->mode)) image_visit(im, ino, seen);
		seen[ino] = true;
		i++;
	}
}

/* Drops the inodes that no name reaches. */
static void image_prune(struct image *im) {
	bool *seen = zeros(im->n);
	for (uint32_t i = 0; i < im->n; i++) im->tab[i].nlink = 0;
	image_visit(im, ROOT, seen);
	for (uint32_t i = FIRST_FREE; i < im->n; i++)
		if (!seen[i]) inode_clear(&im->tab[i]);
	while (im->n > FIRST_FREE && !im->tab[im->n - 1].mode) im->n--;
	free(seen);
}

/* A hash of names, contents and attributes, not of times or inode numbers. */
static uint64_t image_hash(const struct image *im, uint32_t ino, uint64_t path) {
	const struct inode *f = &im->tab[ino];
	bool dir = S_ISDIR(f->mode);
	uint64_t own[] = { path, f->mode, f->uid, f->gid, f->rdev, dir ? 0 : (uint64_t)f->nlink };
	uint64_t h = hash_blob(hash_blob(hash_bytes(1, own, sizeof own), dir ? NULL : f->data), f->xattr);
	for (uint32_t i = 0; i < entries(f); i++) {
		const struct entry *e = entry_at(f, i);
		h += image_hash(im, e->ino, hash_bytes(path, e->name, strlen(e->name)));
	}
	return h;
}

#endif
