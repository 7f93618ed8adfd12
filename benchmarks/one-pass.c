/*
 * The least that an update can cost: one-pass URL FILE [direct]
 *
 * Fetches a file, writes it and prints its SHA-256, reading nothing twice. With
 * `direct` it goes past the page cache in blocks of 4 MiB. A yardstick for
 * benchmarks/measure.py, no part of otad: nothing in it survives an error.
 */

#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>
#include <openssl/evp.h>

#define BLOCK_BYTES (4UL << 20)
#define PAGE_BYTES 4096

struct pass {
	int fd;
	bool direct;
	unsigned char *block;
	size_t used;
	EVP_MD_CTX *digest;
};

static void put(int fd, const unsigned char *data, size_t size)
{
	while (size > 0) {
		ssize_t done = write(fd, data, size);

		if (done < 0)
			err(1, "write");
		data += done;
		size -= (size_t)done;
	}
}

/* Whole blocks as they are; the rest at the end through the page cache. */
static void put_block(struct pass *pass)
{
	if (pass->used % PAGE_BYTES != 0 &&
	    fcntl(pass->fd, F_SETFL, O_WRONLY) < 0)
		err(1, "fcntl");
	put(pass->fd, pass->block, pass->used);
	pass->used = 0;
}

static size_t on_data(char *data, size_t one, size_t size, void *user_data)
{
	struct pass *pass = user_data;
	size_t left = size;

	EVP_DigestUpdate(pass->digest, data, size);
	if (!pass->direct) {
		put(pass->fd, (unsigned char *)data, size);
		return size;
	}
	while (left > 0) {
		size_t room = BLOCK_BYTES - pass->used;
		size_t part = left < room ? left : room;

		memcpy(pass->block + pass->used, data, part);
		pass->used += part;
		data += part;
		left -= part;
		if (pass->used == BLOCK_BYTES)
			put_block(pass);
	}
	return size;
}

static void fetch(struct pass *pass, const char *url)
{
	CURL *curl = curl_easy_init();
	CURLcode code;

	if (!curl)
		errx(1, "no curl");
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 512L * 1024);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, pass);
	code = curl_easy_perform(curl);
	if (code != CURLE_OK)
		errx(1, "%s: %s", url, curl_easy_strerror(code));
	curl_easy_cleanup(curl);
}

static void print_digest(EVP_MD_CTX *digest)
{
	unsigned char value[EVP_MAX_MD_SIZE];
	unsigned size;

	EVP_DigestFinal_ex(digest, value, &size);
	for (unsigned i = 0; i < size; i++)
		printf("%02x", value[i]);
	puts("");
}

int main(int argc, char **argv)
{
	struct pass pass = {
		.direct = argc > 3 && strcmp(argv[3], "direct") == 0,
		.digest = EVP_MD_CTX_new(),
	};
	int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;

	if (argc < 3)
		errx(2, "usage: one-pass URL FILE [direct]");
	pass.fd = open(argv[2], pass.direct ? flags | O_DIRECT : flags, 0644);
	if (pass.fd < 0)
		err(1, "%s", argv[2]);
	if (posix_memalign((void **)&pass.block, PAGE_BYTES, BLOCK_BYTES) != 0)
		errx(1, "no memory");
	EVP_DigestInit_ex(pass.digest, EVP_sha256(), NULL);
	fetch(&pass, argv[1]);
	put_block(&pass);
	if (fsync(pass.fd) < 0)
		err(1, "fsync");
	print_digest(pass.digest);
	return 0;
}
