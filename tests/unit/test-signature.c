#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "otad/base/file.h"
#include "otad/verify/signature.h"

#define SIGN OTAD_SOURCE_ROOT "/scripts/sign-artifact"

#define OTHER_SHA256                                                           \
	"d0ebab38de8efbfb0ebf0a9cff7dd2da21f58ae4b7d2ed0a4fb52fbe3ac3ea90"

struct fixture {
	char dir[256];
	char sha256[65]; /* of "firmware" */
};

static void run(const struct fixture *fx, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void run(const struct fixture *fx, const char *format, ...)
{
	char command[2048], whole[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	snprintf(whole, sizeof(whole), "cd '%s' && (%s) 2>stderr", fx->dir,
		 command);
	if (system(whole) != 0)
		fail_msg("failed: %s", whole);
}

static void make_key(const struct fixture *fx, const char *name,
		     const char *options)
{
	run(fx, "openssl genpkey %s -out %s.key && "
		"openssl pkey -in %s.key -pubout -out %s.pem",
	    options, name, name, name);
}

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	const char *tmp = getenv("TMPDIR");
	FILE *pipe;
	char command[512];

	snprintf(fx->dir, sizeof(fx->dir), "%s/otad-sign-XXXXXX",
		 tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(fx->dir));
	make_key(fx, "ed", "-algorithm ed25519");
	make_key(fx, "ec", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256");
	make_key(fx, "rsa", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048");
	make_key(fx, "weak", "-algorithm RSA -pkeyopt rsa_keygen_bits:1024");
	make_key(fx, "short", "-algorithm EC -pkeyopt ec_paramgen_curve:secp160r1");
	make_key(fx, "other", "-algorithm ed25519");
	make_key(fx, "x", "-algorithm x25519");
	run(fx, "printf firmware > fw");
	snprintf(command, sizeof(command),
		 "openssl dgst -sha256 -r '%s/fw' | cut -c1-64", fx->dir);
	pipe = popen(command, "re");
	assert_non_null(pipe);
	assert_int_equal(fread(fx->sha256, 1, 64, pipe), 64);
	pclose(pipe);
	*state = fx;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;

	run(fx, "rm -rf '%s'", fx->dir);
	free(fx);
	return 0;
}

/* A file of the folder, owned. */
static char *read_text(const struct fixture *fx, const char *name)
{
	struct ota_error err = OTA_ERROR_INIT;
	char path[512];
	size_t size;
	char *text;

	snprintf(path, sizeof(path), "%s/%s", fx->dir, name);
	text = file_read(path, 100000, &size, &err);
	assert_non_null(text);
	return text;
}

/* The signature file of fw for module app, version 1.0.2; owned. */
static char *sign(const struct fixture *fx, const char *key)
{
	run(fx, SIGN " %s.key app 1.0.2 fw > fw.sig", key);
	return read_text(fx, "fw.sig");
}

static struct trusted_keys *load(const struct fixture *fx, const char *pattern,
				 struct ota_error *err)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", fx->dir, pattern);
	return trusted_keys_load(path, err);
}

static bool check_for(const struct fixture *fx, const char *pattern,
		      const char *text, size_t size,
		      const struct signature_subject *subject)
{
	struct ota_error err = OTA_ERROR_INIT;
	OTA_CLEANUP(trusted_keys_freep) struct trusted_keys *keys =
		load(fx, pattern, &err);
	bool ok;

	assert_non_null(keys);
	ok = signature_check(keys, text, size, subject, &err);
	assert_int_equal(err.kind,
			 ok ? OTA_ERROR_NONE : OTA_ERROR_SIGNATURE_INVALID);
	return ok;
}

static bool check(const struct fixture *fx, const char *pattern,
		  const char *text)
{
	struct digest sha256;
	const struct signature_subject subject = {
		.module = "app",
		.version = "1.0.2",
		.size_bytes = 8,
		.sha256 = &sha256,
	};

	assert_true(digest_set(&sha256, DIGEST_SHA256, fx->sha256));
	return check_for(fx, pattern, text, strlen(text), &subject);
}

static void what_the_script_signs_is_accepted(void **state)
{
	static const char *const kinds[] = { "ed", "ec", "rsa" };
	struct fixture *fx = *state;
	char pattern[16];

	for (size_t i = 0; i < OTA_ARRAY_SIZE(kinds); i++) {
		OTA_CLEANUP(freep) char *text = sign(fx, kinds[i]);

		snprintf(pattern, sizeof(pattern), "%s.pem", kinds[i]);
		assert_true(check(fx, pattern, text));
		/* Any of several keys will do. */
		assert_true(check(fx, "[er][dcs]*.pem", text));
		assert_false(check(fx, "other.pem", text));
	}
}

static void the_manifest_reads_as_documented(void **state)
{
	struct fixture *fx = *state;
	OTA_CLEANUP(freep) char *text = sign(fx, "ed");
	char want[512];

	snprintf(want, sizeof(want),
		 "otad-manifest: 1\nmodule: app\nversion: 1.0.2\nsize: 8\n"
		 "sha256: %s\nsignature: ",
		 fx->sha256);
	assert_memory_equal(text, want, strlen(want));
	assert_int_equal(text[strlen(text) - 1], '\n');
}

static void every_changed_byte_is_noticed(void **state)
{
	struct fixture *fx = *state;
	OTA_CLEANUP(freep) char *text = sign(fx, "ed");
	size_t size = strlen(text);

	for (size_t i = 0; i < size; i++) {
		text[i] ^= 1;
		if (check(fx, "ed.pem", text))
			fail_msg("byte %zu does not count", i);
		text[i] ^= 1;
	}
	assert_true(check(fx, "ed.pem", text));
}

static void every_cut_is_noticed(void **state)
{
	struct fixture *fx = *state;
	OTA_CLEANUP(freep) char *text = sign(fx, "ec");

	for (size_t size = strlen(text); size > 0; size--) {
		text[size - 1] = '\0';
		assert_false(check(fx, "ec.pem", text));
	}
}

static void the_signature_is_for_one_subject_alone(void **state)
{
	struct fixture *fx = *state;
	OTA_CLEANUP(freep) char *text = sign(fx, "ed");
	struct digest right, wrong;
	const struct signature_subject good = { "app", "1.0.2", 8, &right };
	const struct signature_subject bad[] = {
		{ "default", "1.0.2", 8, &right },
		{ "app", "1.0.3", 8, &right },
		{ "ap", "1.0.2", 8, &right },
		{ "app", "1.0.2", 9, &right },
		{ "app", "1.0.2", 8, &wrong },
	};

	assert_true(digest_set(&right, DIGEST_SHA256, fx->sha256));
	assert_true(digest_set(&wrong, DIGEST_SHA256, OTHER_SHA256));
	assert_true(check_for(fx, "ed.pem", text, strlen(text), &good));
	for (size_t i = 0; i < OTA_ARRAY_SIZE(bad); i++)
		assert_false(check_for(fx, "ed.pem", text, strlen(text),
				       &bad[i]));
	wrong.alg = DIGEST_NONE;
	assert_false(check_for(fx, "ed.pem", text, strlen(text), &bad[4]));
}

/* `text` with the first `from` replaced, owned. */
static char *replace(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *result;

	assert_non_null(at);
	assert_true(asprintf(&result, "%.*s%s%s", (int)(at - text), text, to,
			     at + strlen(from)) > 0);
	return result;
}

/* The right signature under what reads the same, or nearly. */
static void there_is_one_spelling_only(void **state)
{
	static const char *const spellings[][2] = {
		{ "otad-manifest: 1", "otad-manifest: 2" },
		{ "otad-manifest: 1", "otad-manifest: 1 " },
		{ "otad-manifest: 1\n", "" },
		{ "otad-manifest: 1\n", "\notad-manifest: 1\n" },
		{ "module: app\n", "" },
		{ "module: app\n", "module: app\nmodule: app\n" },
		{ "module: app", "module:app" },
		{ "module: app", "Module: app" },
		{ "module: app", "module: " },
		{ "module: app", "module: app\t" },
		{ "size: 8", "size: 08" },
		{ "size: 8", "size: +8" },
		{ "size: 8", "size: -8" },
		{ "size: 8", "size: 8.0" },
		{ "size: 8", "size: 18446744073709551624" },
		{ "sha256: ", "sha256: 0" },
		{ "\n", "\r\n" },
		{ "signature: ", "signature:  " },
		{ "signature: ", "signature:     " },
		{ "signature: ", "signature: \n" },
		{ "==\n", "=\n" },
		{ "==\n", "==" },
		{ "==\n", "==\n\n" },
		{ "==\n", "== \n" },
		{ "==\n", "====\n" },
		{ "==\n", "==\nsignature: AAAA\n" },
	};
	struct fixture *fx = *state;
	OTA_CLEANUP(freep) char *text = sign(fx, "ed");

	assert_non_null(strstr(text, "==\n"));
	for (size_t i = 0; i < OTA_ARRAY_SIZE(spellings); i++) {
		OTA_CLEANUP(freep) char *other =
			replace(text, spellings[i][0], spellings[i][1]);

		if (check(fx, "ed.pem", other))
			fail_msg("accepted: %s", other);
	}
}

/* The last digit before the padding has four bits that mean nothing. */
static void the_spare_bits_of_base64_are_zero(void **state)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	struct fixture *fx = *state;
	OTA_CLEANUP(freep) char *text = sign(fx, "ed");
	char *digit = strstr(text, "==\n") - 1;
	size_t value = (size_t)(strchr(digits, *digit) - digits);

	assert_int_equal(value & 15, 0);
	for (size_t spare = 1; spare < 16; spare++) {
		*digit = digits[value + spare];
		assert_false(check(fx, "ed.pem", text));
	}
	*digit = digits[value];
	assert_true(check(fx, "ed.pem", text));
}

/* Signed, and yet not a manifest of ours: the parser itself must say no. */
static void a_signed_text_must_still_be_a_manifest(void **state)
{
	static const char *const edits[] = {
		"s/size: 8/size: 08/",
		"s/size: 8/size: 18446744073709551624/",
		"s/manifest: 1/manifest: 2/",
		"s/module:/Module:/",
		"s/\\(sha256: \\)\\(.*\\)/\\1\\U\\2/",
		"1d",
		"2p",
		"2{h;d};3G",
		"$a more: 1",
	};
	struct fixture *fx = *state;

	run(fx, SIGN " ed.key app 1.0.2 fw | head -n 5 > m");
	for (size_t i = 0; i < OTA_ARRAY_SIZE(edits); i++) {
		OTA_CLEANUP(freep) char *text = NULL;

		run(fx,
		    "sed -e '%s' m > n && ! cmp -s m n && "
		    "openssl pkeyutl -sign -rawin -inkey ed.key -in n -out s "
		    "&& { cat n; printf 'signature: %%s\n' "
		    "\"$(openssl base64 -A -in s)\"; } > n.sig",
		    edits[i]);
		text = read_text(fx, "n.sig");
		if (check(fx, "ed.pem", text))
			fail_msg("accepted: %s", text);
	}
}

/* Which OpenSSL calls an error, not a bad signature. */
static void what_is_no_signature_at_all_is_refused(void **state)
{
	static const char *const keys[] = { "ed", "ec", "rsa" };
	static const char *const lines[] = { "AAAA", "MAA=", "MAYCAQACAQA=" };
	struct fixture *fx = *state;

	for (size_t i = 0; i < OTA_ARRAY_SIZE(keys); i++) {
		OTA_CLEANUP(freep) char *text = sign(fx, keys[i]);
		char pattern[16];

		snprintf(pattern, sizeof(pattern), "%s.pem", keys[i]);
		assert_true(check(fx, pattern, text));
		for (size_t k = 0; k < OTA_ARRAY_SIZE(lines); k++) {
			sprintf(strstr(text, "signature: "), "signature: %s\n",
				lines[k]);
			if (check(fx, pattern, text))
				fail_msg("accepted: %s", text);
		}
	}
}

/* The sanitizers would see it go past its place. */
static void a_long_line_is_refused(void **state)
{
	static const char *const lines[] = { "module", "version", "signature" };
	struct fixture *fx = *state;
	OTA_CLEANUP(freep) char *text = sign(fx, "ed");

	for (size_t i = 0; i < OTA_ARRAY_SIZE(lines); i++) {
		OTA_CLEANUP(freep) char *longer = NULL;
		const char *value = strstr(text, lines[i]) + strlen(lines[i]) + 2;

		assert_true(asprintf(&longer, "%.*s%02800d%s",
				     (int)(value - text), text, 0,
				     strchr(value, '\n')) > 0);
		assert_false(check(fx, "ed.pem", longer));
	}
}

static void long_texts_are_refused(void **state)
{
	struct fixture *fx = *state;
	OTA_CLEANUP(freep) char *padded = calloc(1, SIGNATURE_MAX_BYTES + 2);

	assert_non_null(padded);
	memset(padded, 'x', SIGNATURE_MAX_BYTES + 1);
	assert_false(check(fx, "ed.pem", padded));
	memcpy(padded, "otad-manifest: ", 15);
	assert_false(check(fx, "ed.pem", padded));
}

static void expect_no_keys(const struct fixture *fx, const char *pattern,
			   const char *why)
{
	struct ota_error err = OTA_ERROR_INIT;

	assert_null(load(fx, pattern, &err));
	if (!strstr(err.text, why))
		fail_msg("%s", err.text);
}

static void private_keys_are_refused_with_advice(void **state)
{
	struct fixture *fx = *state;

	expect_no_keys(fx, "ed.key", "private key");
	expect_no_keys(fx, "ed.*", "private key");
	run(fx, "cat ed.pem ed.key > both");
	expect_no_keys(fx, "both", "private key");
}

static void every_key_of_a_file_counts(void **state)
{
	struct fixture *fx = *state;
	OTA_CLEANUP(freep) char *first = sign(fx, "ed");
	OTA_CLEANUP(freep) char *second = sign(fx, "other");

	run(fx, "(echo old; cat ed.pem; echo new; cat other.pem; echo) > both");
	assert_true(check(fx, "both", first));
	assert_true(check(fx, "both", second));
	/* And every one of them must be good. */
	run(fx, "cat ed.pem weak.pem > both");
	expect_no_keys(fx, "both", "RSA key needs 2048 bits");
	run(fx, "(cat ed.pem; head -c 100 other.pem) > both");
	expect_no_keys(fx, "both", "more than public keys");
	run(fx, "(cat ed.pem; sed s/PUBLIC/OTHER/ other.pem) > both");
	expect_no_keys(fx, "both", "more than public keys");
}

static void only_good_keys_are_loaded(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err = OTA_ERROR_INIT;

	expect_no_keys(fx, "nothing*", "names no file");
	expect_no_keys(fx, "fw", "no public key");
	expect_no_keys(fx, "weak.pem", "RSA key needs 2048 bits");
	expect_no_keys(fx, "short.pem", "EC key needs 224 bits");
	expect_no_keys(fx, "x.pem", "Ed25519");
	run(fx, ": > empty; head -c 100 ed.pem > cut; "
		"printf '\\0\\n' > nul; cat ed.pem >> nul; "
		"head -c 20000 /dev/zero | tr '\\0' x > large; mkdir -p folder");
	expect_no_keys(fx, "empty", "no public key");
	expect_no_keys(fx, "cut", "no public key");
	expect_no_keys(fx, "nul", "no public key");
	/* OpenSSL would ask for a password where there is a terminal. */
	run(fx, "sed '1a Proc-Type: 4,ENCRYPTED\\nDEK-Info: AES-256-CBC,"
		"00112233445566778899AABBCCDDEEFF\\n' ed.pem > asks");
	expect_no_keys(fx, "asks", "no public key");
	expect_no_keys(fx, "large", "large");
	expect_no_keys(fx, "folder", "folder");
	/* One bad key spoils them all: a typing error must not go unnoticed. */
	expect_no_keys(fx, "{ed,weak}.pem", "names no file");
	expect_no_keys(fx, "[ew]*.pem", "2048 bits");
	assert_null(trusted_keys_load(NULL, &err));
	assert_null(trusted_keys_load("", &err));
}

static void expect_url(const char *artifact, const char *want)
{
	OTA_CLEANUP(freep) char *url = signature_url(artifact);

	assert_string_equal(url, want);
}

static void the_suffix_goes_to_the_path(void **state)
{
	expect_url("https://h/fw.bin", "https://h/fw.bin.sig");
	expect_url("https://h/a/fw?x=1/2&y=?", "https://h/a/fw.sig?x=1/2&y=?");
	expect_url("https://h/fw#part", "https://h/fw.sig#part");
	expect_url("https://h/?x", "https://h/.sig?x");
	/* Never to the host. */
	expect_url("https://h", "https://h/.sig");
	expect_url("https://h:8443?x=/y", "https://h:8443/.sig?x=/y");
	expect_url("https://h#/x", "https://h/.sig#/x");
}

static void the_script_prints_nothing_when_it_fails(void **state)
{
	struct fixture *fx = *state;

	run(fx, "! " SIGN " missing.key app 1 fw > out; [ ! -s out ]");
	run(fx, "! " SIGN " ed.pem app 1 fw > out; [ ! -s out ]");
	run(fx, "! " SIGN " ed.key app 1 missing > out; [ ! -s out ]");
	run(fx, "! " SIGN " ed.key \"$(printf 'a\\nb')\" 1 fw > out; "
		"[ ! -s out ]");
	run(fx, "! " SIGN " ed.key '' 1 fw > out; [ ! -s out ]");
	run(fx, SIGN " ed.key app 1 > out; [ $? -eq 2 ]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_script_signs_is_accepted),
		cmocka_unit_test(the_manifest_reads_as_documented),
		cmocka_unit_test(every_changed_byte_is_noticed),
		cmocka_unit_test(every_cut_is_noticed),
		cmocka_unit_test(the_signature_is_for_one_subject_alone),
		cmocka_unit_test(there_is_one_spelling_only),
		cmocka_unit_test(the_spare_bits_of_base64_are_zero),
		cmocka_unit_test(a_signed_text_must_still_be_a_manifest),
		cmocka_unit_test(what_is_no_signature_at_all_is_refused),
		cmocka_unit_test(a_long_line_is_refused),
		cmocka_unit_test(long_texts_are_refused),
		cmocka_unit_test(private_keys_are_refused_with_advice),
		cmocka_unit_test(every_key_of_a_file_counts),
		cmocka_unit_test(only_good_keys_are_loaded),
		cmocka_unit_test(the_suffix_goes_to_the_path),
		cmocka_unit_test(the_script_prints_nothing_when_it_fails),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
