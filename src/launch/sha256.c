#include "sha256.h"

#include <endian.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES 64
#define READ_BYTES (512 * BLOCK_BYTES)
/* No otad is larger; hashing 4 TiB of holes would hold up the start for hours. */
#define MAX_BYTES (256 << 20)

static const uint32_t constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static uint32_t turn(uint32_t x, int distance)
{
	return x >> distance | x << (32 - distance);
}

static void add_block(uint32_t state[8], const unsigned char *block)
{
	uint32_t w[64], s[8], t;

	memcpy(w, block, BLOCK_BYTES);
	memcpy(s, state, sizeof(s));
	for (int i = 0; i < 64; i++) {
		w[i] = i < 16 ? be32toh(w[i]) : w[i - 16] + w[i - 7] +
			       (turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3) +
			       (turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10);
		t = s[7] + constants[i] + w[i] + ((s[4] & s[5]) ^ (~s[4] & s[6])) +
		    (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25));
		memmove(s + 1, s, 7 * sizeof(*s));
		s[4] += t;
		s[0] = t + (turn(s[1], 2) ^ turn(s[1], 13) ^ turn(s[1], 22)) +
		       ((s[1] & s[2]) ^ (s[1] & s[3]) ^ (s[2] & s[3]));
	}
	for (int i = 0; i < 8; i++)
		state[i] += s[i];
}

bool sha256_file(int dir_fd, const char *name, char hex[65])
{
	static unsigned char data[READ_BYTES + 2 * BLOCK_BYTES];
	uint32_t state[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
			      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	uint64_t bits = 0, length;
	ssize_t size, end;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > MAX_BYTES)
		return false; /* the exec closes it */
	do {
		end = size = read(fd, data, READ_BYTES);
		bits += 8 * (uint64_t)size;
		if (size >= 0 && size < READ_BYTES) {
			/* The last ones: a 1, zeros, and the length of all. */
			end = (size + 8) / BLOCK_BYTES * BLOCK_BYTES + BLOCK_BYTES;
			memset(data + size, 0, 2 * BLOCK_BYTES);
			data[size] = 0x80;
			length = htobe64(bits);
			memcpy(data + end - 8, &length, 8);
		}
		for (ssize_t i = 0; i < end; i += BLOCK_BYTES)
			add_block(state, data + i);
	} while (size == READ_BYTES);
	for (int i = 0; i < 8; i++)
		snprintf(hex + 8 * i, 9, "%08x", state[i]);
	close(fd);
	return size >= 0;
}
