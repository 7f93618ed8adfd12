#include "elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Linkers make about a dozen; a file with more only wants our time. */
#define MAX_SEGMENTS 128

/* Both classes in one shape. */
struct elf {
	unsigned char ident[EI_NIDENT];
	uint16_t type, machine;
	uint64_t entry;
	uint64_t segments_at, sections_at;
	unsigned segment_bytes, n_segments;
	unsigned section_bytes, n_sections;
};

struct segment {
	uint32_t type;
	uint64_t at, size_bytes;
};

static bool cut_off(struct ota_error *err)
{
	return ota_fail(err, OTA_ERROR_INCOMPATIBLE,
			"the artifact is cut off: its headers tell of more");
}

static bool damaged(struct ota_error *err)
{
	return ota_fail(err, OTA_ERROR_INCOMPATIBLE,
			"the artifact has a damaged ELF header");
}

static bool read_at(int fd, void *buffer, size_t size, uint64_t at,
		    struct ota_error *err)
{
	ssize_t n;

	if (at > INT64_MAX)
		return cut_off(err);
	do
		n = pread(fd, buffer, size, (off_t)at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return ota_fail_errno(err, errno, "read the headers of a program");
	return n == (ssize_t)size || cut_off(err);
}

#define COPY_HEADER(elf, header)                             \
	do {                                                 \
		(elf)->type = (header).e_type;               \
		(elf)->machine = (header).e_machine;         \
		(elf)->entry = (header).e_entry;             \
		(elf)->segments_at = (header).e_phoff;       \
		(elf)->sections_at = (header).e_shoff;       \
		(elf)->segment_bytes = (header).e_phentsize; \
		(elf)->n_segments = (header).e_phnum;        \
		(elf)->section_bytes = (header).e_shentsize; \
		(elf)->n_sections = (header).e_shnum;        \
	} while (0)

/* The identification must be right already. */
static bool read_header(int fd, struct elf *elf, struct ota_error *err)
{
	Elf32_Ehdr narrow;
	Elf64_Ehdr wide;

	if (elf->ident[EI_CLASS] == ELFCLASS32) {
		if (!read_at(fd, &narrow, sizeof(narrow), 0, err))
			return false;
		COPY_HEADER(elf, narrow);
	} else {
		if (!read_at(fd, &wide, sizeof(wide), 0, err))
			return false;
		COPY_HEADER(elf, wide);
	}
	return true;
}

static bool read_segment(int fd, const struct elf *elf, unsigned index,
			 struct segment *ret, struct ota_error *err)
{
	uint64_t at = elf->segments_at + (uint64_t)index * elf->segment_bytes;
	Elf32_Phdr narrow;
	Elf64_Phdr wide;

	if (elf->ident[EI_CLASS] == ELFCLASS32) {
		if (!read_at(fd, &narrow, sizeof(narrow), at, err))
			return false;
		*ret = (struct segment){narrow.p_type, narrow.p_offset,
					narrow.p_filesz};
	} else {
		if (!read_at(fd, &wide, sizeof(wide), at, err))
			return false;
		*ret = (struct segment){wide.p_type, wide.p_offset,
					wide.p_filesz};
	}
	return true;
}

static const char *machine_name(unsigned machine)
{
	switch (machine) {
	case EM_386:
		return "x86";
	case EM_X86_64:
		return "x86-64";
	case EM_ARM:
		return "ARM";
	case EM_AARCH64:
		return "AArch64";
	case EM_RISCV:
		return "RISC-V";
	case EM_MIPS:
		return "MIPS";
	case EM_PPC:
	case EM_PPC64:
		return "PowerPC";
	default: /* an open set: elf(5) has hundreds */
		return "another machine";
	}
}

static const char *class_name(const struct elf *elf)
{
	return elf->ident[EI_CLASS] == ELFCLASS32 ? "32 bit" : "64 bit";
}

static const char *order_name(const struct elf *elf)
{
	return elf->ident[EI_DATA] == ELFDATA2MSB ? "big-endian"
						  : "little-endian";
}

static bool check_ident(int fd, uint64_t size, struct elf *elf,
			struct ota_error *err)
{
	if (size == 0)
		return ota_fail(err, OTA_ERROR_INCOMPATIBLE,
				"the artifact is empty");
	if (size >= EI_NIDENT && !read_at(fd, elf->ident, EI_NIDENT, 0, err))
		return false;
	if (size < EI_NIDENT || memcmp(elf->ident, ELFMAG, SELFMAG) != 0)
		return ota_fail(err, OTA_ERROR_INCOMPATIBLE,
				"the artifact is no ELF program%s",
				memcmp(elf->ident, "#!", 2) == 0
					? " but a script"
					: "");
	if (elf->ident[EI_VERSION] != EV_CURRENT ||
	    (elf->ident[EI_CLASS] != ELFCLASS32 &&
	     elf->ident[EI_CLASS] != ELFCLASS64))
		return damaged(err);
	return true;
}

static bool check_machine(const struct elf *elf, const struct elf *own,
			  struct ota_error *err)
{
	bool same_order = elf->ident[EI_DATA] == own->ident[EI_DATA];
	unsigned machine =
		same_order ? elf->machine : __builtin_bswap16(elf->machine);

	if (elf->ident[EI_CLASS] == own->ident[EI_CLASS] && same_order &&
	    elf->machine == own->machine)
		return true;
	return ota_fail(
		err, OTA_ERROR_INCOMPATIBLE,
		"the artifact is for %s (%u), %s %s; this system is %s, %s %s",
		machine_name(machine), machine, class_name(elf),
		order_name(elf), machine_name(own->machine), class_name(own),
		order_name(own));
}

static bool fits(uint64_t at, uint64_t bytes, uint64_t size)
{
	return at <= size && bytes <= size - at;
}

static bool check_shape(const struct elf *elf, uint64_t size,
			struct ota_error *err)
{
	size_t segment_bytes = elf->ident[EI_CLASS] == ELFCLASS32
				       ? sizeof(Elf32_Phdr)
				       : sizeof(Elf64_Phdr);

	/* Shared libraries are ET_DYN too, but begin nowhere. */
	if ((elf->type != ET_EXEC && elf->type != ET_DYN) || elf->entry == 0)
		return ota_fail(err, OTA_ERROR_INCOMPATIBLE,
				"the artifact is an ELF file, but no program");
	if (elf->n_segments == 0 || elf->n_segments > MAX_SEGMENTS ||
	    elf->segment_bytes != segment_bytes)
		return damaged(err);
	if (!fits(elf->segments_at,
		  (uint64_t)elf->n_segments * elf->segment_bytes, size))
		return cut_off(err);
	/* Nothing needs the sections, but they are what is cut off first. */
	if (elf->sections_at != 0 &&
	    !fits(elf->sections_at,
		  (uint64_t)elf->n_sections * elf->section_bytes, size))
		return cut_off(err);
	return true;
}

static bool read_loader(int fd, const struct segment *segment, char *loader,
			size_t size, struct ota_error *err)
{
	size_t length = (size_t)segment->size_bytes;

	if (segment->size_bytes == 0 || segment->size_bytes > size)
		return damaged(err);
	if (!read_at(fd, loader, length, segment->at, err)) {
		loader[0] = '\0';
		return false;
	}
	if (loader[length - 1] != '\0' || loader[0] != '/') {
		loader[0] = '\0';
		return damaged(err);
	}
	if (access(loader, F_OK) == 0)
		return true;
	if (errno != ENOENT && errno != ENOTDIR)
		return ota_fail_errno(err, errno, "look for %s", loader);
	return ota_fail(err, OTA_ERROR_INCOMPATIBLE,
			"the artifact needs %s, which this system does not have",
			loader);
}

static bool check_segments(int fd, const struct elf *elf, uint64_t size,
			   char *loader, size_t loader_size,
			   struct ota_error *err)
{
	struct segment segment;
	bool loads = false;

	for (unsigned i = 0; i < elf->n_segments; i++) {
		if (!read_segment(fd, elf, i, &segment, err))
			return false;
		if (segment.type != PT_LOAD && segment.type != PT_INTERP)
			continue;
		if (!fits(segment.at, segment.size_bytes, size))
			return cut_off(err);
		loads |= segment.type == PT_LOAD;
		if (segment.type == PT_INTERP &&
		    !read_loader(fd, &segment, loader, loader_size, err))
			return false;
	}
	if (!loads)
		return ota_fail(err, OTA_ERROR_INCOMPATIBLE,
				"the artifact is an ELF file, but no program");
	return true;
}

static bool read_own(struct elf *own, struct ota_error *err)
{
	OTA_CLEANUP(close_fdp)
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return ota_fail_errno(err, errno, "open /proc/self/exe");
	return read_at(fd, own->ident, EI_NIDENT, 0, err) &&
	       read_header(fd, own, err);
}

bool elf_check(const char *path, char *ret_loader, size_t size,
	       struct ota_error *err)
{
	OTA_CLEANUP(close_fdp) int fd = -1;
	struct elf elf = {.type = ET_NONE};
	struct elf own = {.type = ET_NONE};
	struct stat st;

	ret_loader[0] = '\0';
	if (!read_own(&own, err))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return ota_fail_errno(err, errno, "open %s", path);
	if (!S_ISREG(st.st_mode))
		return ota_fail(err, OTA_ERROR_INCOMPATIBLE,
				"the artifact is not a regular file");
	if (!check_ident(fd, (uint64_t)st.st_size, &elf, err))
		return false;
	return read_header(fd, &elf, err) &&
	       check_machine(&elf, &own, err) &&
	       check_shape(&elf, (uint64_t)st.st_size, err) &&
	       check_segments(fd, &elf, (uint64_t)st.st_size, ret_loader, size,
			      err);
}
