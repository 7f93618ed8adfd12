#include "../../src/install/elf.h"

#include <elf.h>
#include <limits.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/install-fixture.h"

#define PROGRAM "/bin/true"

/* Both classes have these at the same place. */
#define TYPE_AT 16
#define MACHINE_AT 18

static char loader[PATH_MAX];

static bool check(struct install_fixture *fx, const char *path)
{
	return elf_check(path, loader, sizeof(loader), &fx->err);
}

static void refused(struct install_fixture *fx, const char *path,
		    const char *why)
{
	assert_false(check(fx, path));
	assert_int_equal(fx->err.kind, OTA_ERROR_INCOMPATIBLE);
	if (!strstr(fx->err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", fx->err.text, why);
}

static void poke(const char *path, long at, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "r+b");

	assert_non_null(file);
	assert_int_equal(fseek(file, at, SEEK_SET), 0);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

/* A copy of a real program with some bytes changed. */
static const char *changed(struct install_fixture *fx, long at,
			   const void *bytes, size_t size)
{
	install_copy(PROGRAM, fx->artifact, "", 0644);
	poke(fx->artifact, at, bytes, size);
	return fx->artifact;
}

static void a_program_of_this_machine_passes(void **state)
{
	struct install_fixture *fx = *state;

	assert_true(check(fx, PROGRAM));
	assert_int_equal(loader[0], '/');
	assert_int_equal(access(loader, X_OK), 0);
}

static void what_is_appended_does_not_matter(void **state)
{
	struct install_fixture *fx = *state;

	install_copy(PROGRAM, fx->artifact, "a signature, say", 0644);
	assert_true(check(fx, fx->artifact));
}

static void text_is_no_program(void **state)
{
	struct install_fixture *fx = *state;

	install_write(fx->artifact, "<html>please log in</html>\n", 0644);
	refused(fx, fx->artifact, "no ELF program");
}

static void a_script_is_called_one(void **state)
{
	struct install_fixture *fx = *state;

	install_write(fx->artifact, "#!/bin/sh\nexit 0\n", 0755);
	refused(fx, fx->artifact, "a script");
}

static void short_files_are_no_programs(void **state)
{
	struct install_fixture *fx = *state;

	install_write(fx->artifact, "", 0644);
	refused(fx, fx->artifact, "is empty");
	install_write(fx->artifact, "\177ELF", 0644);
	refused(fx, fx->artifact, "no ELF program");
}

static void a_program_cut_off_anywhere_is_refused(void **state)
{
	struct install_fixture *fx = *state;
	struct stat st;

	assert_int_equal(stat(PROGRAM, &st), 0);
	for (off_t size = 0; size < st.st_size; size += 61) {
		install_copy(PROGRAM, fx->artifact, "", 0644);
		assert_int_equal(truncate(fx->artifact, size), 0);
		assert_false(check(fx, fx->artifact));
		assert_int_equal(fx->err.kind, OTA_ERROR_INCOMPATIBLE);
	}
	install_copy(PROGRAM, fx->artifact, "", 0644);
	assert_int_equal(truncate(fx->artifact, st.st_size - 1), 0);
	refused(fx, fx->artifact, "cut off");
}

/* sstrip(1) and packers leave none. */
static void what_begins_nowhere_is_no_program(void **state)
{
	struct install_fixture *fx = *state;
	uint64_t nowhere = 0;

	install_copy(PROGRAM, fx->artifact, "", 0600);
	poke(fx->artifact, 24, &nowhere, sizeof(void *));
	refused(fx, fx->artifact, "no program");
}

/* Read one by one, they would only take our time. */
static void too_many_segments_are_damage(void **state)
{
	struct install_fixture *fx = *state;
	uint16_t many = 1000;

	install_copy(PROGRAM, fx->artifact, "", 0600);
	assert_int_equal(truncate(fx->artifact, 1 << 20), 0);
	poke(fx->artifact, sizeof(void *) == 8 ? 56 : 44, &many, sizeof(many));
	refused(fx, fx->artifact, "damaged");
}

static void a_loader_that_does_not_fit_is_damage(void **state)
{
	struct install_fixture *fx = *state;
	char small[8] = "";

	assert_false(elf_check(PROGRAM, small, 4, &fx->err));
	assert_int_equal(fx->err.kind, OTA_ERROR_INCOMPATIBLE);
	assert_string_equal(small, "");
}

static void a_link_is_not_followed(void **state)
{
	struct install_fixture *fx = *state;

	assert_int_equal(symlink(PROGRAM, install_path(fx, "link")), 0);
	assert_false(check(fx, install_path(fx, "link")));
}

static void without_sections_the_segments_tell(void **state)
{
	static const unsigned char none[sizeof(ElfW(Off))];
	struct install_fixture *fx = *state;
	long sections_at = offsetof(ElfW(Ehdr), e_shoff);

	assert_true(check(fx, changed(fx, sections_at, none, sizeof(none))));
	assert_int_equal(truncate(fx->artifact, 12000), 0);
	refused(fx, fx->artifact, "cut off");
}

static void a_program_of_another_machine_is_refused(void **state)
{
	struct install_fixture *fx = *state;
	uint16_t machine = EM_S390;

	refused(fx, changed(fx, MACHINE_AT, &machine, sizeof(machine)),
		"is for another machine (22)");
}

static void the_other_byte_order_is_refused(void **state)
{
	struct install_fixture *fx = *state;
	unsigned char order = ELFDATA2MSB;
	uint16_t machine = __builtin_bswap16(EM_PPC);

	changed(fx, EI_DATA, &order, 1);
	poke(fx->artifact, MACHINE_AT, &machine, sizeof(machine));
	refused(fx, fx->artifact, "PowerPC (20), 64 bit big-endian");
}

static void the_other_class_is_refused(void **state)
{
	struct install_fixture *fx = *state;
	unsigned char class = sizeof(void *) == 8 ? ELFCLASS32 : ELFCLASS64;

	refused(fx, changed(fx, EI_CLASS, &class, 1), "this system is");
}

static void an_object_file_is_refused(void **state)
{
	struct install_fixture *fx = *state;
	uint16_t type = ET_REL;

	refused(fx, changed(fx, TYPE_AT, &type, sizeof(type)), "no program");
}

static void damaged_identifications_are_refused(void **state)
{
	struct install_fixture *fx = *state;
	unsigned char nonsense = 77;

	refused(fx, changed(fx, EI_CLASS, &nonsense, 1), "damaged");
	refused(fx, changed(fx, EI_VERSION, &nonsense, 1), "damaged");
}

static void a_missing_loader_is_named(void **state)
{
	struct install_fixture *fx = *state;
	size_t size = 4096;
	char head[4096];
	FILE *file = fopen(PROGRAM, "rb");
	char *at;

	assert_true(check(fx, PROGRAM));
	assert_non_null(file);
	assert_int_equal(fread(head, 1, size, file), size);
	fclose(file);
	at = memmem(head, size, loader, strlen(loader));
	assert_non_null(at);
	refused(fx, changed(fx, at - head + 1, "X", 1), "which this system");
}

/* Whatever the headers say, nothing is read or believed beyond the file. */
static void random_damage_is_survived(void **state)
{
	struct install_fixture *fx = *state;

	srandom(1);
	install_copy(PROGRAM, fx->artifact, "", 0644);
	for (int i = 0; i < 3000; i++) {
		unsigned char byte = (unsigned char)random();
		long at = random() % 900;

		poke(fx->artifact, at, &byte, 1);
		if (!check(fx, fx->artifact))
			assert_int_equal(fx->err.kind, OTA_ERROR_INCOMPATIBLE);
		if (i % 10 == 9)
			install_copy(PROGRAM, fx->artifact, "", 0644);
	}
}

static void what_is_no_regular_file_is_not_read(void **state)
{
	struct install_fixture *fx = *state;

	assert_int_equal(mkfifo(fx->artifact, 0600), 0);
	refused(fx, fx->artifact, "not a regular file");
	assert_false(check(fx, install_path(fx, "nothing")));
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, install_fixture_setup,           \
					install_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_program_of_this_machine_passes),
		TEST(what_is_appended_does_not_matter),
		TEST(text_is_no_program),
		TEST(a_script_is_called_one),
		TEST(short_files_are_no_programs),
		TEST(a_program_cut_off_anywhere_is_refused),
		TEST(what_begins_nowhere_is_no_program),
		TEST(too_many_segments_are_damage),
		TEST(a_loader_that_does_not_fit_is_damage),
		TEST(a_link_is_not_followed),
		TEST(without_sections_the_segments_tell),
		TEST(a_program_of_another_machine_is_refused),
		TEST(the_other_byte_order_is_refused),
		TEST(the_other_class_is_refused),
		TEST(an_object_file_is_refused),
		TEST(damaged_identifications_are_refused),
		TEST(a_missing_loader_is_named),
		TEST(random_damage_is_survived),
		TEST(what_is_no_regular_file_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
